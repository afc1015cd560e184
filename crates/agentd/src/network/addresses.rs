//! Addresses of interfaces, over rtnetlink(7).

use std::net::IpAddr;

use libc::{IFA_ADDRESS, IFA_LOCAL};
use netlink_packet_core::{DecodeError, NetlinkDeserializable, NetlinkHeader, NlasIterator};
use netlink_packet_route::{RouteNetlinkMessage, address::AddressMessage};
use netlink_sys::protocols::NETLINK_ROUTE;

use super::{MOST_ENTRIES, NetworkError, links::u32_at};
use crate::system::netlink;

/// An address of an interface. Read here for the reason that [`super::links::Link`] is: it bears the interface's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The interface's number.
    pub(super) interface: u32,
    pub(super) ip: IpAddr,
    pub(super) prefix: u8,
}

impl NetlinkDeserializable for Address {
    type Error = DecodeError;

    /// `struct ifaddrmsg` (family u8, prefix length u8, flags u8, scope u8, index u32), then attributes.
    fn deserialize(_: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let (header, attributes) =
            payload.split_at_checked(8).ok_or_else(|| DecodeError::buffer_too_small(payload.len(), 8))?;
        let (mut local, mut any) = (None, None);
        for attribute in NlasIterator::new(attributes) {
            let attribute = attribute?;
            match attribute.kind() {
                // Where an interface leads to one other machine, this one is ours and the other is that machine's.
                IFA_LOCAL => local = ip(attribute.value()),
                IFA_ADDRESS => any = ip(attribute.value()),
                _ => {}
            }
        }
        let ip = local.or(any).ok_or_else(|| DecodeError::from("an address without address"))?;
        Ok(Self { interface: u32_at(header, 4).unwrap_or_default(), ip, prefix: header[1] })
    }
}

/// Every address of both families.
pub(super) fn addresses() -> Result<Vec<Address>, NetworkError> {
    let request = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    netlink::dump(NETLINK_ROUTE, &request, MOST_ENTRIES)
        .map_err(|source| NetworkError::Netlink { what: "addresses", source })
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::links::tests::attribute;

    fn address(attributes: &[Vec<u8>]) -> Result<Address, DecodeError> {
        let header = [&[2, 24, 0, 0][..], &3_u32.to_ne_bytes()].concat();
        Address::deserialize(&NetlinkHeader::default(), &[header, attributes.concat()].concat())
    }

    #[test]
    fn our_own_end_is_told_of_an_interface_that_leads_to_one_machine() {
        let (ours, theirs) = (attribute(IFA_LOCAL, &[192, 0, 2, 1]), attribute(IFA_ADDRESS, &[192, 0, 2, 9]));
        let v6 = attribute(IFA_ADDRESS, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        let odd_label = attribute(libc::IFA_LABEL, b"\xff\0");
        for (attributes, ip) in [
            (vec![theirs.clone(), ours.clone()], "192.0.2.1"),
            (vec![ours, odd_label, theirs.clone()], "192.0.2.1"),
            (vec![theirs], "192.0.2.9"),
            (vec![v6], "2001:db8::1"),
        ] {
            let told = Address { interface: 3, ip: ip.parse().unwrap(), prefix: 24 };
            assert_eq!(address(&attributes).unwrap(), told);
        }
    }

    #[test]
    fn what_has_no_address_is_refused() {
        assert!(address(&[]).is_err());
        assert!(address(&[attribute(IFA_LOCAL, &[192, 0, 2])]).is_err());
        assert!(Address::deserialize(&NetlinkHeader::default(), &[2, 24]).is_err());
    }
}
