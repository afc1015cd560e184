//! The machine's network.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Found;
use crate::{endpoint, osmoda_api_about};

endpoint! {
    /// Interfaces, listening ports, resolvers and routes, structured.
    NetworkInfo = Get "/network" as "network_info", Read, NetworkRequest => Network
}

/// Which part of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkRequest {
    /// Which part; all by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<NetworkDetail>,
}

/// The parts of the network's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NetworkDetail {
    /// Interfaces with their addresses.
    Interfaces,
    /// Listening ports.
    Ports,
    /// Resolvers.
    Dns,
    /// Routes.
    Routes,
    /// Everything.
    All,
}

/// The network's state. A part that was not asked for is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Network {
    /// Interfaces.
    pub interfaces: Vec<Interface>,
    /// Listening ports.
    pub ports: Vec<Found>,
    /// Resolvers, in the order in which they are asked.
    pub dns: Vec<Resolver>,
    /// Routes of every table but the kernel's local one; at most 10,000 of them.
    pub routes: Vec<Route>,
    /// How many routes there are, where `routes` doesn't hold all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes_total: Option<u64>,
}

/// One interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interface {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// `up`, `down`, `unknown` ... (RFC 2863 states).
    pub state: String,
    /// Hardware address, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// Addresses with prefix length, such as `192.0.2.1/24`.
    pub addresses: Vec<String>,
    /// Bytes received since it came up.
    pub rx_bytes: u64,
    /// Bytes sent since it came up.
    pub tx_bytes: u64,
}

/// One resolver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resolver {
    /// Its address.
    pub address: String,
    /// The file that names it.
    pub source: String,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Route {
    /// `ipv4` or `ipv6`.
    pub family: String,
    /// Destination with prefix length; `default` for all.
    pub destination: String,
    /// Next hop, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// The interface it leaves by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// The address it leaves with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The lower one wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// The routing table's number; 254 is the main one.
    pub table: u32,
    /// What becomes of packets where they aren't simply sent on: `blackhole`, `unreachable`, `prohibit` ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}
