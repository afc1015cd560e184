//! One driver a session: a locked file. The kernel lets go of it however the driver dies.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use nix::fcntl::{Flock, FlockArg};

/// Held by whoever moves a session.
#[derive(Debug)]
pub(super) struct Driving {
    _lock: Flock<File>,
    path: PathBuf,
}

impl Driving {
    /// The session is ours to move; `WouldBlock` where it is somebody else's.
    pub(super) fn take(folder: &Path, id: &str) -> io::Result<Self> {
        Self::of(folder.join("locks").join(format!("{id}.lock")))
    }

    /// The same of a guard, of which there is one a session.
    pub(super) fn guard(folder: &Path, id: &str) -> io::Result<Self> {
        Self::of(folder.join("locks").join(format!("{id}.guard")))
    }

    pub(super) fn of(path: PathBuf) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        loop {
            let file =
                OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            let opened = file.metadata()?.ino();
            let lock =
                Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| io::Error::from(errno))?;
            // The one before may have removed the file between our opening and locking it.
            match path.metadata() {
                Ok(there) if there.ino() == opened => return Ok(Self { _lock: lock, path }),
                _ => {}
            }
        }
    }

    /// The session is over: nothing of the lock stays.
    pub(super) fn done(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether the error says that somebody else holds it.
pub(super) fn is_held(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
