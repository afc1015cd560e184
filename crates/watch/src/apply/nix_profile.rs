//! A store path becomes the next generation of a Nix profile.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{Apply, ApplyError, Tools, profile};
use crate::switch::Facts;

/// Which profile, and what it shall lead to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NixProfile {
    profile: Option<String>,
    store_path: String,
}

impl Apply for NixProfile {
    fn things(&self, _tools: &Tools) -> Vec<String> {
        vec![format!("profile:{}", self.profile.as_deref().unwrap_or(profile::SYSTEM))]
    }

    fn prepare<'a>(&'a self, tools: &'a Tools, _id: &'a str) -> BoxFuture<'a, Result<Facts, ApplyError>> {
        Box::pin(async move {
            let profile = profile::checked(tools, self.profile.as_deref())?;
            let next = profile::valid(tools, &self.store_path).await?;
            profile::facts(&profile::way_to(profile, next)?, self.store_path.clone())
        })
    }

    fn apply<'a>(&'a self, tools: &'a Tools, id: &'a str, facts: &'a Facts) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(profile::apply(tools, id, facts))
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

    fn was_applied<'a>(&'a self, tools: &'a Tools, id: &'a str, facts: &'a Facts) -> BoxFuture<'a, bool> {
        Box::pin(profile::was_applied(tools, id, facts))
    }
}
