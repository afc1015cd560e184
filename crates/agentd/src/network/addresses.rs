//! Addresses of interfaces, over rtnetlink(7).

use std::net::IpAddr;

use netlink_packet_route::{
    RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage},
};
use netlink_sys::protocols::NETLINK_ROUTE;

use super::{MOST_ENTRIES, NetworkError};
use crate::system::netlink;

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The interface's number.
    pub(super) interface: u32,
    pub(super) ip: IpAddr,
    pub(super) prefix: u8,
}

/// Every address of both families.
pub(super) fn addresses() -> Result<Vec<Address>, NetworkError> {
    let request = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    let answers: Vec<RouteNetlinkMessage> = netlink::dump(NETLINK_ROUTE, &request, MOST_ENTRIES)
        .map_err(|source| NetworkError::Netlink { what: "addresses", source })?;
    let addresses = answers.iter().filter_map(|answer| match answer {
        RouteNetlinkMessage::NewAddress(message) => address(message),
        _ => None,
    });
    Ok(addresses.collect())
}

/// Where an interface leads to one other machine, `Address` is that machine's and `Local` is ours.
fn address(message: &AddressMessage) -> Option<Address> {
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(ip) => Some(*ip),
        _ => None,
    });
    let any = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Address(ip) => Some(*ip),
        _ => None,
    });
    local.or(any).map(|ip| Address { interface: message.header.index, ip, prefix: message.header.prefix_len })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_end_is_told_of_an_interface_that_leads_to_one_machine() {
        let ours: IpAddr = "192.0.2.1".parse().unwrap();
        let theirs: IpAddr = "192.0.2.2".parse().unwrap();
        for (attributes, told) in [
            (vec![AddressAttribute::Address(theirs), AddressAttribute::Local(ours)], Some(ours)),
            (vec![AddressAttribute::Address(ours)], Some(ours)),
            (vec![], None),
        ] {
            let mut message = AddressMessage::default();
            (message.header.index, message.header.prefix_len, message.attributes) = (3, 32, attributes);
            assert_eq!(address(&message), told.map(|ip| Address { interface: 3, ip, prefix: 32 }));
        }
    }
}
