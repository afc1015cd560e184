//! Why the journal can't be read.

use std::io;

use osmoda_ipc::{Fault, chain};
use osmoda_systemd::SystemdError;

/// The journal has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error(transparent)]
    Unit(#[from] SystemdError),
    #[error("{0:?} is no priority; use emerg, alert, crit, err, warning, notice, info or debug")]
    BadPriority(String),
    #[error("{0:?} is no time; use RFC 3339 such as 2026-01-02T03:04:05Z, or a date")]
    BadTime(String),
    #[error("a page holds 1 to 500 entries, not {0}")]
    BadLines(u32),
    #[error("the cursor is none of this journal's")]
    BadCursor,
    #[error("there is no journal on this machine")]
    NotHere,
    #[error("the journal could not be read: {0}")]
    Failed(String),
    #[error("the journal can't be read")]
    Io(#[from] io::Error),
    #[error("the journal did not answer in time; ask for less, such as with since")]
    Late,
}

impl From<JournalError> for Fault {
    fn from(error: JournalError) -> Self {
        let message = error.to_string();
        match error {
            JournalError::Unit(error) => error.into(),
            JournalError::BadPriority(_) | JournalError::BadLines(_) => Self::bad_request("invalid_request", message),
            JournalError::BadTime(_) => Self::bad_request("invalid_time", message),
            JournalError::BadCursor => Self::bad_request("invalid_cursor", message),
            JournalError::NotHere => {
                Self::unavailable("systemd_unavailable", format!("{message}; it needs one that systemd runs"))
            }
            JournalError::Failed(_) => Self::failed("journal_failed", message),
            JournalError::Io(_) => Self::failed("journal_failed", "the journal can't be read; see agentd's log")
                .with_private(chain(&error)),
            JournalError::Late => Self::timeout("journal_timeout", message),
        }
    }
}
