//! What the kernel is told of a socket that listens, and no crate wraps.

use std::{io, mem::size_of, os::fd::AsRawFd};

use nix::errno::Errno;
use tokio::net::TcpListener;

/// Has connections accepted when the client has spoken, or after about so many seconds where it does not (tcp(7),
/// `TCP_DEFER_ACCEPT`).
#[expect(unsafe_code)]
pub(super) fn accept_who_speaks(listener: &TcpListener, seconds: i32) -> io::Result<()> {
    let length = u32::try_from(size_of::<i32>()).map_err(io::Error::other)?;
    // SAFETY: the descriptor is the listener's, which is borrowed; the kernel reads `length` bytes, which is the integer.
    let set = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            length,
        )
    };
    Errno::result(set)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

    use super::*;

    #[tokio::test]
    async fn who_speaks_is_accepted_at_once_and_who_is_silent_in_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        accept_who_speaks(&listener, 1).unwrap();
        let address = listener.local_addr().unwrap();
        let silent = TcpStream::connect(address).await.unwrap();
        let mut speaks = TcpStream::connect(address).await.unwrap();
        speaks.write_all(b"x").await.unwrap();
        let within = Duration::from_secs(60);
        for expected in [&speaks, &silent] {
            let (_, from) = timeout(within, listener.accept()).await.unwrap().unwrap();
            assert_eq!(from, expected.local_addr().unwrap());
        }
    }
}
