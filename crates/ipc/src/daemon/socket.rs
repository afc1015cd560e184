//! The daemon's sockets: passed by systemd, or bound so that nobody can connect before their permissions stand.

use std::{
    collections::HashMap,
    fs, io,
    os::{
        fd::{FromRawFd, OwnedFd},
        unix::{fs::PermissionsExt, net::UnixListener as StdListener},
    },
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use nix::unistd::{Uid, chown};
use tokio::net::UnixListener;

use super::Dirs;
use crate::caller::socket_group;

/// The daemon can't listen.
#[derive(Debug, thiserror::Error)]
pub enum NoSocket {
    /// Its socket.
    #[error("the socket {} can't be bound: {source}", .path.display())]
    Bind {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its folder.
    #[error("the address {} is longer than a Unix socket's may be (107 bytes); choose a shorter folder", .0.display())]
    TooLong(PathBuf),
    /// What systemd passed is no listening Unix socket with a path.
    #[error("the passed socket can't be used: {0}")]
    Passed(io::Error),
    /// What systemd passed is none of this daemon's.
    #[error("systemd passed sockets, and none of them at {}; see ListenStream= of the socket's unit", .0.display())]
    NotPassed(PathBuf),
}

/// The sockets of a daemon: its own, and further ones that it asks for by name. Those that systemd passed are known by
/// where they listen.
#[derive(Debug)]
pub struct Sockets {
    dirs: Dirs,
    passed: Option<Mutex<HashMap<PathBuf, StdListener>>>,
}

impl Sockets {
    /// Takes over what systemd passed. Once in the life of a process.
    pub(super) fn take(dirs: &Dirs) -> Result<Self, NoSocket> {
        let passed = passed()?;
        let passed = (!passed.is_empty()).then(|| Mutex::new(passed));
        Ok(Self { dirs: dirs.clone(), passed })
    }

    /// Whether the socket `NAME.sock` was passed and not yet taken.
    pub fn was_passed(&self, name: &str) -> bool {
        let path = self.dirs.socket(name);
        self.passed
            .as_ref()
            .is_some_and(|passed| passed.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&path))
    }

    /// Listens at `NAME.sock` in the suite's run folder, where callers find it with mode 0660 and the group `osmoda`.
    pub fn listen(&self, name: &str) -> Result<UnixListener, NoSocket> {
        let path = self.dirs.socket(name);
        let Some(passed) = &self.passed else { return bind(&path) };
        let listener = passed.lock().unwrap_or_else(PoisonError::into_inner).remove(&path);
        let listener = listener.ok_or(NoSocket::NotPassed(path))?;
        listener.set_nonblocking(true).map_err(NoSocket::Passed)?;
        UnixListener::from_std(listener).map_err(NoSocket::Passed)
    }
}

#[expect(unsafe_code)]
fn passed() -> Result<HashMap<PathBuf, StdListener>, NoSocket> {
    let fds = sd_notify::listen_fds().map_err(NoSocket::Passed)?;
    fds.map(|fd| {
        // SAFETY: LISTEN_PID named this process, so the descriptor is open, ours and used by nobody else
        // (sd_listen_fds(3)); this function runs once in the life of a daemon.
        let owned = unsafe { OwnedFd::from_raw_fd(fd) };
        let listener = StdListener::from(owned);
        let address = listener.local_addr().map_err(NoSocket::Passed)?;
        let path = address.as_pathname().ok_or_else(|| NoSocket::Passed(io::Error::other("it has no path")))?;
        Ok((path.to_owned(), listener))
    })
    .collect()
}

/// Binds under another name, sets mode and group, and only then moves the socket to where callers look. What a dead
/// daemon left there is replaced; that no living one is, its instance lock has shown.
fn bind(path: &Path) -> Result<UnixListener, NoSocket> {
    let unready = path.with_extension("new");
    if unready.as_os_str().len() > 107 {
        return Err(NoSocket::TooLong(path.to_owned()));
    }
    let bound = || {
        match fs::remove_file(&unready) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&unready)?;
        fs::set_permissions(&unready, fs::Permissions::from_mode(0o660))?;
        if Uid::effective().is_root() {
            chown(&unready, None, socket_group())?;
        }
        fs::rename(&unready, path)?;
        Ok(listener)
    };
    bound().map_err(|source| NoSocket::Bind { path: path.to_owned(), source })
}
