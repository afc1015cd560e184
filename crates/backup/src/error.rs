//! Why a backup could not be taken or restored.

use std::{
    io,
    path::{Path, PathBuf},
};

use osmoda_ipc::{Fault, StatusCode, chain};

/// A backup could not be taken, found or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is none of this name.
    #[error("there is no backup {0}; backup_list shows those that there are")]
    Unknown(String),
    /// One is being taken.
    #[error("a backup is being taken already")]
    Running,
    /// A file can't be read or written.
    #[error("{} can't be used", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A database can't be copied.
    #[error("the database {} can't be copied", .path.display())]
    Database {
        /// Which.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The archive is not what was written.
    #[error("the backup is damaged: {0}")]
    Damaged(String),
    /// The recipient is none.
    #[error("{0:?} is no age recipient; it begins with age1")]
    BadRecipient(String),
    /// It is encrypted, and not to this identity.
    #[error("the backup is encrypted, and {0}")]
    Locked(String),
    /// Daemons of the suite run.
    #[error("{0} runs; stop the suite first, a restore replaces what it writes to")]
    Up(String),
    /// More files than a backup takes.
    #[error("the state has more than {0} files")]
    TooMany(usize),
}

impl BackupError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn database(path: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Database { path, source }
    }
}

impl From<BackupError> for Fault {
    fn from(error: BackupError) -> Self {
        let message = error.to_string();
        match error {
            BackupError::Unknown(_) => Self::not_found("backup_unknown", message),
            BackupError::Running => Self::conflict("backup_running", message),
            BackupError::Io { ref source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", format!("{message}: the disk is full"))
            }
            BackupError::Io { .. } | BackupError::Database { .. } => {
                Self::failed("backup_failed", format!("{message}; nothing was changed")).with_private(chain(&error))
            }
            BackupError::Damaged(_) => Self::failed("backup_damaged", message),
            BackupError::BadRecipient(_) => Self::failed("bad_recipient", message),
            BackupError::Locked(_) => Self::forbidden("backup_locked", message),
            BackupError::Up(_) => Self::conflict("suite_is_up", message),
            BackupError::TooMany(_) => Self::too_large("too_many_files", message),
        }
    }
}
