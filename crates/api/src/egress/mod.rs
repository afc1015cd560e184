//! egress: the only way out for sandboxed code. The proxy itself speaks HTTP's own words; here is what is asked about it.

use osmoda_ipc::{EndpointInfo, Nothing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{agentd::TokenText, endpoint, osmoda_api_about};

/// What egress serves, by subject.
pub fn endpoints() -> Vec<EndpointInfo> {
    vec![EndpointInfo::of::<EgressHealth>(), EndpointInfo::of::<EgressConnections>(), EndpointInfo::of::<EgressCheck>()]
}

endpoint! {
    /// Whether egress is up, where the proxy listens, and what went through it.
    EgressHealth = Get "/health" as "health", Read, Nothing => EgressState
}

/// How egress is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EgressState {
    /// `ok`; `degraded` where agentd has not yet said how tokens are checked, or an address to listen at is taken.
    pub status: String,
    /// `egress`.
    pub daemon: String,
    /// The suite's version.
    pub version: String,
    /// Seconds since egress started.
    pub daemon_uptime_secs: u64,
    /// The socket and the addresses of the proxy.
    pub listening: Vec<String>,
    /// Clients that are connected to the proxy.
    pub clients: u64,
    /// Connections to hosts that are open.
    pub open: u64,
    /// Connections to hosts since start.
    pub connections: u64,
    /// Bytes from clients to hosts since start.
    pub sent_bytes: u64,
    /// Bytes from hosts to clients since start.
    pub received_bytes: u64,
    /// Requests that were refused since start.
    pub refused: u64,
    /// Whether agentd's public key is known; without it no token is honoured.
    pub key_known: bool,
    /// The number of agentd's last feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed_sequence: Option<u64>,
    /// Tokens that were taken back before they expired.
    pub tokens_revoked: u64,
    /// Ends of connections and other events that wait for agentd.
    pub events_waiting: u64,
}

endpoint! {
    /// The connections that are open now, oldest first.
    EgressConnections = Get "/connections" as "egress_connections", Read, EgressConnectionsRequest => OpenConnections
}

/// How many.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EgressConnectionsRequest {
    /// At most so many; 100 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
}

/// Open connections, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenConnections {
    /// How many are open, listed or not.
    pub open: u64,
    /// The connections.
    pub connections: Vec<EgressConnection>,
}

/// An open connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EgressConnection {
    /// Host and port.
    pub to: String,
    /// The address that it went to; absent while that is being found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// `connect` or `http`.
    pub via: String,
    /// The name of the token it goes by; absent where the default list allows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Whom that was given to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// Since when (RFC 3339).
    pub since: String,
    /// Bytes to the host.
    pub sent: u64,
    /// Bytes from the host.
    pub received: u64,
    /// Seconds until its token expires and it is cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_secs: Option<u64>,
}

endpoint! {
    /// What the proxy would say to a host, and why, without connecting to it.
    EgressCheck = Post "/check" as "egress_check", Read, EgressCheckRequest => EgressVerdict
}

/// Which host, with which token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EgressCheckRequest {
    /// Host and port, such as example.org:443; 443 where there is none.
    #[schemars(length(min = 1, max = 1024))]
    pub host: String,
    /// The token; without one the default list decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenText>,
}

/// What the proxy would say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EgressVerdict {
    /// Whether it would connect.
    pub allowed: bool,
    /// The host in its one spelling.
    pub host: String,
    /// The addresses it leads to, each of which may be connected to.
    pub addresses: Vec<String>,
    /// The code of the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The refusal for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
