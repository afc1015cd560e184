//! A kernel buffer between two sockets: splice(2) moves bytes through it without copying them to this process.

use std::{
    cell::RefCell,
    io,
    os::fd::{AsFd, OwnedFd},
};

use nix::{
    fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice},
    unistd::pipe2,
};

/// What a pipe should hold, in bytes. Where the system gives less, it holds less.
pub(super) const PIPE_BYTES: usize = 262_144;

/// Empty pipes that are kept for the next tunnel that is in a hurry.
const MOST_SPARE: usize = 8;

thread_local! {
    static SPARE: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

/// A pipe, and how many bytes are in it.
#[derive(Debug)]
pub(super) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    pub(super) filled: usize,
}

impl Pipe {
    /// A spare one, or a new one.
    pub(super) fn take() -> io::Result<Self> {
        if let Some(pipe) = SPARE.with_borrow_mut(Vec::pop) {
            return Ok(pipe);
        }
        let (read, write) = pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)?;
        // Refused beyond the account's share (pipe(7)); the pipe is as good, only smaller.
        let _ = fcntl(&write, FcntlArg::F_SETPIPE_SZ(i32::try_from(PIPE_BYTES).unwrap_or(i32::MAX)));
        Ok(Self { read, write, filled: 0 })
    }

    /// Keeps it for another tunnel, where it is empty and few are kept.
    pub(super) fn give_back(self) {
        if self.filled == 0 {
            SPARE.with_borrow_mut(|spare| {
                if spare.len() < MOST_SPARE {
                    spare.push(self);
                }
            });
        }
    }

    /// Moves at most `most` bytes from a socket into the empty pipe. `WouldBlock` means that the socket has none.
    pub(super) fn fill(&mut self, from: &impl AsFd, most: usize) -> io::Result<usize> {
        let count = splice(from, None, &self.write, None, most, flags())?;
        self.filled += count;
        Ok(count)
    }

    /// Moves what is in the pipe to a socket. `WouldBlock` means that the socket takes none.
    pub(super) fn drain(&mut self, to: &impl AsFd) -> io::Result<usize> {
        let count = splice(&self.read, None, to, None, self.filled, flags())?;
        self.filled -= count.min(self.filled);
        Ok(count)
    }
}

fn flags() -> SpliceFFlags {
    SpliceFFlags::SPLICE_F_MOVE | SpliceFFlags::SPLICE_F_NONBLOCK
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        os::{fd::AsRawFd, unix::net::UnixStream},
    };

    use super::*;

    #[test]
    fn bytes_pass_through_and_an_empty_pipe_is_used_again() {
        let (mut a, from) = UnixStream::pair().unwrap();
        let (to, mut b) = UnixStream::pair().unwrap();
        from.set_nonblocking(true).unwrap();
        let mut pipe = Pipe::take().unwrap();
        let number = pipe.read.as_raw_fd();
        assert_eq!(pipe.fill(&from, 10).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        a.write_all(b"twelve bytes").unwrap();
        assert_eq!((pipe.fill(&from, 10).unwrap(), pipe.filled), (10, 10));
        assert_eq!((pipe.drain(&to).unwrap(), pipe.filled), (10, 0));
        let mut got = [0; 10];
        b.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"twelve byt");
        pipe.give_back();
        let again = Pipe::take().unwrap();
        assert_eq!(again.read.as_raw_fd(), number);
    }
}
