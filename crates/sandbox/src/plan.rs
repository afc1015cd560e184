//! What is asked of the runner, and what it answers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::limits::{Limit, Limits};

/// The longest command, in bytes.
pub const LONGEST_COMMAND: usize = 65_536;
/// The most files and folders of the machine that one sandbox is given.
pub const MOST_GRANTS: usize = 64;

/// How far untrusted code is let.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ring {
    /// What its capabilities name, and the network through egress alone.
    Declared,
    /// Nothing but its own folder.
    Untrusted,
}

/// One command and everything that it is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The act that it belongs to; letters, digits, `_` and `-`.
    pub id: String,
    /// The command, for /bin/sh.
    pub command: String,
    /// How far it is let.
    pub ring: Ring,
    /// What of the machine it is given.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Its way out.
    #[serde(default)]
    pub network: Option<Network>,
    /// What it may use up.
    pub limits: Limits,
}

/// A file or folder of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Absolute, without links.
    pub path: PathBuf,
    /// What may be done with it.
    pub access: Access,
}

/// What may be done with a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Read it and what is below.
    Read,
    /// Run it.
    Exec,
    /// Read and write it and what is below.
    Write,
}

/// The way out of a sandbox: the proxy alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The proxy's Unix socket.
    pub socket: PathBuf,
    /// What the command shows it: `user:password` of a proxy URL, percent-encoded.
    pub credentials: String,
}

// The credentials are a token: it opens what it names for whoever has it.
impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("socket", &self.socket).field("credentials", &"<secret>").finish()
    }
}

/// The runner's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It ran.
    Ran(Outcome),
    /// It did not.
    Refused(Refusal),
}

/// How a run went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// How the command ended.
    pub ended: Ended,
    /// How long it ran, in milliseconds.
    pub duration_ms: u64,
    /// What its processes computed, in milliseconds.
    pub cpu_ms: u64,
    /// The limits that it came up against.
    pub limits_hit: Vec<Limit>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// By itself, with this status.
    Exit(i32),
    /// By a signal.
    Signal(i32),
    /// Killed by the runner, at a limit or because nobody waited any more.
    Killed,
}

impl Ended {
    /// As a shell tells it: 128 and the signal's number.
    pub const fn code(self) -> i32 {
        match self {
            Self::Exit(code) => code,
            Self::Signal(signal) => 128 + signal,
            Self::Killed => 128 + libc::SIGKILL,
        }
    }
}

/// What stands between the command and the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The runner itself.
    Runner,
    /// Namespaces and the read-only root.
    Bubblewrap,
    /// The files of the capabilities.
    Landlock,
    /// The system calls.
    Seccomp,
    /// Memory, processes, time, sizes.
    Limits,
    /// The way out.
    Network,
}

/// Why nothing ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// A layer can't be set up.
    #[error("{layer:?}: {why}")]
    Unavailable {
        /// Which.
        layer: Layer,
        /// Why.
        why: String,
    },
    /// A file or folder that can't be given.
    #[error("{} can't be given to a sandbox: {why}", .path.display())]
    BadGrant {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The plan itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// As many run as may.
    #[error("{most} sandboxes run already")]
    Busy {
        /// How many may.
        most: usize,
    },
}

impl Refusal {
    pub(crate) fn layer(layer: Layer, why: impl Into<String>) -> Self {
        Self::Unavailable { layer, why: why.into() }
    }
}

impl Plan {
    /// Refuses what is out of bounds.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let invalid = |why: &str| Err(Refusal::Invalid(why.to_owned()));
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if self.id.is_empty() || self.id.len() > 64 || !self.id.chars().all(fits) {
            return invalid("an id is 1 to 64 letters, digits, _ and -");
        }
        if self.command.is_empty() || self.command.len() > LONGEST_COMMAND || self.command.contains('\0') {
            return invalid("a command is 1 to 65536 bytes without NUL");
        }
        if self.grants.len() > MOST_GRANTS {
            return invalid("64 files and folders are the most that one sandbox is given");
        }
        if self.ring == Ring::Untrusted && (!self.grants.is_empty() || self.network.is_some()) {
            return invalid("ring 2 is given nothing");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn plan(command: &str) -> Plan {
        Plan {
            id: "req_1".into(),
            command: command.into(),
            ring: Ring::Untrusted,
            grants: vec![],
            network: None,
            limits: Limits::default(),
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let grant = Grant { path: "/srv".into(), access: Access::Read };
        let network = Network { socket: "/run/x".into(), credentials: "osmoda:t".into() };
        for bad in [
            plan(""),
            plan("a\0b"),
            plan(&"x".repeat(LONGEST_COMMAND + 1)),
            Plan { id: String::new(), ..plan("x") },
            Plan { id: "../x".into(), ..plan("x") },
            Plan { grants: vec![grant.clone()], ..plan("x") },
            Plan { network: Some(network.clone()), ..plan("x") },
            Plan { ring: Ring::Declared, grants: vec![grant.clone(); 65], ..plan("x") },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
        let good = Plan { ring: Ring::Declared, grants: vec![grant], network: Some(network), ..plan("x") };
        assert_eq!(good.check(), Ok(()));
        assert!(!format!("{good:?}").contains("osmoda:t"));
    }

    #[test]
    fn a_signal_is_told_as_a_shell_tells_it() {
        assert_eq!([Ended::Exit(3), Ended::Signal(15), Ended::Killed].map(Ended::code), [3, 143, 137]);
    }
}
