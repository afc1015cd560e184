//! Sockets of this network namespace: from the kernel over sock_diag, or out of /proc/net where it has no sock_diag.

mod diag;
mod proc_net;

use std::{io, net::SocketAddr};

use super::SystemError;

/// The most sockets of one kind that are read.
const MOST_SOCKETS: usize = 100_000;

/// What carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Udp,
}

impl Transport {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// The family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

/// A TCP or UDP socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InetSocket {
    pub(super) transport: Transport,
    pub(super) state: State,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) uid: u32,
    /// 0 where no program holds it any more.
    pub(super) inode: u64,
}

/// A socket of this machine alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnixSocket {
    /// `stream`, `datagram` or `seqpacket`.
    pub(super) kind: &'static str,
    pub(super) state: State,
    /// Where it is bound; begins with `@` in the abstract name space.
    pub(super) path: Option<String>,
    pub(super) inode: u64,
}

/// The kernel's states of a socket, numbered as there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State(u8);

impl State {
    const ESTABLISHED: Self = Self(1);
    const SYN_SENT: Self = Self(2);
    /// What isn't connected, which is how an open UDP socket usually is.
    const CLOSE: Self = Self(7);
    const LISTEN: Self = Self(10);

    pub(super) fn name(self) -> &'static str {
        match self.0 {
            1 => "established",
            2 => "syn_sent",
            3 | 12 => "syn_received",
            4 => "fin_wait_1",
            5 => "fin_wait_2",
            6 => "time_wait",
            7 => "unconnected",
            8 => "close_wait",
            9 => "last_ack",
            10 => "listen",
            11 => "closing",
            _ => "other",
        }
    }
}

/// Which sockets of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    All,
    /// TCP that listens; UDP that is bound without being connected.
    Listening,
}

impl Wanted {
    fn takes(self, socket: &InetSocket) -> bool {
        match (self, socket.transport) {
            (Self::All, _) => true,
            (Self::Listening, Transport::Tcp) => socket.state == State::LISTEN,
            (Self::Listening, Transport::Udp) => socket.state == State::CLOSE && socket.local.port() != 0,
        }
    }
}

/// Every TCP socket that listens and every UDP socket that is bound without being connected.
pub(super) fn listening() -> Result<Vec<InetSocket>, SystemError> {
    inet_sockets(Wanted::Listening)
}

/// Every TCP and UDP socket.
pub(super) fn inet() -> Result<Vec<InetSocket>, SystemError> {
    inet_sockets(Wanted::All)
}

/// Every Unix socket.
pub(super) fn unix() -> Result<Vec<UnixSocket>, SystemError> {
    or_else("unix", diag::unix, proc_net::unix)
}

fn inet_sockets(wanted: Wanted) -> Result<Vec<InetSocket>, SystemError> {
    let mut sockets = Vec::new();
    for transport in [Transport::Tcp, Transport::Udp] {
        for family in [Family::V4, Family::V6] {
            let of_diag = || diag::inet(transport, family, wanted);
            let of_proc = || proc_net::inet(transport, family, wanted);
            sockets.extend(or_else(transport.name(), of_diag, of_proc)?);
        }
    }
    Ok(sockets)
}

fn or_else<T>(
    kind: &str,
    of_diag: impl FnOnce() -> io::Result<T>,
    of_proc: impl FnOnce() -> Result<T, SystemError>,
) -> Result<T, SystemError> {
    of_diag().or_else(|error| {
        tracing::debug!(%error, kind, "no sock_diag; reading /proc/net instead");
        of_proc()
    })
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, TcpListener, TcpStream, UdpSocket},
        os::{
            fd::AsRawFd,
            linux::net::SocketAddrExt,
            unix::{
                fs::MetadataExt,
                net::{SocketAddr as UnixAddr, UnixDatagram, UnixListener},
            },
        },
    };

    use super::*;

    fn inode(socket: &impl AsRawFd) -> u64 {
        std::fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap().ino()
    }

    /// Both sources where the kernel has both, so that they are held to the same.
    fn both(transport: Transport, family: Family, wanted: Wanted) -> Vec<Vec<InetSocket>> {
        let mut told = vec![proc_net::inet(transport, family, wanted).unwrap()];
        told.extend(diag::inet(transport, family, wanted));
        told
    }

    fn with_inode(sockets: &[InetSocket], inode: u64) -> Option<&InetSocket> {
        sockets.iter().find(|socket| socket.inode == inode)
    }

    #[test]
    fn listeners_of_both_families_are_found() {
        for (family, ip) in [(Family::V4, "127.0.0.1"), (Family::V6, "::1")] {
            let ip: IpAddr = ip.parse().unwrap();
            let tcp = TcpListener::bind((ip, 0)).unwrap();
            let udp = UdpSocket::bind((ip, 0)).unwrap();
            for (transport, inode, local) in [
                (Transport::Tcp, inode(&tcp), tcp.local_addr().unwrap()),
                (Transport::Udp, inode(&udp), udp.local_addr().unwrap()),
            ] {
                for sockets in both(transport, family, Wanted::Listening) {
                    let found = with_inode(&sockets, inode).unwrap();
                    assert_eq!((found.local, found.uid), (local, nix::unistd::geteuid().as_raw()));
                    assert_eq!((found.remote.port(), found.remote.ip().is_unspecified()), (0, true));
                }
            }
        }
    }

    #[test]
    fn connections_are_told_apart_from_listeners() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect("127.0.0.1:9").unwrap();
        for sockets in both(Transport::Tcp, Family::V4, Wanted::All) {
            let found = with_inode(&sockets, inode(&stream)).unwrap();
            assert_eq!(found.state.name(), "established");
            assert_eq!((found.local, found.remote), (stream.local_addr().unwrap(), listener.local_addr().unwrap()));
            assert_eq!(with_inode(&sockets, inode(&listener)).unwrap().state.name(), "listen");
        }
        for (transport, inode) in [(Transport::Tcp, inode(&stream)), (Transport::Udp, inode(&udp))] {
            for sockets in both(transport, Family::V4, Wanted::Listening) {
                assert_eq!(with_inode(&sockets, inode), None);
            }
        }
    }

    #[test]
    fn a_kernel_without_sock_diag_is_read_out_of_proc() {
        let away = || Err(io::Error::from_raw_os_error(libc::ENOENT));
        assert_eq!(or_else("tcp", || Ok(1), || Err(SystemError::malformed("unasked"))).unwrap(), 1);
        assert_eq!(or_else("tcp", away, || Ok(2)).unwrap(), 2);
        assert!(
            or_else::<()>("tcp", || Err(io::ErrorKind::NotFound.into()), || Err(SystemError::malformed("x"))).is_err()
        );
    }

    #[test]
    fn unix_sockets_of_every_name_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let name = format!("abstract-{}", std::process::id());
        let hidden = UnixListener::bind_addr(&UnixAddr::from_abstract_name(&name).unwrap()).unwrap();
        let (left, _right) = UnixDatagram::pair().unwrap();
        let mut told = vec![proc_net::unix().unwrap()];
        told.extend(diag::unix());
        for sockets in told {
            let of = |inode| {
                let found = sockets.iter().find(|socket: &&UnixSocket| socket.inode == inode).unwrap();
                (found.kind, found.state.name(), found.path.clone())
            };
            assert_eq!(of(inode(&listener)), ("stream", "listen", path.to_str().map(Into::into)));
            assert_eq!(of(inode(&hidden)), ("stream", "listen", Some(format!("@{name}"))));
            assert_eq!(of(inode(&left)), ("datagram", "established", None));
        }
    }
}
