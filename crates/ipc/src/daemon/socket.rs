//! The daemon's socket: passed by systemd, or bound so that nobody can connect before its permissions stand.

use std::{
    fs, io,
    os::{
        fd::{FromRawFd, OwnedFd},
        unix::{fs::PermissionsExt, net::UnixListener as StdListener},
    },
    path::{Path, PathBuf},
};

use nix::unistd::{Uid, chown};
use tokio::net::UnixListener;

use crate::caller::socket_group;

/// The daemon can't listen.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoSocket {
    #[error("the socket {} can't be bound: {source}", .path.display())]
    Bind { path: PathBuf, source: io::Error },
    #[error("the address {} is longer than a Unix socket's may be (107 bytes); choose a shorter folder", .0.display())]
    TooLong(PathBuf),
    #[error("systemd passed {0} sockets; this daemon wants one")]
    PassedMany(usize),
    #[error("the passed socket can't be used: {0}")]
    Passed(io::Error),
}

pub(super) fn listen(path: &Path) -> Result<UnixListener, NoSocket> {
    if let Some(listener) = passed()? {
        return Ok(listener);
    }
    bind(path)
}

#[expect(unsafe_code)]
fn passed() -> Result<Option<UnixListener>, NoSocket> {
    let fds: Vec<_> = sd_notify::listen_fds().map_err(NoSocket::Passed)?.collect();
    let fd = match fds.as_slice() {
        [] => return Ok(None),
        [fd] => *fd,
        more => return Err(NoSocket::PassedMany(more.len())),
    };
    // SAFETY: LISTEN_PID named this process, so the descriptor is open, ours and used by nobody else (sd_listen_fds(3));
    // this function runs once in the life of a daemon.
    let owned = unsafe { OwnedFd::from_raw_fd(fd) };
    let listener = StdListener::from(owned);
    listener.set_nonblocking(true).map_err(NoSocket::Passed)?;
    UnixListener::from_std(listener).map(Some).map_err(NoSocket::Passed)
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
