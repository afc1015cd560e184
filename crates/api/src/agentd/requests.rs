//! Receipts of single calls: how they stand and what came of them.

use osmoda_ipc::Progress;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{endpoint, osmoda_api_about};

endpoint! {
    /// How one call stands: its receipt.
    RequestGet = Get "/requests/{request_id}" as "request_get", Read, RequestGetRequest => RequestReceipt
}

/// Which call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestGetRequest {
    /// The id that the answer, or the receipt, carried.
    #[schemars(length(max = 64))]
    pub request_id: String,
}

endpoint! {
    /// The newest calls that came with an Idempotency-Key or were answered with a receipt.
    RequestList = Get "/requests" as "request_list", Read, RequestListRequest => RequestReceipts
}

/// Which receipts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestListRequest {
    /// Only in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<RequestStatus>,
    /// Only of this action, such as shell_exec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub action: Option<String>,
    /// At most so many; 50 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<i64>,
}

/// Receipts, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RequestReceipts {
    /// The receipts, without their results.
    pub requests: Vec<RequestReceipt>,
    /// Where the next page begins; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<i64>,
}

/// One call, from its acceptance to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RequestReceipt {
    /// The call.
    pub request_id: String,
    /// What was asked for: the tool's name.
    pub action: String,
    /// Who asked.
    pub actor: String,
    /// How it stands.
    pub status: RequestStatus,
    /// When it was accepted (RFC 3339).
    pub accepted_at: String,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// How far it has come, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub result: Value,
    /// Why nothing came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<RequestFailure>,
    /// The call that took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
    /// The states it went through, oldest first.
    pub history: Vec<RequestStep>,
}

/// How a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// Taken in, and running.
    Accepted,
    /// Done.
    Completed,
    /// Refused, or tried and failed.
    Failed,
    /// Cut off by the end of the daemon: whether it was done is not known.
    Interrupted,
    /// A later call took its place.
    Superseded,
}

/// Why a call failed, and what to do instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequestFailure {
    /// The fault's stable code.
    pub code: String,
    /// For people.
    pub message: String,
    /// What to do next.
    pub fallback_recommendation: String,
}

/// One state of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequestStep {
    /// Which.
    pub status: RequestStatus,
    /// Since when (RFC 3339).
    pub at: String,
}
