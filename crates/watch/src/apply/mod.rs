//! What a session changes: one trait, one file a kind.

mod app;
mod files;
mod link;
mod named;
mod nix_profile;
mod nixos;
mod none;
mod profile;

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use osmoda_api::watch::ApplyKind;
use osmoda_ipc::{Client, Fault};
use osmoda_systemd::SystemdError;
use serde::{Deserialize, Serialize};

use crate::{
    config::InForce,
    run::{RunError, Runner},
    switch::Facts,
    systemd::Systemd,
};

/// A change of one kind.
///
/// Between `prepare` and the end of `rollback` the machine may stop at any moment: `rollback` undoes a change that was
/// made whole, in part, or not at all, and may be called any number of times.
pub(crate) trait Apply: Send + Sync {
    /// What is changed; no two open sessions change the same.
    fn things(&self, tools: &Tools) -> Vec<String>;
    /// Looks and builds, and changes nothing: answers with all that the way there and back needs.
    fn prepare<'a>(&'a self, tools: &'a Tools, id: &'a str) -> BoxFuture<'a, Result<Facts, ApplyError>>;
    /// Makes the change.
    fn apply<'a>(&'a self, tools: &'a Tools, id: &'a str, facts: &'a Facts) -> BoxFuture<'a, Result<(), ApplyError>>;
    /// Undoes it.
    fn rollback<'a>(&'a self, tools: &'a Tools, id: &'a str, facts: &'a Facts)
    -> BoxFuture<'a, Result<(), ApplyError>>;
    /// Whether it is undone, by looking.
    fn verify<'a>(&'a self, tools: &'a Tools, id: &'a str, facts: &'a Facts) -> BoxFuture<'a, Result<(), ApplyError>>;
    /// After a crash within `apply`: whether it was made whole all the same. Where that can't be told, it was not.
    fn was_applied<'a>(&'a self, _tools: &'a Tools, _id: &'a str, _facts: &'a Facts) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(false))
    }
    /// The session is over.
    fn clean(&self, _tools: &Tools, _id: &str) {}
}

/// What changes are made with.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) config: Arc<InForce>,
    pub(crate) runner: Runner,
    pub(crate) systemd: Arc<Systemd>,
    pub(crate) agentd: Client,
    /// For what must be kept to undo a change.
    pub(crate) kept: PathBuf,
}

impl Tools {
    pub(crate) fn apply_patience(&self) -> Duration {
        Duration::from_secs(self.config.now().apply_timeout_secs.into())
    }
}

/// Any change, checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Change {
    Nixos(nixos::Nixos),
    NixProfile(nix_profile::NixProfile),
    Files(files::Files),
    App(app::App),
    Named(named::Named),
    None(none::NoChange),
}

impl Change {
    /// What a caller asks for: every field that its kind needs, and no other.
    pub(crate) fn asked(apply: Option<osmoda_api::watch::Apply>) -> Result<Self, ApplyError> {
        let kind = apply.as_ref().map_or(ApplyKind::None, |apply| apply.kind);
        let wrong = |error: serde_json::Error| ApplyError::Invalid(format!("apply of kind {}: {error}", kind.as_str()));
        let mut value = serde_json::to_value(apply.unwrap_or_default()).map_err(wrong)?;
        // The contents of files are never written with a session.
        let contents = value.get("files").cloned().filter(|_| kind == ApplyKind::Files);
        if let Some(files) = value.get_mut("files").and_then(serde_json::Value::as_array_mut) {
            files.iter_mut().filter_map(|file| file.as_object_mut()).for_each(|file| drop(file.remove("content")));
        }
        let mut change: Self = serde_json::from_value(value).map_err(wrong)?;
        if let (Self::Files(files), Some(contents)) = (&mut change, contents) {
            files.contents = files::contents(&contents);
        }
        Ok(change)
    }

    pub(crate) fn kind(&self) -> ApplyKind {
        match self {
            Self::Nixos(_) => ApplyKind::Nixos,
            Self::NixProfile(_) => ApplyKind::NixProfile,
            Self::Files(_) => ApplyKind::Files,
            Self::App(_) => ApplyKind::App,
            Self::Named(_) => ApplyKind::Named,
            Self::None(_) => ApplyKind::None,
        }
    }

    pub(crate) fn way(&self) -> &dyn Apply {
        match self {
            Self::Nixos(one) => one,
            Self::NixProfile(one) => one,
            Self::Files(one) => one,
            Self::App(one) => one,
            Self::Named(one) => one,
            Self::None(one) => one,
        }
    }

    /// Nothing new, and a way back: the generation of this profile before the one in force.
    pub(crate) fn back_on(profile: Option<String>) -> Self {
        Self::None(none::NoChange { profile })
    }
}

/// A change can't be made or undone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error("{0}")]
    Invalid(String),
    #[error("{path} is not where {what} may be: the configuration's `{key}` says where")]
    Outside { path: String, what: &'static str, key: &'static str },
    #[error("{0}; without a way back nothing is changed")]
    NoWayBack(String),
    #[error("{0}")]
    Run(#[from] RunError),
    #[error("{0}")]
    Systemd(#[from] SystemdError),
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error("apps can't be changed: {0}")]
    Unavailable(String),
    #[error("agentd refused: {0}")]
    App(Box<Fault>),
    #[error("it is not undone: {0}")]
    NotUndone(String),
    #[error("what this session wrote down can't be read: {0}")]
    Broken(#[from] serde_json::Error),
}

/// Bytes as lower-case hex.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl ApplyError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

impl From<ApplyError> for Fault {
    fn from(error: ApplyError) -> Self {
        let message = error.to_string();
        match error {
            ApplyError::Invalid(_) => Self::bad_request("invalid_apply", message),
            ApplyError::Outside { .. } => Self::forbidden("apply_outside", message),
            ApplyError::NoWayBack(_) => Self::conflict("no_way_back", message),
            ApplyError::Unavailable(_) => Self::unavailable("unavailable", message),
            ApplyError::App(fault) => *fault,
            ApplyError::Systemd(error) => error.into(),
            ApplyError::Run(_) | ApplyError::Io { .. } | ApplyError::NotUndone(_) | ApplyError::Broken(_) => {
                Self::failed("apply_failed", message)
            }
        }
    }
}
