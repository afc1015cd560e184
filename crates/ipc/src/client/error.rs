//! Why a call has no answer.

use std::{path::PathBuf, time::Duration};

use crate::fault::Fault;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens at the socket.
    #[error("{daemon} can't be reached at {socket}")]
    Unreachable {
        /// The daemon's name.
        daemon: String,
        /// Where it should listen.
        socket: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It was reached and did not answer in time.
    #[error("{daemon} did not answer within {} s", .after.as_secs())]
    Hangs {
        /// The daemon's name.
        daemon: String,
        /// How long the client waited.
        after: Duration,
    },
    /// The connection broke, or what came back is not what the contract says.
    #[error("{daemon} broke off or answered what nobody understands: {why}")]
    Broken {
        /// The daemon's name.
        daemon: String,
        /// What was wrong.
        why: String,
    },
    /// The daemon, or the request on its way there, said no.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<CallError> for Fault {
    fn from(error: CallError) -> Self {
        let code = match &error {
            CallError::Fault(fault) => return fault.clone(),
            CallError::Unreachable { .. } => "unavailable",
            CallError::Hangs { .. } => return Self::timeout("daemon_hangs", error.to_string()),
            CallError::Broken { .. } => "daemon_broken",
        };
        Self::unavailable(code, format!("{error}; see agentctl status")).with_private(crate::fault::chain(&error))
    }
}
