//! Routes of every table but the kernel's local one, over rtnetlink(7).

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use libc::RT_TABLE_LOCAL;
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    route::{RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteNextHop, RouteType, RouteVia},
};
use netlink_sys::protocols::NETLINK_ROUTE;
use osmoda_api::agentd::Route;

use super::{
    MOST_ENTRIES, NetworkError,
    links::{Link, cidr},
};
use crate::system::netlink;

/// The most routes that one answer holds.
const MOST_TOLD: usize = 10_000;

/// Routes, with how many there are where not all are told.
pub(super) struct Routes {
    pub(super) told: Vec<Route>,
    pub(super) total: Option<u64>,
}

/// The routes of both families in the kernel's order; `links` name the interfaces.
pub(super) fn routes(links: &[Link]) -> Result<Routes, NetworkError> {
    let names: HashMap<u32, &str> = links.iter().map(|link| (link.index, link.name.as_str())).collect();
    let mut told = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut message = RouteMessage::default();
        message.header.address_family = family;
        let answers: Vec<RouteNetlinkMessage> =
            netlink::dump(NETLINK_ROUTE, &RouteNetlinkMessage::GetRoute(message), MOST_ENTRIES)
                .map_err(|source| NetworkError::Netlink { what: "routes", source })?;
        for answer in &answers {
            if let RouteNetlinkMessage::NewRoute(message) = answer {
                told.extend(routes_of(message, &names));
            }
        }
    }
    let total = told.len();
    told.truncate(MOST_TOLD);
    Ok(Routes { told, total: (total > MOST_TOLD).then_some(total as u64) })
}

/// One route for each of the message's next hops; none for what isn't asked about.
fn routes_of(message: &RouteMessage, names: &HashMap<u32, &str>) -> Vec<Route> {
    let mut route = Parts::default();
    route.take(&message.attributes);
    let table = route.table.unwrap_or_else(|| message.header.table.into());
    let family = match message.header.address_family {
        AddressFamily::Inet => "ipv4",
        AddressFamily::Inet6 => "ipv6",
        _ => return Vec::new(),
    };
    if table == u32::from(RT_TABLE_LOCAL) || message.header.flags.contains(RouteFlags::Cloned) {
        return Vec::new();
    }
    let prefix = message.header.destination_prefix_length;
    let destination = match route.destination {
        _ if prefix == 0 => "default".into(),
        Some(ip) => cidr(ip, prefix),
        None if family == "ipv4" => cidr(Ipv4Addr::UNSPECIFIED.into(), prefix),
        None => cidr(Ipv6Addr::UNSPECIFIED.into(), prefix),
    };
    let told = |hop: Hop| Route {
        family: family.into(),
        destination: destination.clone(),
        gateway: hop.gateway.map(|ip| ip.to_string()),
        interface: hop.interface.map(|index| names.get(&index).map_or_else(|| index.to_string(), ToString::to_string)),
        source: route.source.map(|ip| ip.to_string()),
        metric: route.metric,
        table,
        kind: kind_name(message.header.kind).map(Into::into),
    };
    if route.hops.is_empty() { vec![told(route.hop)] } else { route.hops.iter().copied().map(told).collect() }
}

/// Where to send a packet next.
#[derive(Clone, Copy, Default)]
struct Hop {
    gateway: Option<IpAddr>,
    interface: Option<u32>,
}

impl Hop {
    fn take(&mut self, attribute: &RouteAttribute) {
        match attribute {
            RouteAttribute::Gateway(address) => self.gateway = ip(address),
            RouteAttribute::Via(RouteVia::Inet(ip)) => self.gateway = Some((*ip).into()),
            RouteAttribute::Via(RouteVia::Inet6(ip)) => self.gateway = Some((*ip).into()),
            RouteAttribute::Oif(index) => self.interface = Some(*index),
            _ => {}
        }
    }

    fn of(next: &RouteNextHop) -> Self {
        let mut hop = Self { gateway: None, interface: Some(next.interface_index) };
        next.attributes.iter().for_each(|attribute| hop.take(attribute));
        hop
    }
}

/// What is asked about of a route's attributes.
#[derive(Default)]
struct Parts {
    destination: Option<IpAddr>,
    source: Option<IpAddr>,
    metric: Option<u32>,
    table: Option<u32>,
    hop: Hop,
    /// More than one way, between which the kernel chooses.
    hops: Vec<Hop>,
}

impl Parts {
    fn take(&mut self, attributes: &[RouteAttribute]) {
        for attribute in attributes {
            match attribute {
                RouteAttribute::Destination(address) => self.destination = ip(address),
                RouteAttribute::PrefSource(address) => self.source = ip(address),
                RouteAttribute::Priority(metric) => self.metric = Some(*metric),
                RouteAttribute::Table(table) => self.table = Some(*table),
                RouteAttribute::MultiPath(hops) => self.hops = hops.iter().map(Hop::of).collect(),
                other => self.hop.take(other),
            }
        }
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}

/// None for the ordinary kind, which sends packets on.
fn kind_name(kind: RouteType) -> Option<&'static str> {
    match kind {
        RouteType::Unicast | RouteType::Unspec => None,
        RouteType::Local => Some("local"),
        RouteType::Broadcast => Some("broadcast"),
        RouteType::Anycast => Some("anycast"),
        RouteType::Multicast => Some("multicast"),
        RouteType::BlackHole => Some("blackhole"),
        RouteType::Unreachable => Some("unreachable"),
        RouteType::Prohibit => Some("prohibit"),
        RouteType::Throw => Some("throw"),
        RouteType::Nat => Some("nat"),
        _ => Some("other"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(family: AddressFamily, prefix: u8, table: u8, attributes: Vec<RouteAttribute>) -> RouteMessage {
        let mut message = RouteMessage::default();
        message.header.address_family = family;
        message.header.destination_prefix_length = prefix;
        message.header.table = table;
        message.header.kind = RouteType::Unicast;
        message.attributes = attributes;
        message
    }

    fn v4(text: &str) -> RouteAddress {
        RouteAddress::Inet(text.parse().unwrap())
    }

    fn told(message: &RouteMessage) -> Vec<Route> {
        routes_of(message, &HashMap::from([(2, "eth0"), (3, "wlan0")]))
    }

    #[test]
    fn a_default_route_tells_gateway_interface_source_and_metric() {
        let route = told(&message(
            AddressFamily::Inet,
            0,
            254,
            vec![
                RouteAttribute::Table(254),
                RouteAttribute::Gateway(v4("192.0.2.1")),
                RouteAttribute::Oif(2),
                RouteAttribute::PrefSource(v4("192.0.2.7")),
                RouteAttribute::Priority(100),
            ],
        ));
        let expected = Route {
            family: "ipv4".into(),
            destination: "default".into(),
            gateway: Some("192.0.2.1".into()),
            interface: Some("eth0".into()),
            source: Some("192.0.2.7".into()),
            metric: Some(100),
            table: 254,
            kind: None,
        };
        assert_eq!(route, [expected]);
    }

    #[test]
    fn every_way_of_a_route_is_told() {
        let mut hops = [RouteNextHop::default(), RouteNextHop::default()];
        (hops[0].interface_index, hops[0].attributes) = (2, vec![RouteAttribute::Gateway(v4("192.0.2.1"))]);
        (hops[1].interface_index, hops[1].attributes) =
            (9, vec![RouteAttribute::Via(RouteVia::Inet6("fe80::1".parse().unwrap()))]);
        let attributes = vec![RouteAttribute::Destination(v4("10.0.0.0")), RouteAttribute::MultiPath(hops.to_vec())];
        let routes = told(&message(AddressFamily::Inet, 8, 254, attributes));
        let ways: Vec<_> = routes
            .iter()
            .map(|route| (route.destination.as_str(), route.gateway.as_deref(), route.interface.as_deref()))
            .collect();
        assert_eq!(ways, [("10.0.0.0/8", Some("192.0.2.1"), Some("eth0")), ("10.0.0.0/8", Some("fe80::1"), Some("9"))]);
    }

    #[test]
    fn the_local_table_and_cached_routes_are_left_out() {
        assert!(told(&message(AddressFamily::Inet, 32, 255, vec![])).is_empty());
        assert!(told(&message(AddressFamily::Inet6, 0, 252, vec![RouteAttribute::Table(255)])).is_empty());
        assert_eq!(told(&message(AddressFamily::Inet6, 0, 252, vec![RouteAttribute::Table(1000)]))[0].table, 1000);
        let mut cached = message(AddressFamily::Inet6, 128, 254, vec![]);
        cached.header.flags = RouteFlags::Cloned;
        assert!(told(&cached).is_empty());
    }

    #[test]
    fn a_route_that_leads_nowhere_says_so() {
        let mut message = message(AddressFamily::Inet6, 32, 254, vec![]);
        message.header.kind = RouteType::BlackHole;
        let route = told(&message).remove(0);
        assert_eq!((route.kind.as_deref(), route.destination.as_str()), (Some("blackhole"), "::/32"));
        assert_eq!(route.interface, None);
    }
}
