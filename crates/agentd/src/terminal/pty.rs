//! A pseudo terminal (pty(7)): the end that is a terminal to the shell, and the end that is ours.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
};

use nix::{
    fcntl::OFlag,
    pty::{grantpt, posix_openpt, ptsname_r, unlockpt},
};
use tokio::io::{Interest, unix::AsyncFd};

use super::ask::Size;

/// Our end.
#[derive(Debug)]
pub(super) struct Pty(AsyncFd<File>);

impl Pty {
    /// A new one, and the shell's end. Neither is handed on to what else is started meanwhile.
    pub(super) fn open(size: Size) -> io::Result<(Self, OwnedFd)> {
        let ours = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let path = ptsname_r(&ours)?;
        let shells = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(path)?;
        let ours = File::from(ours.as_fd().try_clone_to_owned()?);
        let pty = Self(watched(ours)?);
        pty.resize(size)?;
        Ok((pty, shells.into()))
    }

    /// What the shell says; nothing, or an error (EIO), where nobody holds its end any more.
    pub(super) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.async_io(Interest::READABLE, |mut file| file.read(buffer)).await
    }

    /// Hands keys over, as many as there is room for.
    pub(super) async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.async_io(Interest::WRITABLE, |mut file| file.write(bytes)).await
    }

    /// Tells the shell's end its size; what runs in its foreground gets SIGWINCH.
    #[expect(unsafe_code)]
    pub(super) fn resize(&self, size: Size) -> io::Result<()> {
        let size = libc::winsize { ws_row: size.rows, ws_col: size.cols, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the descriptor is open: it is borrowed from `self`. TIOCSWINSZ reads one `winsize` behind the pointer,
        // which is live and whole for the call, and keeps nothing of it (ioctl_tty(2)).
        let status = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

#[expect(unsafe_code)]
fn watched(file: File) -> io::Result<AsyncFd<File>> {
    // SAFETY: a `File` owns its descriptor, names the same one for as long as it lives, and closes it only when it is
    // dropped; nothing else takes this one out of the `AsyncFd`.
    let watched = unsafe { AsyncFd::register_with_interest(file, Interest::READABLE | Interest::WRITABLE) };
    Ok(watched?)
}

/// Makes the calling process the leader of a session whose terminal this is: for a child between fork and exec.
#[expect(unsafe_code)]
pub(super) fn lead_session(terminal: BorrowedFd<'_>) -> io::Result<()> {
    nix::unistd::setsid()?;
    // SAFETY: the descriptor is open: it is borrowed. TIOCSCTTY takes an integer, no pointer (ioctl_tty(2)).
    let status = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 0) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
