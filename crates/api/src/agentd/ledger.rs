//! The ledger: what happened, by whom, and that nobody changed it since.

use osmoda_ipc::{NewEvent, Record};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{endpoint, osmoda_api_about};

endpoint! {
    /// The hash-chained audit ledger, newest first.
    EventLog = Get "/events/log" as "event_log", Read, EventLogRequest => Events
}

/// Which events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventLogRequest {
    /// A type, or a prefix that ends in a dot or star: `shell_exec.`
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub kind: Option<String>,
    /// Exactly this actor, such as agent:claude.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub actor: Option<String>,
    /// Not before this time (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub since: Option<String>,
    /// At most so many; 50 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// Only events older than this id: the `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<i64>,
    /// Only events newer than this id, oldest first: for following.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<i64>,
    /// Only events of this act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub request_id: Option<String>,
}

/// A page of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Events {
    /// The events.
    pub events: Vec<Event>,
    /// Where the next page begins; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<i64>,
}

/// One event. `hash = SHA-256(id|ts|type|actor|payload|prev_hash)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Its place in the chain, from 1.
    pub id: i64,
    /// UTC, as 2026-01-02T03:04:05.678Z.
    pub ts: String,
    /// What kind of event.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who.
    pub actor: String,
    /// What happened.
    pub payload: Value,
    /// The hash of the event before; 64 zeros for the first.
    pub prev_hash: String,
    /// This event's hash.
    pub hash: String,
}

endpoint! {
    /// Receipts: who did what, with which approval and which result.
    ReceiptList = Get "/receipts" as "receipt_list", Read, ReceiptListRequest => Receipts
}

/// Which receipts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptListRequest {
    /// Only of this tool, such as shell_exec.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub kind: Option<String>,
    /// Not before this time (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub since: Option<String>,
    /// At most so many; 50 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
}

/// Receipts, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Receipts {
    /// The receipts.
    pub receipts: Vec<Receipt>,
}

/// One act, from its intent to its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The act.
    pub request_id: String,
    /// The tool.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who.
    pub actor: String,
    /// When it began.
    pub ts: String,
    /// What was asked.
    pub request: Value,
    /// The approval that was used up for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_id: Option<String>,
    /// How it stands.
    pub status: ReceiptStatus,
    /// The fault's code, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub result: Value,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The ids of its events in the ledger.
    pub events: Vec<i64>,
}

/// How an act stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStatus {
    /// Begun, and not ended yet.
    Running,
    /// Done.
    Completed,
    /// Tried, and failed.
    Failed,
    /// Begun, and cut off by the end of its daemon.
    Interrupted,
}

endpoint! {
    /// Append one event: for the suite's own daemons.
    LedgerAppend = Post "/ledger/append" as "ledger_append", Write, NewEvent => Appended, {
        const ACCESS: osmoda_ipc::Access = osmoda_ipc::Access::Daemon;
        // It is the record.
        const RECORD: Record = Record::Nothing;
    }
}

/// Where an event landed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Appended {
    /// Its id.
    pub id: i64,
}

endpoint! {
    /// Check the whole chain as it is on disk, and against the newest checkpoint or one that was kept elsewhere.
    LedgerVerify = Post "/ledger/verify" as "ledger_verify", Read, VerifyRequest => Verification, {
        const DEADLINE: std::time::Duration = std::time::Duration::from_secs(600);
    }
}

/// What the ledger is held against.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    /// A signed checkpoint of this ledger that was kept elsewhere; without it the newest one of agentd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub checkpoint: Option<String>,
}

/// What a check of the chain found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// Whether every event is as it was written, and the ledger begins with what the checkpoint covers.
    pub ok: bool,
    /// How many events were checked.
    pub events: u64,
    /// The newest event's hash.
    pub head: String,
    /// The first bad event and why, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<BadEvent>,
    /// What the ledger says to the checkpoint it was held against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Compared>,
}

/// An event that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BadEvent {
    /// Its id, or the id that should be there.
    pub id: i64,
    /// What is wrong with it.
    pub why: String,
}

/// A checkpoint beside the events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Compared {
    /// Whether the ledger begins with exactly the events that the checkpoint covers.
    pub ok: bool,
    /// How many events it covers.
    pub size: u64,
    /// Its root hash in Base64.
    pub root: String,
    /// What is wrong: ledger_cut, ledger_forked, chain_broken or checkpoint_untrusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

endpoint! {
    /// Prove to a third party that an event is in the ledger.
    LedgerProve = Get "/ledger/prove/{event_id}" as "ledger_prove", Read, ProveRequest => EventProof
}

/// Which event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProveRequest {
    /// Its id.
    #[schemars(range(min = 1))]
    pub event_id: i64,
}

/// A proof that needs nothing but the log's key to be checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventProof {
    /// The event.
    pub event_id: i64,
    /// The text of a proof file (c2sp.org/tlog-proof): the event's bytes, its way to the root, a signed checkpoint.
    pub proof: String,
    /// The key that the checkpoint is signed with. Whoever checks must have it from elsewhere.
    pub key: String,
}

endpoint! {
    /// The hashes that show that a larger ledger continues a smaller one.
    LedgerConsistency = Get "/ledger/consistency" as "ledger_consistency", Read, ConsistencyRequest => Consistency
}

/// From which size to which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyRequest {
    /// Events of the smaller tree.
    #[schemars(range(min = 1))]
    pub first: u64,
    /// Events of the larger tree; at most what the newest checkpoint covers.
    #[schemars(range(min = 1))]
    pub second: u64,
}

/// A consistency proof (RFC 6962, section 2.1.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Consistency {
    /// Events of the smaller tree.
    pub first: u64,
    /// Events of the larger tree.
    pub second: u64,
    /// The hashes in Base64.
    pub hashes: Vec<String>,
}
