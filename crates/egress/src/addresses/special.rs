//! Addresses that lead inside: IANA's special-purpose registries, and where clouds keep their secrets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is special about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 0.0.0.0/8, ::
    Unspecified,
    /// 127.0.0.0/8, ::1
    Loopback,
    /// RFC 1918, fc00::/7, fec0::/10
    Private,
    /// 100.64.0.0/10 (RFC 6598)
    SharedCarrier,
    /// 169.254.0.0/16, fe80::/10
    LinkLocal,
    /// Where a cloud's machines read their own credentials.
    Metadata,
    /// 224.0.0.0/4, ff00::/8
    Multicast,
    /// 255.255.255.255
    Broadcast,
    /// Documentation, benchmarks, reserved blocks, and whatever is not yet given to anybody.
    Reserved,
    /// Teredo, ORCHID, local NAT64 and others that hide where they lead.
    Tunnel,
}

impl Kind {
    /// Its name in faults and in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::SharedCarrier => "carrier_nat",
            Self::LinkLocal => "link_local",
            Self::Metadata => "metadata",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Reserved => "reserved",
            Self::Tunnel => "tunnel",
        }
    }
}

/// What is special about an address; nothing about an ordinary public one. An IPv4 address that an IPv6 one carries
/// (mapped, NAT64, 6to4, compatible) is looked at as itself.
pub fn kind(address: IpAddr) -> Option<Kind> {
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => v6(address),
    }
}

fn v4(address: Ipv4Addr) -> Option<Kind> {
    let kind = match address.octets() {
        // AWS, Google, Azure, Oracle and others; ECS task roles; Alibaba; Azure's wire server; Oracle classic.
        [169, 254, 169, 254 | 253] | [169, 254, 170, 2 | 23] | [100, 100, 100, 200] | [168, 63, 129, 16] => {
            Kind::Metadata
        }
        [0, ..] => Kind::Unspecified,
        [127, ..] => Kind::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Kind::Private,
        [100, 64..=127, ..] => Kind::SharedCarrier,
        [169, 254, ..] => Kind::LinkLocal,
        [224..=239, ..] => Kind::Multicast,
        [255, 255, 255, 255] => Kind::Broadcast,
        [192, 0, 0, _]
        | [192, 0, 2, _]
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [240..=255, ..] => Kind::Reserved,
        // The anycast address of 6to4 relays.
        [192, 88, 99, _] => Kind::Tunnel,
        _ => return None,
    };
    Some(kind)
}

fn v6(address: Ipv6Addr) -> Option<Kind> {
    let carried = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    let kind = match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Kind::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Loopback,
        // IPv4-mapped, IPv4-compatible, IPv4-translated (RFC 6052, 4291, 2765).
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            return v4(carried(high, low)).or(Some(Kind::Tunnel).filter(|_| address.to_ipv4_mapped().is_none()));
        }
        // NAT64 leads to the IPv4 address that it carries; 6to4 to the network behind it.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => return v4(carried(high, low)),
        [0x2002, high, low, ..] => return v4(carried(high, low)),
        // RFC 8215: a translator of this network's own, to anywhere.
        [0x64, 0xff9b, 1, ..] => Kind::Tunnel,
        // Teredo, ORCHID, and the rest of the IETF's block.
        [0x2001, 0..=0x1ff, ..] => Kind::Tunnel,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] | [0x100, 0, 0, 0, ..] => Kind::Reserved,
        // AWS's metadata over IPv6, and Google's.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254 | 0x23] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Kind::Metadata,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Kind::Private,
        [0xfe80..=0xfebf, ..] => Kind::LinkLocal,
        [0xff00..=0xffff, ..] => Kind::Multicast,
        // Everything that IANA has given out for ordinary use begins with the bits 001.
        [0x2000..=0x3fff, ..] => return None,
        _ => Kind::Reserved,
    };
    Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_inside_is_known_in_every_spelling() {
        use Kind::*;
        for (address, expected) in [
            ("1.1.1.1", None),
            ("9.255.255.255", None),
            ("11.0.0.0", None),
            ("100.63.255.255", None),
            ("100.128.0.0", None),
            ("172.15.255.255", None),
            ("172.32.0.0", None),
            ("192.0.1.1", None),
            ("198.17.255.255", None),
            ("223.255.255.255", None),
            ("2606:4700:4700::1111", None),
            ("2a00:1450::1", None),
            ("2001:4860:4860::8888", None),
            ("0.0.0.0", Some(Unspecified)),
            ("0.1.2.3", Some(Unspecified)),
            ("127.0.0.1", Some(Loopback)),
            ("127.255.255.254", Some(Loopback)),
            ("10.0.0.1", Some(Private)),
            ("172.16.0.1", Some(Private)),
            ("172.31.255.255", Some(Private)),
            ("192.168.1.1", Some(Private)),
            ("100.64.0.1", Some(SharedCarrier)),
            ("100.127.255.255", Some(SharedCarrier)),
            ("100.100.100.200", Some(Metadata)),
            ("168.63.129.16", Some(Metadata)),
            ("169.254.169.254", Some(Metadata)),
            ("169.254.170.2", Some(Metadata)),
            ("169.254.1.1", Some(LinkLocal)),
            ("224.0.0.1", Some(Multicast)),
            ("239.255.255.255", Some(Multicast)),
            ("240.0.0.1", Some(Reserved)),
            ("255.255.255.255", Some(Broadcast)),
            ("192.0.0.192", Some(Reserved)),
            ("192.0.2.1", Some(Reserved)),
            ("198.18.0.1", Some(Reserved)),
            ("198.51.100.1", Some(Reserved)),
            ("203.0.113.1", Some(Reserved)),
            ("192.88.99.1", Some(Tunnel)),
            ("::", Some(Unspecified)),
            ("::1", Some(Loopback)),
            ("::ffff:127.0.0.1", Some(Loopback)),
            ("::ffff:169.254.169.254", Some(Metadata)),
            ("::ffff:8.8.8.8", None),
            ("::127.0.0.1", Some(Loopback)),
            ("::8.8.8.8", Some(Tunnel)),
            ("::ffff:0:10.0.0.1", Some(Private)),
            ("::ffff:0:8.8.8.8", Some(Tunnel)),
            ("64:ff9b::7f00:1", Some(Loopback)),
            ("64:ff9b::a9fe:a9fe", Some(Metadata)),
            ("64:ff9b::808:808", None),
            ("64:ff9b:1::808:808", Some(Tunnel)),
            ("2002:7f00:1::1", Some(Loopback)),
            ("2002:a9fe:a9fe::", Some(Metadata)),
            ("2002:0a00:0001::1", Some(Private)),
            ("2002:808:808::1", None),
            ("2001::1", Some(Tunnel)),
            ("2001:10::1", Some(Tunnel)),
            ("2001:20::1", Some(Tunnel)),
            ("2001:db8::1", Some(Reserved)),
            ("3fff::1", Some(Reserved)),
            ("100::1", Some(Reserved)),
            ("5f00::1", Some(Reserved)),
            ("4000::1", Some(Reserved)),
            ("fc00::1", Some(Private)),
            ("fd12::1", Some(Private)),
            ("fd00:ec2::254", Some(Metadata)),
            ("fec0::1", Some(Private)),
            ("fe80::1", Some(LinkLocal)),
            ("ff02::1", Some(Multicast)),
        ] {
            assert_eq!(kind(address.parse().unwrap()), expected, "{address}");
        }
    }
}
