//! Why a watcher can't be had.

use osmoda_ipc::Fault;

use crate::{checks::CheckError, switch::SwitchError};

/// A watcher can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WatcherError {
    #[error("{0}")]
    Store(#[from] SwitchError),
    #[error("{0}")]
    Check(#[from] CheckError),
    #[error("{0}")]
    Invalid(String),
    #[error("there is no watcher {0}; see agentctl watcher list")]
    Unknown(String),
    #[error("there is a watcher {0} already; change it by agentctl watcher edit, or choose another name")]
    NameTaken(String),
    #[error("{0} would depend on itself")]
    Circle(String),
    #[error("there are {most} watchers already; remove one first")]
    TooMany { most: u32 },
}

impl From<WatcherError> for Fault {
    fn from(error: WatcherError) -> Self {
        let message = error.to_string();
        match error {
            WatcherError::Store(error) => error.into(),
            WatcherError::Check(error) => error.into(),
            WatcherError::Invalid(_) => Self::bad_request("invalid_watcher", message),
            WatcherError::Unknown(_) => Self::not_found("watcher_unknown", message),
            WatcherError::NameTaken(_) => Self::conflict("watcher_exists", message),
            WatcherError::Circle(_) => Self::bad_request("watcher_circle", message),
            WatcherError::TooMany { .. } => Self::too_many("too_many_watchers", message),
        }
    }
}
