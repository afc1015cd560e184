//! Interfaces, over rtnetlink(7).

use std::{collections::HashMap, net::IpAddr};

use libc::{IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_OPERSTATE, IFLA_STATS64};
use netlink_packet_core::{DecodeError, NetlinkDeserializable, NetlinkHeader, NlasIterator};
use netlink_packet_route::{RouteNetlinkMessage, link::LinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use osmoda_api::agentd::Interface;

use super::{MOST_ENTRIES, NetworkError, addresses::Address};
use crate::system::{netlink, text};

/// The kernel's own bound, with the zero at the end.
const LONGEST_NAME: usize = 16;

/// An interface as the kernel tells it.
///
/// Read here and not by netlink-packet-route, which refuses a whole interface for one attribute that it can't read: a
/// name or an alias that isn't UTF-8, or whatever a newer kernel adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) name: String,
    state: u8,
    hardware: Vec<u8>,
    mtu: u32,
    rx_bytes: u64,
    tx_bytes: u64,
}

impl NetlinkDeserializable for Link {
    type Error = DecodeError;

    /// `struct ifinfomsg` (family u8, padding u8, type u16, index i32, flags u32, change u32), then attributes.
    fn deserialize(_: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let (header, attributes) =
            payload.split_at_checked(16).ok_or_else(|| DecodeError::buffer_too_small(payload.len(), 16))?;
        let mut link = Self { index: u32_at(header, 4).unwrap_or_default(), ..Self::default() };
        for attribute in NlasIterator::new(attributes) {
            let attribute = attribute?;
            let value = attribute.value();
            match attribute.kind() {
                IFLA_IFNAME => link.name = text::lossy(value.strip_suffix(b"\0").unwrap_or(value), LONGEST_NAME),
                IFLA_ADDRESS => link.hardware = value.to_vec(),
                IFLA_MTU => link.mtu = u32_at(value, 0).unwrap_or_default(),
                IFLA_OPERSTATE => link.state = value.first().copied().unwrap_or_default(),
                // struct rtnl_link_stats64: packets received and sent, then bytes received and sent.
                IFLA_STATS64 => {
                    link.rx_bytes = u64_at(value, 16).unwrap_or_default();
                    link.tx_bytes = u64_at(value, 24).unwrap_or_default();
                }
                _ => {}
            }
        }
        Ok(link)
    }
}

/// Every interface.
pub(super) fn links() -> Result<Vec<Link>, NetworkError> {
    let request = RouteNetlinkMessage::GetLink(LinkMessage::default());
    netlink::dump(NETLINK_ROUTE, &request, MOST_ENTRIES)
        .map_err(|source| NetworkError::Netlink { what: "interfaces", source })
}

/// Interfaces by number, each with its addresses.
pub(super) fn interfaces(mut links: Vec<Link>, addresses: Vec<Address>) -> Vec<Interface> {
    let mut of_each: HashMap<u32, Vec<String>> = HashMap::new();
    for Address { interface, ip, prefix } in addresses {
        of_each.entry(interface).or_default().push(cidr(ip, prefix));
    }
    links.sort_by_key(|link| link.index);
    let interface = |link: Link| Interface {
        addresses: of_each.remove(&link.index).unwrap_or_default(),
        index: link.index,
        state: state_name(link.state).into(),
        mac: hardware_address(&link.hardware),
        name: link.name,
        mtu: link.mtu,
        rx_bytes: link.rx_bytes,
        tx_bytes: link.tx_bytes,
    };
    links.into_iter().map(interface).collect()
}

/// An address or a destination with its prefix length.
pub(super) fn cidr(ip: IpAddr, prefix: u8) -> String {
    format!("{ip}/{prefix}")
}

/// The states of RFC 2863, as /sys/class/net/*/operstate writes them.
fn state_name(state: u8) -> &'static str {
    match state {
        1 => "notpresent",
        2 => "down",
        3 => "lowerlayerdown",
        4 => "testing",
        5 => "dormant",
        6 => "up",
        _ => "unknown",
    }
}

/// None for what has no such address (the loopback has zeros) and for a tunnel, where the bytes are an IP address.
fn hardware_address(bytes: &[u8]) -> Option<String> {
    let is_address = matches!(bytes.len(), 6 | 8 | 20) && bytes.iter().any(|byte| *byte != 0);
    is_address.then(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An attribute as the kernel frames it.
    pub(in crate::network) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = (4 + value.len() as u16).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn message(attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![0; 16];
        bytes[4..8].copy_from_slice(&7_u32.to_ne_bytes());
        bytes.extend(attributes.concat());
        bytes
    }

    fn link(payload: &[u8]) -> Result<Link, DecodeError> {
        Link::deserialize(&NetlinkHeader::default(), payload)
    }

    #[test]
    fn an_interface_is_read_past_what_nobody_knows() {
        let counters: Vec<u8> = [1_u64, 2, 3000, 4000, 5].iter().flat_map(|counter| counter.to_ne_bytes()).collect();
        let told = link(&message(&[
            attribute(IFLA_IFNAME, b"eth0\0"),
            attribute(60_000, b"whatever"),
            attribute(IFLA_MTU, &1500_u32.to_ne_bytes()),
            attribute(IFLA_OPERSTATE, &[6]),
            attribute(IFLA_ADDRESS, &[2, 0, 0, 0, 0, 0xff]),
            attribute(IFLA_STATS64, &counters),
        ]));
        let interface = interfaces(vec![told.unwrap()], vec![]).remove(0);
        assert_eq!((interface.index, interface.name.as_str(), interface.state.as_str()), (7, "eth0", "up"));
        assert_eq!((interface.mtu, interface.rx_bytes, interface.tx_bytes), (1500, 3000, 4000));
        assert_eq!(interface.mac.as_deref(), Some("02:00:00:00:00:ff"));
    }

    #[test]
    fn odd_and_cut_attributes_cost_no_interface() {
        for (attributes, name) in [
            (vec![attribute(IFLA_IFNAME, b"\xff(\0")], "\u{fffd}("),
            (vec![attribute(IFLA_MTU, b""), attribute(IFLA_STATS64, b"1"), attribute(IFLA_IFNAME, b"a\0")], "a"),
            (vec![attribute(IFLA_OPERSTATE, b"")], ""),
        ] {
            assert_eq!(link(&message(&attributes)).unwrap().name, name);
        }
        assert!(link(&[0; 15]).is_err());
        assert!(link(&[message(&[]), vec![200, 0, 3, 0]].concat()).is_err());
    }

    #[test]
    fn only_hardware_has_a_hardware_address() {
        for (bytes, told) in [
            (&[0; 6][..], None),
            (&[], None),
            (&[192, 0, 2, 1], None),
            (&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], None),
            (&[0, 0, 0, 0, 0, 1], Some("00:00:00:00:00:01")),
        ] {
            assert_eq!(hardware_address(bytes).as_deref(), told);
        }
    }
}
