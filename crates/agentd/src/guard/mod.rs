//! Which acts are dangerous: a pure judgement of paths and of shell commands. What can't be judged asks.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

mod paths;
mod pattern;
mod resolve;
mod rules;
pub mod shell;
#[cfg(test)]
mod tests;

pub use self::{
    paths::{GuardedPaths, OwnPaths},
    shell::{Scene, judge},
};

/// Why an act needs the operator's leave.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reason {
    /// Stable, in snake_case.
    pub code: &'static str,
    /// For a person: what it is about.
    pub text: String,
}

impl Reason {
    pub(crate) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What the judgement says of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing in it needs leave.
    Ordinary,
    /// It needs the operator's leave, for at least one reason.
    Asks(Vec<Reason>),
}

impl Verdict {
    /// Whether leave is needed.
    pub fn asks(&self) -> bool {
        matches!(self, Self::Asks(_))
    }

    /// Why leave is needed; nothing for an ordinary command.
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Ordinary => &[],
            Self::Asks(reasons) => reasons,
        }
    }
}

/// What an operator may add to the judgement: the table `[agentd.guard]`. The built-in rules always hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardConfig {
    /// Further files and folders that are guarded for writing, with all that is below them.
    pub guarded_paths: Vec<PathBuf>,
    /// Further files and folders that are guarded for reading too.
    pub secret_paths: Vec<PathBuf>,
    /// Folders that may be written although a rule guards them; osmoda's own and secrets are never among them.
    pub writable_paths: Vec<PathBuf>,
    /// Further programs that are ordinary whatever their arguments, by name.
    pub ordinary_programs: Vec<String>,
    /// Programs that always ask, by name.
    pub always_ask: Vec<String>,
}
