//! Sockets out of /proc/net, see proc_net_tcp in the kernel's documentation and unix(7).

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use super::{Family, InetSocket, MOST_SOCKETS, State, Transport, UnixSocket, Wanted, diag::kind_name};
use crate::system::{SystemError, text};

/// Of this thread, which may be in another network namespace than the process's first.
const FOLDER: &str = "/proc/thread-self/net";

pub(super) fn inet(transport: Transport, family: Family, wanted: Wanted) -> Result<Vec<InetSocket>, SystemError> {
    let path = format!("{FOLDER}/{}{}", transport.name(), if family == Family::V6 { "6" } else { "" });
    let mut sockets = Vec::new();
    let take = |line: &[u8]| sockets.extend(parse_inet(line, transport).filter(|socket| wanted.takes(socket)));
    match each_line(&path, take) {
        // A kernel without IPv6 has no such file, and no such sockets.
        Err(SystemError::Unreadable { source, .. })
            if family == Family::V6 && source.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok(Vec::new())
        }
        told => told.map(|()| sockets),
    }
}

pub(super) fn unix() -> Result<Vec<UnixSocket>, SystemError> {
    let mut sockets = Vec::new();
    each_line(&format!("{FOLDER}/unix"), |line| sockets.extend(parse_unix(line)))?;
    Ok(sockets)
}

/// Calls `take` with every line but the first, which names the columns.
fn each_line(path: &str, mut take: impl FnMut(&[u8])) -> Result<(), SystemError> {
    let unreadable = |error| SystemError::unreadable(path, error);
    let file = BufReader::with_capacity(64 << 10, File::open(path).map_err(unreadable)?);
    for line in file.split(b'\n').skip(1).take(MOST_SOCKETS) {
        take(&line.map_err(unreadable)?);
    }
    Ok(())
}

/// `sl local:port remote:port state tx:rx tr:when retransmits uid timeout inode …`, addresses and state in hexadecimal.
fn parse_inet(line: &[u8], transport: Transport) -> Option<InetSocket> {
    let fields: Vec<&str> = std::str::from_utf8(line).ok()?.split_ascii_whitespace().take(10).collect();
    let &[_, local, remote, state, _, _, _, uid, _, inode] = fields.as_slice() else { return None };
    Some(InetSocket {
        transport,
        state: State(u8::from_str_radix(state, 16).ok()?),
        local: parse_address(local)?,
        remote: parse_address(remote)?,
        uid: uid.parse().ok()?,
        inode: inode.parse().ok()?,
    })
}

/// `0100007F:1F90`: the address in words of 32 bit as they lie in memory, the port as a number.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match address.len() {
        8 => IpAddr::from(word(0)?),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let mut octets = [0; 16];
            octets.copy_from_slice(words.as_flattened());
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

/// `address: references protocol flags type state inode path`, numbers in hexadecimal but for the inode; the path may
/// hold blanks.
fn parse_unix(line: &[u8]) -> Option<UnixSocket> {
    /// In the flags of a socket that listens.
    const ACCEPTS: u32 = 1 << 16;

    let hexadecimal = |field: &[u8]| u32::from_str_radix(std::str::from_utf8(field).ok()?, 16).ok();
    // The inode is padded with blanks, and the path begins after exactly one.
    let (numbers, path) = split_after_field(line, 7)?;
    let mut fields = text::fields(numbers).skip(3);
    let (flags, kind, state) =
        (hexadecimal(fields.next()?)?, hexadecimal(fields.next()?)?, hexadecimal(fields.next()?)?);
    let state = match state {
        _ if flags & ACCEPTS != 0 => State::LISTEN,
        3 => State::ESTABLISHED,
        2 => State::SYN_SENT,
        _ => State::CLOSE,
    };
    Some(UnixSocket {
        kind: kind_name(i32::try_from(kind).ok()?),
        state,
        path: path.map(|path| text::lossy(path, text::LONGEST_PATH)),
        inode: text::number(fields.next()?)?,
    })
}

/// The line up to the end of its `count`th field, and what follows after one blank.
fn split_after_field(line: &[u8], count: usize) -> Option<(&[u8], Option<&[u8]>)> {
    let mut seen = 0;
    let mut inside = false;
    for (at, byte) in line.iter().enumerate() {
        if byte.is_ascii_whitespace() {
            seen += usize::from(inside);
            inside = false;
            if seen == count {
                return Some((&line[..at], Some(&line[at + 1..])));
            }
        } else {
            inside = true;
        }
    }
    (seen + usize::from(inside) == count).then_some((line, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn addresses_are_read_as_they_lie_in_memory() {
        for (text, address) in [
            ("0100007F:1F90", Some("127.0.0.1:8080")),
            ("00000000:0016", Some("0.0.0.0:22")),
            ("0101A8C0:FFFF", Some("192.168.1.1:65535")),
            ("00000000000000000000000001000000:0050", Some("[::1]:80")),
            ("00000000000000000000000000000000:0000", Some("[::]:0")),
            ("B80D0120000000000000000001000000:01BB", Some("[2001:db8::1]:443")),
            ("0000000000000000FFFF00000100007F:0050", Some("[::ffff:127.0.0.1]:80")),
            ("0100007F:10000", None),
            ("0100007F", None),
            ("0100007:0001", None),
            ("", None),
            ("é00000F:0001", None),
        ] {
            assert_eq!(parse_address(text), address.map(|address| address.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_line_of_tcp_is_read() {
        let line =
            b"   0: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000   115        0 24189 1 \
                     0000000000000000 100 0 0 10 0";
        let socket = parse_inet(line, Transport::Tcp).unwrap();
        assert_eq!((socket.local.port(), socket.uid, socket.inode, socket.state.name()), (3306, 115, 24189, "listen"));
        for line in ["", "   0: 0100007F:0CEA 00000000:0000 0A", "a b c d e f g h i j", "\u{e9} \u{e9}"] {
            assert_eq!(parse_inet(line.as_bytes(), Transport::Tcp), None, "{line:?}");
        }
    }

    #[test]
    fn a_line_of_unix_keeps_its_path_whole() {
        for (line, kind, state, path) in [
            (
                &b"ffff: 00000002 00000000 00010000 0001 01 21387 /run/a b.sock"[..],
                "stream",
                "listen",
                Some("/run/a b.sock"),
            ),
            (
                b"ffff: 00000002 00000000 00010000 0005 01    12 /run/udev/control",
                "seqpacket",
                "listen",
                Some("/run/udev/control"),
            ),
            (b"ffff: 00000003 00000000 00000000 0002 03 21387", "datagram", "established", None),
            (b"ffff: 00000003 00000000 00000000 0002 01 21387 @/tmp/x ", "datagram", "unconnected", Some("@/tmp/x ")),
            (b"ffff: 00000003 00000000 00000000 0001 02 1 \xff", "stream", "syn_sent", Some("\u{fffd}")),
        ] {
            let socket = parse_unix(line).unwrap();
            assert_eq!((socket.kind, socket.state.name(), socket.path.as_deref()), (kind, state, path), "{line:?}");
        }
        for line in ["", "ffff: 2 0 0 1 1", "ffff: 2 0 0 x 1 5 /a"] {
            assert_eq!(parse_unix(line.as_bytes()), None, "{line:?}");
        }
    }
}
