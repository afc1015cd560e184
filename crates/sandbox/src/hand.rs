//! The side of whoever asks: a connection to the runner, handed to it over the socket that it was started with.

use std::{
    io::{self, IoSlice},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::net::UnixStream,
    },
};

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

use crate::{
    plan::Reply,
    wire::{self, LONGEST_FRAME},
};

/// A new connection to the runner at the other end of `door`. One connection is one run: send it a [`crate::Plan`] in a
/// [`crate::frame`]; to stop the run, close it or shut its writing side down.
///
/// `proxy` is the socket of the plan's network, opened with O_PATH, where the runner's account may not go the way to it.
pub fn connect(door: &impl AsFd, proxy: Option<BorrowedFd<'_>>) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let fds: Vec<_> = [theirs.as_raw_fd()].into_iter().chain(proxy.map(|proxy| proxy.as_raw_fd())).collect();
    let parts = [IoSlice::new(b"c")];
    let sent = sendmsg::<()>(
        door.as_fd().as_raw_fd(),
        &parts,
        &[ControlMessage::ScmRights(&fds)],
        MsgFlags::MSG_NOSIGNAL,
        None,
    )?;
    if sent == 1 { Ok(ours) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Waits for the answer of a run.
pub fn read_reply(connection: &mut UnixStream) -> io::Result<Reply> {
    wire::read(connection, LONGEST_FRAME)
}
