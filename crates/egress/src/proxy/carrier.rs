//! What carries much from one socket to the other: a pipe, which moves it without copying, or a buffer.
//!
//! Between two programs of one machine copying is the faster way. Pages that are handed on stay taken until the last one has
//! read them, so that the sender goes on to others, which are in nobody's cache; pages that are copied are free at once, and
//! the same few serve all the time. What comes from another machine was in no cache, and is not copied.

use std::{
    cell::RefCell,
    io,
    os::fd::{AsFd, AsRawFd},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use nix::sys::socket::{MsgFlags, recv, send};

use super::pipe::{PIPE_BYTES, Pipe};

/// The buffer, in bytes: as much as fits beside its two ends into a core's own cache.
const BUFFER_BYTES: usize = 524_288;

/// The most that is carried at once, in bytes.
pub(super) const MOST_AT_ONCE: usize = if BUFFER_BYTES > PIPE_BYTES { BUFFER_BYTES } else { PIPE_BYTES };

/// Buffers at a time. Who reads slowly keeps one filled, and thousands may: beyond these few there are pipes, of which the
/// kernel keeps account.
const MOST_BUFFERS: usize = 16;

static BUFFERS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SPARE: RefCell<Option<Buffer>> = const { RefCell::new(None) };
}

/// One of the two.
#[derive(Debug)]
pub(super) enum Carrier {
    Pipe(Pipe),
    Buffer(Buffer),
}

/// Bytes on their way from one socket to the other.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Box<[u8]>,
    sent: usize,
    filled: usize,
}

impl Carrier {
    /// An empty one, for ends of which both are on this machine or not.
    pub(super) fn take(is_local: bool) -> io::Result<Self> {
        match is_local.then(Buffer::take).flatten() {
            Some(buffer) => Ok(Self::Buffer(buffer)),
            None => Pipe::take().map(Self::Pipe),
        }
    }

    /// Keeps it for another tunnel, where it is empty and few are kept.
    pub(super) fn give_back(self) {
        match self {
            Self::Pipe(pipe) => pipe.give_back(),
            Self::Buffer(buffer) => SPARE.with_borrow_mut(|spare| *spare = Some(buffer)),
        }
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Pipe(pipe) => pipe.filled == 0,
            Self::Buffer(buffer) => buffer.sent == buffer.filled,
        }
    }

    /// Takes at most `most` bytes from a socket, while it is empty. `WouldBlock` means that the socket has none.
    pub(super) fn fill(&mut self, from: &impl AsFd, most: usize) -> io::Result<usize> {
        match self {
            Self::Pipe(pipe) => pipe.fill(from, most.min(PIPE_BYTES)),
            Self::Buffer(buffer) => buffer.fill(from, most),
        }
    }

    /// Moves what is in it to a socket. `WouldBlock` means that the socket takes none.
    pub(super) fn drain(&mut self, to: &impl AsFd) -> io::Result<usize> {
        match self {
            Self::Pipe(pipe) => pipe.drain(to),
            Self::Buffer(buffer) => buffer.drain(to),
        }
    }
}

impl Buffer {
    /// The spare one, or a new one while there are few.
    fn take() -> Option<Self> {
        SPARE.with_borrow_mut(Option::take).or_else(|| {
            let is_free = |count: usize| (count < MOST_BUFFERS).then_some(count + 1);
            BUFFERS.fetch_update(Relaxed, Relaxed, is_free).ok()?;
            Some(Self { bytes: vec![0; BUFFER_BYTES].into(), sent: 0, filled: 0 })
        })
    }

    fn fill(&mut self, from: &impl AsFd, most: usize) -> io::Result<usize> {
        let most = most.min(self.bytes.len());
        let count = recv(from.as_fd().as_raw_fd(), self.bytes.get_mut(..most).unwrap_or_default(), MsgFlags::empty())?;
        (self.sent, self.filled) = (0, count);
        Ok(count)
    }

    fn drain(&mut self, to: &impl AsFd) -> io::Result<usize> {
        let rest = self.bytes.get(self.sent..self.filled).unwrap_or_default();
        let count = send(to.as_fd().as_raw_fd(), rest, MsgFlags::MSG_NOSIGNAL)?;
        self.sent += count;
        Ok(count)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        BUFFERS.fetch_sub(1, Relaxed);
    }
}

/// Frees the buffer that is kept: the tunnel that needed it is over.
pub(super) fn let_go() {
    SPARE.with_borrow_mut(|spare| *spare = None);
}

#[cfg(test)]
mod tests {
    use std::{
        io::{ErrorKind, Read, Write},
        os::unix::net::UnixStream,
    };

    use super::*;

    #[test]
    fn either_carries_what_it_was_given_and_no_more_than_it_was_told() {
        for is_local in [false, true] {
            let (mut a, from) = UnixStream::pair().unwrap();
            let (to, mut b) = UnixStream::pair().unwrap();
            from.set_nonblocking(true).unwrap();
            let mut carrier = Carrier::take(is_local).unwrap();
            assert_eq!(carrier.fill(&from, 10).unwrap_err().kind(), ErrorKind::WouldBlock);
            a.write_all(b"twelve bytes").unwrap();
            for (most, text) in [(10, "twelve byt"), (10, "es")] {
                assert_eq!(carrier.fill(&from, most).unwrap(), text.len());
                assert!(!carrier.is_empty());
                assert_eq!(carrier.drain(&to).unwrap(), text.len());
                assert!(carrier.is_empty());
                let mut got = vec![0; text.len()];
                b.read_exact(&mut got).unwrap();
                assert_eq!(got, text.as_bytes());
            }
            carrier.give_back();
        }
        assert!(SPARE.with_borrow(Option::is_some));
        let_go();
        assert!(SPARE.with_borrow(Option::is_none));
        let many: Vec<_> = (0..MOST_BUFFERS * 2).map(|_| Carrier::take(true).unwrap()).collect();
        let buffers = many.iter().filter(|carrier| matches!(carrier, Carrier::Buffer(_))).count();
        assert!((1..=MOST_BUFFERS).contains(&buffers), "{buffers} at a time");
    }

    #[test]
    fn what_a_slow_end_does_not_take_is_kept_in_order() {
        let (mut a, from) = UnixStream::pair().unwrap();
        let (to, mut b) = UnixStream::pair().unwrap();
        to.set_nonblocking(true).unwrap();
        from.set_nonblocking(true).unwrap();
        let sent: Vec<u8> = (0..2_000_000_u32).map(|number| (number % 251) as u8).collect();
        let all = sent.clone();
        let writer = std::thread::spawn(move || a.write_all(&all));
        let (mut got, mut buffer) = (Vec::new(), vec![0; 7_000]);
        let mut carrier = Carrier::take(true).unwrap();
        while got.len() < sent.len() {
            if carrier.is_empty() {
                let _ = carrier.fill(&from, MOST_AT_ONCE);
            }
            if !carrier.is_empty() && carrier.drain(&to).is_err() {
                let count = b.read(&mut buffer).unwrap();
                got.extend_from_slice(&buffer[..count]);
            }
            if carrier.is_empty() && got.len() < sent.len() {
                b.set_nonblocking(true).unwrap();
                while let Ok(count @ 1..) = b.read(&mut buffer) {
                    got.extend_from_slice(&buffer[..count]);
                }
                b.set_nonblocking(false).unwrap();
            }
        }
        writer.join().unwrap().unwrap();
        assert!(got == sent);
    }
}
