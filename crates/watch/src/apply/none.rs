//! A change that is made already: there is only a way back, to the generation before.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{Apply, ApplyError, Tools, profile};
use crate::switch::Facts;

/// Which profile was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoChange {
    pub(super) profile: Option<String>,
}

impl Apply for NoChange {
    fn things(&self, _tools: &Tools) -> Vec<String> {
        vec![format!("profile:{}", self.profile.as_deref().unwrap_or(profile::SYSTEM))]
    }

    fn prepare<'a>(&'a self, tools: &'a Tools, _id: &'a str) -> BoxFuture<'a, Result<Facts, ApplyError>> {
        Box::pin(async move {
            let profile = profile::checked(tools, self.profile.as_deref())?;
            let current = profile::current(&profile)?;
            let previous = profile::before(&profile, &current)?;
            let told = current.told();
            profile::facts(&profile::Way { profile, previous, next: current.target }, told)
        })
    }

    fn apply<'a>(
        &'a self,
        _tools: &'a Tools,
        _id: &'a str,
        _facts: &'a Facts,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn rollback<'a>(
        &'a self,
        tools: &'a Tools,
        id: &'a str,
        facts: &'a Facts,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(profile::rollback(tools, id, facts))
    }

    fn verify<'a>(
        &'a self,
        _tools: &'a Tools,
        _id: &'a str,
        facts: &'a Facts,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(std::future::ready(profile::verify(facts)))
    }

    fn was_applied<'a>(&'a self, _tools: &'a Tools, _id: &'a str, _facts: &'a Facts) -> BoxFuture<'a, bool> {
        // It was made before the session began.
        Box::pin(std::future::ready(true))
    }
}
