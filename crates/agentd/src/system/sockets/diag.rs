//! Sockets over the kernel's sock_diag, see sock_diag(7).

use std::{io, net::SocketAddr};

use libc::{SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM};
use netlink_packet_sock_diag::{
    SockDiagMessage,
    constants::{AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP},
    inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags},
    unix::{self, ShowFlags, UnixRequest, UnixResponse, nlas::UnixDiagName},
};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use super::{Family, InetSocket, MOST_SOCKETS, State, Transport, UnixSocket, Wanted};
use crate::system::{netlink, text};

pub(super) fn inet(transport: Transport, family: Family, wanted: Wanted) -> io::Result<Vec<InetSocket>> {
    let request = SockDiagMessage::InetRequest(InetRequest {
        family: match family {
            Family::V4 => AF_INET,
            Family::V6 => AF_INET6,
        },
        protocol: match transport {
            Transport::Tcp => IPPROTO_TCP,
            Transport::Udp => IPPROTO_UDP,
        },
        extensions: ExtensionFlags::empty(),
        states: match (wanted, transport) {
            (Wanted::All, _) => StateFlags::from_bits_retain(u32::MAX),
            (Wanted::Listening, Transport::Tcp) => StateFlags::LISTEN,
            (Wanted::Listening, Transport::Udp) => StateFlags::CLOSE,
        },
        socket_id: match family {
            Family::V4 => SocketId::new_v4(),
            Family::V6 => SocketId::new_v6(),
        },
    });
    let answers: Vec<SockDiagMessage> = netlink::dump(NETLINK_SOCK_DIAG, &request, MOST_SOCKETS)?;
    let sockets = answers.into_iter().filter_map(|answer| match answer {
        SockDiagMessage::InetResponse(response) => Some(inet_socket(transport, &response)),
        _ => None,
    });
    Ok(sockets.filter(|socket| wanted.takes(socket)).collect())
}

fn inet_socket(transport: Transport, response: &InetResponse) -> InetSocket {
    let (header, id) = (&response.header, &response.header.socket_id);
    InetSocket {
        transport,
        state: State(header.state),
        local: SocketAddr::new(id.source_address, id.source_port),
        remote: SocketAddr::new(id.destination_address, id.destination_port),
        uid: header.uid,
        inode: header.inode.into(),
    }
}

pub(super) fn unix() -> io::Result<Vec<UnixSocket>> {
    let request = SockDiagMessage::UnixRequest(UnixRequest {
        state_flags: unix::StateFlags::from_bits_retain(u32::MAX),
        inode: 0,
        show_flags: ShowFlags::NAME,
        cookie: [0xff; 8],
    });
    let answers: Vec<SockDiagMessage> = netlink::dump(NETLINK_SOCK_DIAG, &request, MOST_SOCKETS)?;
    let sockets = answers.into_iter().filter_map(|answer| match answer {
        SockDiagMessage::UnixResponse(response) => Some(unix_socket(&response)),
        _ => None,
    });
    Ok(sockets.collect())
}

fn unix_socket(response: &UnixResponse) -> UnixSocket {
    let path = response.name().map(|name| match name {
        UnixDiagName::Pathname(path) => text::lossy(path.as_encoded_bytes(), text::LONGEST_PATH),
        UnixDiagName::Abstract(name) => format!("@{}", text::lossy(name, text::LONGEST_PATH)),
    });
    let kind = kind_name(response.header.kind.into());
    UnixSocket { kind, state: State(response.header.state), path, inode: response.header.inode.into() }
}

/// The kind of a Unix socket in words.
pub(super) fn kind_name(kind: i32) -> &'static str {
    match kind {
        SOCK_STREAM => "stream",
        SOCK_DGRAM => "datagram",
        SOCK_SEQPACKET => "seqpacket",
        _ => "other",
    }
}
