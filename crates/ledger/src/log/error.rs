//! What can go wrong with the tree, and what a caller is told of it.

use std::{path::PathBuf, sync::Arc};

use osmoda_ipc::{Fault, chain};

use crate::{CheckpointError, KeyError, tree::OutOfTree};

/// The tree can't be opened, read or continued.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// SQLite says no, of the tree or of the ledger.
    #[error("the ledger's tree can't be read or written")]
    Database(#[from] rusqlite::Error),
    /// The key's file.
    #[error("the checkpoints' key {} can't be used: {why}", .path.display())]
    KeyFile {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// No new key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No thread.
    #[error("the keeper of the ledger's tree could not be started")]
    Thread(#[source] std::io::Error),
    /// The ledger does not hold what was signed.
    #[error("the ledger is not the one that was signed: {0}")]
    Diverged(Arc<str>),
    /// The keeper does not answer.
    #[error("the ledger's tree is not there yet")]
    Busy,
    /// Its own checkpoint.
    #[error("the newest checkpoint can't be read")]
    Checkpoint(#[from] CheckpointError),
    /// No such part of the tree.
    #[error(transparent)]
    OutOfTree(#[from] OutOfTree),
    /// No such event.
    #[error("the ledger has no event {0}")]
    NoEvent(i64),
    /// No such tile, or not under a checkpoint yet.
    #[error("no checkpoint covers this tile")]
    NoTile,
}

impl From<LogError> for Fault {
    fn from(error: LogError) -> Self {
        match &error {
            LogError::Database(_) | LogError::Thread(_) | LogError::KeyFile { .. } | LogError::Key(_) => {
                Self::unavailable("ledger_unavailable", "the ledger's tree can't be read; check the state folder")
                    .with_private(chain(&error))
            }
            LogError::Checkpoint(_) => Self::internal(error),
            LogError::Diverged(_) => Self::unavailable(
                "ledger_diverged",
                format!("{error}; nothing is signed any more. Compare it with a checkpoint from elsewhere: agentctl verify-ledger --checkpoint FILE"),
            )
            .with_retryable(false),
            LogError::Busy => Self::unavailable("checkpoint_pending", "the ledger's tree is still being read; try again in a moment"),
            LogError::OutOfTree(_) => Self::bad_request("invalid_request", error.to_string()),
            LogError::NoEvent(_) => Self::not_found("event_not_found", error.to_string()),
            LogError::NoTile => Self::not_found("tile_not_found", format!("{error}; GET /tlog/checkpoint says how far the tree goes")),
        }
    }
}
