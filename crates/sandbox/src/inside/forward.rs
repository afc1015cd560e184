//! The way out of ring 1: the loopback inside, joined to the proxy's Unix socket. It understands nothing of what it
//! carries; the proxy alone decides.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::view::PROXY_PORT;

/// Connections at a time; the next ones wait.
const MOST_CONNECTIONS: u64 = 32;
/// The threads of all of them.
pub(crate) const MOST_THREADS: u64 = 1 + 2 * MOST_CONNECTIONS;
/// A thread that copies needs little.
const STACK: usize = 64 << 10;
const BUFFER: usize = 16 << 10;

/// The port inside, and the proxy outside.
pub(super) struct WayOut {
    listener: TcpListener,
    proxy: PathBuf,
}

impl WayOut {
    /// Takes the port, before anybody inside can.
    pub(super) fn open(proxy: &OwnedFd) -> io::Result<Self> {
        // The kernel's own name for a descriptor that this process has; nobody else's.
        let proxy = PathBuf::from(format!("/proc/self/fd/{}", proxy.as_raw_fd()));
        // Where nobody listens there is no way out, and better known now.
        UnixStream::connect(&proxy)
            .map_err(|error| io::Error::new(error.kind(), format!("egress does not answer: {error}")))?;
        Ok(Self { listener: TcpListener::bind((Ipv4Addr::LOCALHOST, PROXY_PORT))?, proxy })
    }
}

/// Joins whoever connects, for as long as this process lives.
pub(super) fn start(way_out: WayOut) -> io::Result<()> {
    thread::Builder::new().stack_size(STACK).spawn(move || accept(&way_out)).map(drop)
}

fn accept(way_out: &WayOut) {
    let open = Arc::new(AtomicU64::new(0));
    for inner in way_out.listener.incoming().flatten() {
        // Full: this one is closed, as a proxy does that has enough.
        if open.load(Ordering::Relaxed) >= MOST_CONNECTIONS {
            continue;
        }
        let Ok(outer) = UnixStream::connect(&way_out.proxy) else { continue };
        let joined = Arc::new(Joined { inner, outer, open: open.clone() });
        open.fetch_add(1, Ordering::Relaxed);
        let back = joined.clone();
        // Where a thread can't be started its half is dropped, and with the last half the connection.
        let _ = thread::Builder::new().stack_size(STACK).spawn(move || joined.there());
        let _ = thread::Builder::new().stack_size(STACK).spawn(move || back.back());
    }
}

/// One connection. It counts until both directions are done.
struct Joined {
    inner: TcpStream,
    outer: UnixStream,
    open: Arc<AtomicU64>,
}

impl Joined {
    fn there(&self) {
        copy(&self.inner, &self.outer);
        let _ = self.outer.shutdown(Shutdown::Write);
    }

    fn back(&self) {
        copy(&self.outer, &self.inner);
        // The proxy has said everything: what is still sent has no reader.
        let _ = (self.inner.shutdown(Shutdown::Both), self.outer.shutdown(Shutdown::Both));
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

fn copy(mut from: impl Read, mut to: impl Write) {
    let mut buffer = [0; BUFFER];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        if to.write_all(buffer.get(..n).unwrap_or_default()).is_err() {
            return;
        }
    }
}
