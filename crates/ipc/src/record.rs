//! No act without a record, no danger without leave: what the server asks before, and tells after, each act.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{call::Call, endpoint::EndpointInfo, fault::Fault};

/// The longest string that the ledger keeps whole, in bytes.
pub const LONGEST_RECORDED_STRING: usize = 4096;

/// An event that is not in the ledger yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEvent {
    /// Dotted lower case, such as `shell_exec.intent`; never holds `|`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who acted, such as `agent:claude`; never holds `|`.
    pub actor: String,
    /// What happened.
    pub payload: Value,
}

/// A redo record: what an act wrote, kept with the event that records it until it is on disk where it belongs. One flush then
/// does for both, and after a sudden end there is never one without the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redo {
    /// Where it belongs; whoever gave the record knows what that means.
    pub name: String,
    /// All of it.
    pub content: Vec<u8>,
}

/// What a handler answers with. Most answer with the response alone, and need not say so.
pub struct Answered<R> {
    /// The response.
    pub response: R,
    /// What must be on disk before anybody sees it.
    pub redo: Option<Redo>,
    /// What the response waits for and its record does not: it goes on while that is written.
    pub meanwhile: Option<BoxFuture<'static, Result<(), Fault>>>,
}

impl<R: std::fmt::Debug> std::fmt::Debug for Answered<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Answered").field(&self.response).field(&self.redo).finish()
    }
}

impl<R> From<R> for Answered<R> {
    fn from(response: R) -> Self {
        Self { response, redo: None, meanwhile: None }
    }
}

/// Where events go: agentd's ledger itself, or agentd over its socket.
pub trait Recorder: Send + Sync + 'static {
    /// Answers with the event's id once it is durable; 503 `ledger_unavailable` where it can't be.
    fn append(&self, event: NewEvent) -> BoxFuture<'_, Result<i64, Fault>>;

    /// The same with a redo record. Only who has the ledger itself at hand can keep one.
    fn append_with(&self, event: NewEvent, redo: Redo) -> BoxFuture<'_, Result<i64, Fault>> {
        let lost = format!("this daemon can't keep {} with {}", redo.name, event.kind);
        Box::pin(async { Err(Fault::internal_text(lost)) })
    }
}

/// An act that is about to happen.
#[derive(Debug)]
pub struct Act<'a> {
    /// Whose endpoint it is.
    pub endpoint: &'a EndpointInfo,
    /// The whole request as JSON.
    pub request: &'a Value,
}

/// Leave to act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leave {
    /// The approval that was used up for it, where one was needed.
    pub approval_id: Option<String>,
    /// The earlier call that asked for this approval and whose place this one takes.
    pub supersedes: Option<String>,
}

/// Decides whether a destructive act may start now.
pub trait Gate: Send + Sync + 'static {
    /// Leave, or 403 `approval_required` with the id to ask about.
    fn pass<'a>(&'a self, call: &'a Call, act: Act<'a>) -> BoxFuture<'a, Result<Leave, Fault>>;
}

/// The value with every long string replaced by its length, so that the ledger stays small.
pub(crate) fn abridge(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() > LONGEST_RECORDED_STRING => json!({ "bytes": text.len() }),
        Value::Array(items) => items.into_iter().map(abridge).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, field)| (name, abridge(field))).collect(),
        short => short,
    }
}

/// The event before an act.
pub(crate) fn intent(daemon: &str, call: &Call, name: &str, request: &Value, leave: &Leave) -> NewEvent {
    let mut payload = json!({
        "request_id": call.request_id,
        "daemon": daemon,
        "uid": call.caller.uid,
        "pid": call.caller.pid,
        "request": request,
    });
    if let Some(id) = &leave.approval_id {
        payload["approval_id"] = json!(id);
    }
    if let Some(id) = leave.supersedes.as_deref().filter(|id| *id != call.request_id.as_str()) {
        payload["supersedes"] = json!(id);
    }
    NewEvent { kind: format!("{name}.intent"), actor: call.caller.actor(), payload }
}

/// The event after an act.
pub(crate) struct Outcome<'a> {
    pub(crate) daemon: &'a str,
    pub(crate) call: &'a Call,
    /// The endpoint's.
    pub(crate) name: &'static str,
    pub(crate) duration_ms: u64,
    /// The answer's receipt, or the fault.
    pub(crate) result: Result<Value, &'a Fault>,
    /// Where no intent was written: what was asked.
    pub(crate) request: Option<&'a Value>,
}

impl From<Outcome<'_>> for NewEvent {
    fn from(outcome: Outcome<'_>) -> Self {
        let mut payload = json!({
            "request_id": outcome.call.request_id,
            "daemon": outcome.daemon,
            "ok": outcome.result.is_ok(),
            "duration_ms": outcome.duration_ms,
        });
        match outcome.result {
            Ok(Value::Null) => {}
            Ok(receipt) => payload["result"] = receipt,
            Err(fault) => payload["code"] = json!(fault.code()),
        }
        if let Some(request) = outcome.request {
            payload["request"] = request.clone();
            payload["uid"] = json!(outcome.call.caller.uid);
        }
        Self { kind: format!("{}.outcome", outcome.name), actor: outcome.call.caller.actor(), payload }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_strings_are_recorded_by_their_length() {
        let long = "x".repeat(LONGEST_RECORDED_STRING + 1);
        assert_eq!(abridge(json!({"a": [long], "b": "short"})), json!({"a": [{"bytes": 4097}], "b": "short"}));
    }
}
