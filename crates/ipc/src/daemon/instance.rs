//! One instance of a daemon a suite: a locked file that holds its process id.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use nix::fcntl::{Flock, FlockArg};

use super::Dirs;

/// Held for as long as the daemon lives; the kernel lets go of it however the daemon dies.
#[derive(Debug)]
pub(super) struct Instance(#[expect(dead_code, reason = "held for its lock")] Flock<File>);

/// Why this daemon can't be the suite's.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAlone {
    #[error("{daemon} already runs in this suite as process {pid}")]
    Running { daemon: String, pid: String },
    #[error("{path}: {source}")]
    Io { path: String, source: std::io::Error },
}

impl Instance {
    pub(super) fn claim(dirs: &Dirs, daemon: &str) -> Result<Self, NotAlone> {
        let path = dirs.pid_file(daemon);
        let io = |source| NotAlone::Io { path: path.display().to_string(), source };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .open(&path)
            .map_err(io)?;
        let mut file = lock(file).or_else(|mut file| {
            let mut pid = String::new();
            file.read_to_string(&mut pid).map_err(io)?;
            Err(NotAlone::Running { daemon: daemon.to_owned(), pid: pid.trim().to_owned() })
        })?;
        // One write of a fixed width: who reads meanwhile finds the pid before or this one, never a part.
        file.rewind().map_err(io)?;
        file.write_all(format!("{:<10}\n", std::process::id()).as_bytes()).map_err(io)?;
        file.set_len(11).map_err(io)?;
        Ok(Self(file))
    }
}

/// Somebody who only asks ([`running_pid`]) holds the lock for a moment; a daemon holds it for good.
fn lock(mut file: File) -> Result<Flock<File>, File> {
    for _ in 0..20 {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(locked),
            Err((unlocked, _)) => file = unlocked,
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    Err(file)
}

/// The process id of the daemon whose pid file this is, where it runs.
pub fn running_pid(pid_file: &Path) -> Option<i32> {
    let file = File::open(pid_file).ok()?;
    // A lock that can be had is held by nobody.
    let Err((mut file, _)) = Flock::lock(file, FlockArg::LockSharedNonblock) else { return None };
    let mut pid = String::new();
    file.read_to_string(&mut pid).ok()?;
    pid.trim().parse().ok()
}
