//! The machine's state: health, tables, what listens.

use osmoda_ipc::{Nothing, Up};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{endpoint, osmoda_api_about};

endpoint! {
    /// CPU, memory, disk, load, uptime and host name, as measured now.
    SystemHealth = Get "/health" as "system_health", Read, Nothing => Health
}

/// How the machine is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// That agentd itself is up.
    #[serde(flatten)]
    pub up: Up,
    /// CPU use over the last second.
    pub cpu: Cpu,
    /// Memory.
    pub ram: Ram,
    /// The file system of the root folder.
    pub disk: DiskUse,
    /// Load averages.
    pub load: Load,
    /// Seconds since boot.
    pub uptime_secs: u64,
    /// Host name.
    pub hostname: String,
}

/// CPU use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cpu {
    /// Share of all cores in use, 0 to 100.
    pub percent: f64,
    /// Cores online.
    pub cores: u32,
}

/// Memory in bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ram {
    /// All of it.
    pub total_bytes: u64,
    /// What a new program could have without swapping.
    pub available_bytes: u64,
    /// Total less available.
    pub used_bytes: u64,
    /// Swap in all.
    pub swap_total_bytes: u64,
    /// Swap in use.
    pub swap_used_bytes: u64,
}

/// A file system's space in bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DiskUse {
    /// Where it is mounted.
    pub mount: String,
    /// All of it.
    pub total_bytes: u64,
    /// What is used.
    pub used_bytes: u64,
    /// What unprivileged programs may still use.
    pub available_bytes: u64,
}

/// Load averages of the last 1, 5 and 15 minutes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Load {
    /// 1 minute.
    pub one: f64,
    /// 5 minutes.
    pub five: f64,
    /// 15 minutes.
    pub fifteen: f64,
}

endpoint! {
    /// One table of system state, sorted, limited and filtered.
    SystemQuery = Post "/system/query" as "system_query", Read, QueryRequest => QueryAnswer
}

/// Which table, and which of its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryRequest {
    /// The table.
    pub query: Table,
    /// Which rows, in which order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<QueryArgs>,
}

/// The tables of system state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// Running processes.
    Processes,
    /// File systems with their space, those in memory too.
    Disk,
    /// Host name, domain and machine id.
    Hostname,
    /// Time since boot.
    Uptime,
    /// Accounts of the machine.
    Users,
    /// What is mounted where.
    Mounts,
    /// Kernel release, version and command line.
    Kernel,
    /// Kernel settings.
    Sysctl,
    /// Open sockets.
    Sockets,
    /// systemd units.
    Units,
    /// systemd timers.
    Timers,
    /// Installed packages.
    Packages,
}

/// Which rows, in which order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryArgs {
    /// A column; with a leading minus, from the largest down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub sort: Option<String>,
    /// At most so many rows; 100 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub limit: Option<u32>,
    /// Column and value: a text must contain it, a list must hold it, anything else must equal it; null: nothing there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Map<String, Value>>,
}

/// Rows of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueryAnswer {
    /// Which table.
    pub query: Table,
    /// Its rows, each an object of columns.
    pub rows: Vec<Map<String, Value>>,
    /// How many rows matched; more than there are in `rows` where the limit cut them.
    pub total: u64,
}

endpoint! {
    /// What runs here: listening sockets joined with processes and units, and known kinds of app.
    SystemDiscover = Get "/system/discover" as "system_discover", Read, Nothing => Discovery
}

/// What runs here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Discovery {
    /// One entry a listening socket.
    pub found: Vec<Found>,
    /// How many sockets listen.
    pub total_listening_ports: u64,
    /// How many systemd services are loaded; absent without systemd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_systemd_services: Option<u64>,
}

/// One listening socket and who holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// The process's name; absent where it can't be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Process id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// The port.
    pub port: u16,
    /// The address it listens at.
    pub address: String,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The executable's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executable: Option<String>,
    /// The systemd unit that the process belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What kind of app it is, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected_as: Option<AppKind>,
}

/// The eight kinds of app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppKind {
    /// nginx, caddy, apache, haproxy, traefik ...
    WebServer,
    /// postgres, mysql, mongod, clickhouse ...
    Database,
    /// redis, memcached, valkey ...
    Cache,
    /// rabbitmq, nats, kafka, mosquitto ...
    MessageQueue,
    /// node, python, ruby, java, php and other programs that serve by themselves.
    AppServer,
    /// sshd, dropbear, wireguard, openvpn, tailscaled ...
    RemoteAccess,
    /// prometheus, grafana, netdata, node_exporter ...
    Monitoring,
    /// Daemons of this suite.
    Osmoda,
}
