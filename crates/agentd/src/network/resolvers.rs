//! Which servers resolve names here, from resolv.conf(5) and systemd-resolved's own file.

use std::{io, net::IpAddr, path::Path};

use osmoda_api::agentd::Resolver;

use super::NetworkError;
use crate::system::{SystemError, text};

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// The servers that systemd-resolved asks for those who ask it.
const BEHIND_THE_STUB: &str = "/run/systemd/resolve/resolv.conf";
/// Where systemd-resolved answers: with what it adds by itself, and as a plain proxy.
const STUBS: [&str; 2] = ["127.0.0.53", "127.0.0.54"];
const MOST_RESOLVERS: usize = 64;

/// Resolvers in the order in which they are asked; behind systemd-resolved's stub those that it asks in turn.
pub(super) fn resolvers() -> Result<Vec<Resolver>, NetworkError> {
    let mut resolvers = of_file(RESOLV_CONF)?;
    if resolvers.iter().any(|resolver| STUBS.contains(&resolver.address.as_str())) {
        resolvers.extend(of_file(BEHIND_THE_STUB)?);
    }
    Ok(resolvers)
}

/// None where there is no such file, which says nothing more than an empty one.
fn of_file(path: &str) -> Result<Vec<Resolver>, SystemError> {
    let text = match text::read_io(Path::new(path)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(SystemError::unreadable(path, error)),
    };
    Ok(parse(&text).into_iter().map(|address| Resolver { address, source: path.into() }).collect())
}

fn parse(conf: &[u8]) -> Vec<String> {
    let address = |line| {
        let mut fields = text::fields(line);
        let address = fields.next().filter(|keyword| *keyword == b"nameserver").and(fields.next())?;
        let address = std::str::from_utf8(address).ok()?;
        // An address of one link names its interface.
        let bare = address.split_once('%').map_or(address, |(bare, _)| bare);
        bare.parse::<IpAddr>().ok().map(|_| address.to_owned())
    };
    text::lines(conf).filter_map(address).take(MOST_RESOLVERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_in_their_order() {
        let conf =
            b"# nameserver 9.9.9.9\n;nameserver 8.8.8.8\nsearch example.org\noptions edns0\nnameserver 192.0.2.1\n\
                     nameserver\t2001:db8::1  # second\nnameserver fe80::1%eth0\nnameserver\nnameserver example.org\n\
                     nameservers 1.1.1.1\n\xff\xfe\nnameserver 1.2.3.4\r\n";
        assert_eq!(parse(conf), ["192.0.2.1", "2001:db8::1", "fe80::1%eth0", "1.2.3.4"]);
        assert!(parse(b"").is_empty());
    }

    #[test]
    fn a_file_that_is_away_names_nobody() {
        assert_eq!(of_file("/run/no such file").unwrap(), []);
        assert!(of_file("/proc").is_err());
    }
}
