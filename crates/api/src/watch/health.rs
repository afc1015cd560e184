//! Whether watch is up, and what it has in hand.

use osmoda_ipc::Nothing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{endpoint, osmoda_api_about};

endpoint! {
    /// Whether watch is up, its open sessions, and its watchers.
    WatchHealth = Get "/health" as "health", Read, Nothing => WatchState
}

/// How watch is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WatchState {
    /// `ok`, or `trouble` where a rollback failed.
    pub status: String,
    /// `watch`.
    pub daemon: String,
    /// The suite's version.
    pub version: String,
    /// Seconds since watch started.
    pub daemon_uptime_secs: u64,
    /// Sessions that are not over.
    pub open_sessions: u64,
    /// Sessions whose rollback failed.
    pub failed_rollbacks: u64,
    /// Watchers.
    pub watchers: u64,
    /// Watchers whose check fails.
    pub watchers_failing: u64,
    /// Who ends a session when watch can't: `systemd` or `guard`.
    pub rescue: String,
    /// Events that wait for agentd.
    pub events_waiting: u64,
}
