//! Hosts in one spelling: lower case, punycode (UTS 46), without the last dot, addresses only as addresses are written.
//!
//! Two spellings of one host that compare unequal would let a deny slip by, and one spelling that two programs read
//! differently would let a name be judged and another be reached. What has more than one reading is refused.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// The longest text that is looked at, in bytes; no name is longer than 253 in its ASCII form.
const LONGEST: usize = 1024;

/// A host in its one spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name in ASCII, lower case, without a last dot.
    Name(Box<str>),
    /// An address; an IPv4-mapped one is its IPv4 address.
    Address(IpAddr),
}

/// The text names no host, or could be read as more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHost {
    /// Nothing there, or too much.
    #[error("a host name has 1 to 253 characters, and each part between its dots 1 to 63")]
    Length,
    /// A character that no host has.
    #[error("a host name has letters, digits, hyphens and dots; no user, no path, no space")]
    Character,
    /// `2130706433`, `0x7f.1`, `0177.0.0.1`, `127.1`.
    #[error("an IPv4 address is written as four decimal numbers without leading zeros, such as 192.0.2.1")]
    Ipv4,
    /// Brackets that hold no IPv6 address, or an IPv6 address without brackets.
    #[error("an IPv6 address is written in brackets and without a zone, such as [2001:db8::1]")]
    Ipv6,
    /// What IDNA does not allow.
    #[error("the name is no valid internationalised domain name")]
    Idna,
    /// A port that is none.
    #[error("a port is a number from 1 to 65535")]
    Port,
}

impl Host {
    /// Reads a host as it stands in a URL or a CONNECT request, without a port.
    pub fn parse(text: &str) -> Result<Self, BadHost> {
        if text.is_empty() || text.len() > LONGEST {
            return Err(BadHost::Length);
        }
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(BadHost::Ipv6)?;
            let address: Ipv6Addr = inner.parse().map_err(|_| BadHost::Ipv6)?;
            return Ok(Self::Address(address.to_canonical()));
        }
        if text.contains(':') {
            return Err(BadHost::Ipv6);
        }
        if text.is_ascii() && !has_punycode(text) {
            return ascii(text.to_ascii_lowercase());
        }
        let name = Uts46::new()
            .to_ascii(text.as_bytes(), AsciiDenyList::EMPTY, Hyphens::CheckFirstLast, DnsLength::Ignore)
            .map_err(|_| BadHost::Idna)?;
        ascii(name.into_owned())
    }

    /// The name, where it is one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Address(_) => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

fn has_punycode(text: &str) -> bool {
    text.split('.').any(|label| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--")))
}

/// A lower-case name of ASCII letters, or the address it writes.
fn ascii(mut name: String) -> Result<Host, BadHost> {
    let rooted = name.ends_with('.');
    if rooted {
        name.pop();
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    // inet_aton(3) and browsers read such a name as an address, in octal, in hexadecimal or with parts left out.
    let is_number = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    if is_number || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit())) {
        let address: Ipv4Addr = name.parse().map_err(|_| BadHost::Ipv4)?;
        return if rooted { Err(BadHost::Ipv4) } else { Ok(Host::Address(address.into())) };
    }
    if name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return Err(BadHost::Length);
    }
    let fits = |label: &str| {
        !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    };
    if name.split('.').all(fits) { Ok(Host::Name(name.into())) } else { Err(BadHost::Character) }
}

/// A host with a port, where one was given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: Option<u16>,
}

impl Authority {
    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`. A user (`user@host`) is refused, not cut off.
    pub fn parse(text: &str) -> Result<Self, BadHost> {
        let (host, port) = split(text)?;
        let port = port.map(parse_port).transpose()?;
        Ok(Self { host: Host::parse(host)?, port })
    }
}

/// The host's text and the port's.
pub(crate) fn split(text: &str) -> Result<(&str, Option<&str>), BadHost> {
    let end_of_host = match text.starts_with('[') {
        true => text.find(']').ok_or(BadHost::Ipv6)? + 1,
        false => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(end_of_host);
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Ok((host, None)),
        None => Err(BadHost::Ipv6),
        Some(port) if port.contains(':') => Err(BadHost::Ipv6),
        Some(port) => Ok((host, Some(port))),
    }
}

/// A port in plain decimal.
pub(crate) fn parse_port(text: &str) -> Result<u16, BadHost> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain).ok_or(BadHost::Port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_of_a_host_becomes_one() {
        for (text, one) in [
            ("example.org", "example.org"),
            ("EXAMPLE.Org", "example.org"),
            ("example.org.", "example.org"),
            ("localhost", "localhost"),
            ("a_b.example.org", "a_b.example.org"),
            ("r3---sn-x.example.org", "r3---sn-x.example.org"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example.", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            ("faß.de", "xn--fa-hia.de"),
            ("example。org", "example.org"),
            ("ｅｘａｍｐｌｅ.org", "example.org"),
            ("192.0.2.1", "192.0.2.1"),
            ("１９２.0.2.1", "192.0.2.1"),
            ("[2001:DB8::1]", "[2001:db8::1]"),
            ("[::ffff:192.0.2.1]", "192.0.2.1"),
            ("[::ffff:c000:201]", "192.0.2.1"),
            ("1.2.3.4.example.org", "1.2.3.4.example.org"),
        ] {
            assert_eq!(Host::parse(text).map(|host| host.to_string()), Ok(one.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        use BadHost::*;
        for (text, why) in [
            ("", Length),
            (".", Length),
            ("a..b", Length),
            (".example.org", Length),
            ("example.org..", Length),
            ("user@example.org", Character),
            ("good.org@evil.org", Character),
            ("good.org\\@evil.org", Character),
            ("good.org/evil.org", Character),
            ("good.org#evil.org", Character),
            ("good.org%2eevil.org", Character),
            ("good.org%00.evil.org", Character),
            ("good.org\0.evil.org", Character),
            ("good .org", Character),
            (" good.org", Character),
            ("good.org\r\nx", Character),
            ("-a.org", Character),
            ("a-.org", Character),
            ("*.example.org", Character),
            ("2130706433", Ipv4),
            ("0x7f000001", Ipv4),
            ("0x7f.1", Ipv4),
            ("0X7F.0.0.1", Ipv4),
            ("0177.0.0.1", Ipv4),
            ("127.1", Ipv4),
            ("127.0.0.01", Ipv4),
            ("127.0.0.1.", Ipv4),
            ("1.2.3.4.5", Ipv4),
            ("256.1.1.1", Ipv4),
            ("a.0x", Ipv4),
            ("a.1", Ipv4),
            ("①②⑦.1", Ipv4),
            ("::1", Ipv6),
            ("[::1", Ipv6),
            ("[::1%lo]", Ipv6),
            ("[::1%25lo]", Ipv6),
            ("[127.0.0.1]", Ipv6),
            ("[example.org]", Ipv6),
            ("[]", Ipv6),
            ("example.org:443", Ipv6),
            ("xn--a.org", Idna),
            ("xn--.org", Idna),
            ("xn--example-.org", Idna),
            ("a\u{200d}b.org", Idna),
        ] {
            assert_eq!(Host::parse(text), Err(why), "{text:?}");
        }
        assert_eq!(Host::parse(&format!("{}.org", "a".repeat(64))), Err(Length));
        assert!(Host::parse(&"a.".repeat(127)).is_ok());
        assert_eq!(Host::parse(&"a.".repeat(128)), Err(Length));
        assert_eq!(Host::parse(&"ü".repeat(600)), Err(Length));
    }

    #[test]
    fn a_port_follows_in_plain_decimal_or_not_at_all() {
        let of = |text| Authority::parse(text).map(|whole| (whole.host.to_string(), whole.port));
        assert_eq!(of("Example.org:443"), Ok(("example.org".into(), Some(443))));
        assert_eq!(of("[::1]:8080"), Ok(("[::1]".into(), Some(8080))));
        assert_eq!(of("[2001:db8::1]"), Ok(("[2001:db8::1]".into(), None)));
        for (text, why) in [
            ("example.org:", BadHost::Port),
            ("example.org:0", BadHost::Port),
            ("example.org:0443", BadHost::Port),
            ("example.org:+443", BadHost::Port),
            ("example.org:65536", BadHost::Port),
            ("example.org:443 ", BadHost::Port),
            ("example.org:80:443", BadHost::Ipv6),
            ("[::1]443", BadHost::Ipv6),
            ("[::1]:80:443", BadHost::Ipv6),
            ("::1:443", BadHost::Ipv6),
            ("user:password@example.org:443", BadHost::Ipv6),
            ("user@example.org:443", BadHost::Character),
        ] {
            assert_eq!(of(text), Err(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_host_that_is_read_reads_again_as_itself(text in "\\PC{0,40}") {
            if let Ok(host) = Host::parse(&text) {
                prop_assert_eq!(Host::parse(&host.to_string()), Ok(host));
            }
        }
    }
}
