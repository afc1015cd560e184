//! A pair of commands that the configuration declares. Callers choose it by name and say nothing else.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{Apply, ApplyError, Tools};
use crate::{config::Pair, run::Job, switch::Facts};

/// Which pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    name: String,
}

impl Named {
    async fn run(&self, tools: &Tools, id: &str, step: &'static str, argv: Vec<String>) -> Result<(), ApplyError> {
        let job = Job { session: id, step, argv, patience: tools.apply_patience() };
        Ok(tools.runner.run(&tools.systemd, &job).await?)
    }
}

/// The pair as it was when the session began: a changed configuration does not change the way back.
fn pair(facts: &Facts) -> Result<Pair, ApplyError> {
    Ok(serde_json::from_value(facts.way.clone())?)
}

impl Apply for Named {
    fn things(&self, tools: &Tools) -> Vec<String> {
        let thing = tools.config.now().named.get(&self.name).and_then(|pair| pair.thing.clone());
        vec![format!("named:{}", thing.unwrap_or_else(|| self.name.clone()))]
    }

    fn prepare<'a>(&'a self, tools: &'a Tools, _id: &'a str) -> BoxFuture<'a, Result<Facts, ApplyError>> {
        Box::pin(async move {
            let config = tools.config.now();
            let known = || config.named.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let pair = config.named.get(&self.name).ok_or_else(|| {
                ApplyError::Invalid(format!("the configuration has no change {:?}; it has: {}", self.name, known()))
            })?;
            let programs = [Some(&pair.apply), Some(&pair.rollback), pair.verify.as_ref()];
            for argv in programs.into_iter().flatten() {
                if !argv.first().is_some_and(|program| program.starts_with('/')) {
                    return Err(ApplyError::Invalid(format!(
                        "[watch.named.{}]: a program stands there whole, such as /usr/bin/true",
                        self.name
                    )));
                }
            }
            Ok(Facts {
                previous: pair.rollback.join(" "),
                next: pair.apply.join(" "),
                // The same pair changes something else each time: there is nothing to know again.
                key: None,
                way: serde_json::to_value(pair)?,
            })
        })
    }

    fn apply<'a>(&'a self, tools: &'a Tools, id: &'a str, facts: &'a Facts) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move { self.run(tools, id, "apply", pair(facts)?.apply).await })
    }

    fn rollback<'a>(
        &'a self,
        tools: &'a Tools,
        id: &'a str,
        facts: &'a Facts,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move { self.run(tools, id, "back", pair(facts)?.rollback).await })
    }

    fn verify<'a>(&'a self, tools: &'a Tools, id: &'a str, facts: &'a Facts) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            match pair(facts)?.verify {
                Some(argv) => {
                    self.run(tools, id, "verify", argv).await.map_err(|error| ApplyError::NotUndone(error.to_string()))
                }
                None => Ok(()),
            }
        })
    }

    fn was_applied<'a>(&'a self, tools: &'a Tools, id: &'a str, _facts: &'a Facts) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let adopted = tools.runner.adopt(&tools.systemd, id, "apply", tools.apply_patience()).await;
            matches!(adopted, Ok(Some(osmoda_systemd::Ended::Well)))
        })
    }
}
