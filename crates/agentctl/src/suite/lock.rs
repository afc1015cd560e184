//! One supervisor a suite: a locked file that holds its process id.

use std::{
    fs::{File, OpenOptions},
    io::{Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

use nix::fcntl::{Flock, FlockArg};
use osmoda_ipc::daemon::{Dirs, running_pid};

use super::{Suite, SuiteError};

/// The file.
pub(super) fn file(dirs: &Dirs) -> PathBuf {
    dirs.pid_file("suite")
}

/// Held for as long as the supervisor lives; the kernel lets go of it however it dies.
#[derive(Debug)]
pub(super) struct SuiteLock(#[expect(dead_code, reason = "held for its lock")] Flock<File>);

impl SuiteLock {
    pub(super) fn claim(suite: &Suite) -> Result<Self, SuiteError> {
        let path = file(&suite.dirs);
        let wrong = |source| SuiteError::File { path: path.clone(), source };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .open(&path)
            .map_err(wrong)?;
        let mut file = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| SuiteError::AlreadyUp {
            place: suite.place.clone(),
            pid: running_pid(&path).unwrap_or_default(),
            command: suite.command.clone(),
        })?;
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(wrong)?;
        Ok(Self(file))
    }
}
