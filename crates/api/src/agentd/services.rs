//! Services and the journal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{endpoint, osmoda_api_about};

endpoint! {
    /// How one systemd unit stands, with the last lines of its journal.
    ServiceStatus = Get "/service/{unit}" as "service_status", Read, ServiceRequest => Service
}

/// Which unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceRequest {
    /// Its name, such as nginx.service; .service where it has no type.
    #[schemars(length(min = 1, max = 255))]
    pub unit: String,
}

/// How a unit stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// Its name; an alias is followed.
    pub unit: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `loaded`, `masked`, `error` ...
    pub load: String,
    /// `active`, `inactive`, `failed`, `activating` ...
    pub active: String,
    /// The state of its kind: `running`, `exited`, `listening` ...
    pub sub: String,
    /// Whether it starts with the machine: `enabled`, `disabled`, `static` ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<String>,
    /// Its main process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Memory in bytes, where it is accounted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// CPU time in microseconds, where it is accounted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_usec: Option<u64>,
    /// How often systemd started it again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u64>,
    /// Since when it stands so (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// How it ended last: `success`, `exit-code`, `signal`, `oom-kill` ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Its last 10 entries of the journal, oldest first; none where there is no journal.
    pub logs: Vec<JournalEntry>,
}

endpoint! {
    /// Entries of a unit's journal, oldest first: the newest ones, or those that follow a cursor.
    JournalLogs = Get "/journal" as "journal_logs", Read, JournalRequest => Journal
}

/// Which entries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JournalRequest {
    /// The unit, such as nginx.service; .service where it has no type.
    #[schemars(length(min = 1, max = 255))]
    pub unit: String,
    /// At most so many; 50 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 500))]
    pub lines: Option<u32>,
    /// Only of this priority and graver: emerg, alert, crit, err, warning, notice, info or debug; or 0 to 7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub priority: Option<String>,
    /// Not before this time (RFC 3339, or a date).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub since: Option<String>,
    /// Only entries behind this one, the oldest first: the `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub cursor: Option<String>,
}

/// Entries of the journal, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Journal {
    /// The entries.
    pub entries: Vec<JournalEntry>,
    /// Behind the last entry: where to go on. Absent where there is no entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Whether more entries follow already.
    pub more: bool,
}

/// One entry of the journal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JournalEntry {
    /// When (RFC 3339).
    pub ts: String,
    /// emerg, alert, crit, err, warning, notice, info or debug; absent where the program gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// The unit it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The process that said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The program's own name for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// What was said, 16 KiB at most; bytes that are not UTF-8 are replaced.
    pub message: String,
}
