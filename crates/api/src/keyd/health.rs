//! Whether keyd is up, and whether it is as shut in as it should be.

use osmoda_ipc::Nothing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{endpoint, osmoda_api_about};

endpoint! {
    /// Whether keyd is up, and that it has no network: found out by trying.
    KeydHealth = Get "/health" as "health", Read, Nothing => KeydState
}

/// How keyd is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeydState {
    /// `ok`, or `exposed` where a try at the network or at a program was not refused.
    pub status: String,
    /// `keyd`.
    pub daemon: String,
    /// The suite's version.
    pub version: String,
    /// Seconds since keyd started.
    pub daemon_uptime_secs: u64,
    /// Whether every kind of socket but Unix ones was refused just now.
    pub network_isolated: bool,
    /// Whether running a program was refused just now.
    pub exec_blocked: bool,
    /// Whether the system writes no core of this process.
    pub core_dumps_off: bool,
    /// What can't be swapped out: `all`, `keys` or `none`.
    pub memory_locked: String,
    /// How many wallets there are.
    pub wallets: u64,
    /// Rules of the policy in force; without a policy everything is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_rules: Option<u64>,
    /// Events that wait for agentd.
    pub events_waiting: u64,
}
