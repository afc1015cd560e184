//! Why a safety tool could not do its work.

use std::io;

use osmoda_ipc::Fault;
use serde_json::json;

/// A rollback could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SafetyError {
    /// The system has no generations, or none before the one in force.
    #[error(
        "there is no system generation to go back to{}; on a system without generations, restore a backup",
        .current.map(|number| format!(" before {number}")).unwrap_or_default()
    )]
    NoGeneration {
        /// The one in force.
        current: Option<u64>,
    },
    /// The profile can't be changed.
    #[error("the system profile can't be changed: {0}")]
    Profile(#[source] io::Error),
    /// The generation could not be switched to.
    #[error("the switch to generation {to} failed ({why}); the next boot starts it all the same")]
    Switch {
        /// The generation.
        to: u64,
        /// Why.
        why: String,
        /// What the switch said.
        output: String,
    },
}

impl From<SafetyError> for Fault {
    fn from(error: SafetyError) -> Self {
        let message = error.to_string();
        match error {
            SafetyError::NoGeneration { .. } => Self::conflict("no_generation", message),
            SafetyError::Profile(source) => Self::failed("rollback_failed", message).with_private(source.to_string()),
            SafetyError::Switch { output, to, .. } => {
                Self::failed("rollback_failed", message).with_detail(json!({ "to": to, "output": output }))
            }
        }
    }
}
