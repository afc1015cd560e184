//! Why a file can't be had.

use std::{
    io,
    path::{Path, PathBuf},
};

use osmoda_api::agentd::LARGEST_FILE;
use osmoda_ipc::{Fault, StatusCode};

/// A file can't be read, written or listed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("{0:?} is not an absolute path without NUL")]
    BadPath(String),
    #[error("{0:?} is no mode; use three or four octal digits such as 0640")]
    BadMode(String),
    #[error("the content is not base64")]
    BadBase64,
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    #[error("{} is not {wanted}", .path.display())]
    WrongKind { path: PathBuf, wanted: &'static str },
    #[error("{} has {size} bytes; {LARGEST_FILE} are the most that is read or written at once", .path.display())]
    TooLarge { path: PathBuf, size: u64 },
    #[error("{} may not be accessed by agentd's account", .0.display())]
    Denied(PathBuf),
    #[error("{} leads in a circle of symbolic links", .0.display())]
    Loop(PathBuf),
    #[error("the disk of {} is full; nothing was written", .0.display())]
    DiskFull(PathBuf),
    #[error("the file system of {} is read-only", .0.display())]
    ReadOnly(PathBuf),
    #[error("{} is guarded, and the path led somewhere else a moment ago; call again", .0.display())]
    Moved(PathBuf),
    #[error("{} is below none of the roots that the configuration allows ([agentd.files] roots)", .0.display())]
    OutsideRoots(PathBuf),
    #[error("{} is a root itself, and stays", .0.display())]
    IsRoot(PathBuf),
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    #[error("{} is not empty; use recursive to delete what is in it", .0.display())]
    NotEmpty(PathBuf),
    #[error("{} can't be used: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl FileError {
    /// What the system's error means for this path.
    pub(super) fn of(path: &Path) -> impl Fn(io::Error) -> Self + use<'_> {
        move |source| {
            let path = path.to_owned();
            match source.raw_os_error() {
                Some(libc::ENOENT) => Self::Missing(path),
                Some(libc::EACCES | libc::EPERM) => Self::Denied(path),
                Some(libc::ELOOP) => Self::Loop(path),
                Some(libc::ENOSPC | libc::EDQUOT) => Self::DiskFull(path),
                Some(libc::EEXIST) => Self::Exists(path),
                Some(libc::ENOTEMPTY) => Self::NotEmpty(path),
                Some(libc::EROFS) => Self::ReadOnly(path),
                Some(libc::ENOTDIR) => {
                    Self::WrongKind { path, wanted: "below a folder: a part of its path is no folder" }
                }
                Some(libc::EISDIR) => Self::WrongKind { path, wanted: "a regular file" },
                _ => Self::Io { path, source },
            }
        }
    }
}

impl From<FileError> for Fault {
    fn from(error: FileError) -> Self {
        let message = error.to_string();
        match error {
            FileError::BadPath(_) => Self::bad_request("invalid_path", message),
            FileError::BadMode(_) | FileError::BadBase64 => Self::bad_request("invalid_request", message),
            FileError::Missing(_) => Self::not_found("file_not_found", message),
            FileError::WrongKind { .. } => Self::bad_request("wrong_file_type", message),
            FileError::TooLarge { .. } => Self::too_large("file_too_large", message),
            FileError::Denied(_) => Self::forbidden("permission_denied", message),
            FileError::Loop(_) => Self::bad_request("symlink_loop", message),
            FileError::DiskFull(_) => Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", message),
            FileError::ReadOnly(_) => Self::forbidden("read_only_file_system", message),
            FileError::Moved(_) => Self::conflict("path_moved", message),
            FileError::OutsideRoots(_) | FileError::IsRoot(_) => Self::forbidden("outside_roots", message),
            FileError::Exists(_) => Self::conflict("already_exists", message),
            FileError::NotEmpty(_) => Self::conflict("folder_not_empty", message),
            FileError::Io { source, .. } => Self::failed("io_error", message).with_private(source.to_string()),
        }
    }
}
