//! The receipt of a call that came without a key: read out of the ledger.

use osmoda_api::agentd::{Event, RequestReceipt, RequestStatus, RequestStep};
use serde_json::Value;

use super::failure;

/// The newest receipt that these events, oldest first, tell of this call.
pub(crate) fn from_ledger(request_id: &str, events: &[Event]) -> Option<RequestReceipt> {
    let mut receipt: Option<RequestReceipt> = None;
    for event in events {
        let text = |name: &str| event.payload.get(name).and_then(Value::as_str);
        if text("supersedes") == Some(request_id) {
            if let Some(receipt) = &mut receipt {
                step(receipt, RequestStatus::Superseded, &event.ts);
                receipt.superseded_by = text("request_id").map(str::to_owned);
            }
            continue;
        }
        if text("request_id") != Some(request_id) {
            continue;
        }
        if event.kind == "approval.requested" {
            let mut asked = begin(request_id, text("tool").unwrap_or_default(), event);
            step(&mut asked, RequestStatus::Failed, &event.ts);
            asked.failure = Some(failure("approval_required", text("why"), request_id));
            receipt = Some(asked);
        } else if let Some(action) = event.kind.strip_suffix(".intent") {
            receipt = Some(begin(request_id, action, event));
        } else if let Some(action) = event.kind.strip_suffix(".outcome") {
            let begun = receipt.take().filter(|receipt| receipt.action == action && receipt.completed_at.is_none());
            let mut ended = begun.unwrap_or_else(|| begin(request_id, action, event));
            end(&mut ended, event);
            receipt = Some(ended);
        }
    }
    receipt
}

fn begin(request_id: &str, action: &str, event: &Event) -> RequestReceipt {
    RequestReceipt {
        request_id: request_id.to_owned(),
        action: action.to_owned(),
        actor: event.actor.clone(),
        status: RequestStatus::Accepted,
        accepted_at: event.ts.clone(),
        completed_at: None,
        progress: None,
        result: Value::Null,
        failure: None,
        superseded_by: None,
        history: vec![RequestStep { status: RequestStatus::Accepted, at: event.ts.clone() }],
    }
}

fn end(receipt: &mut RequestReceipt, event: &Event) {
    let code = event.payload.get("code").and_then(Value::as_str);
    let status = match code {
        _ if event.payload.get("ok") == Some(&Value::Bool(true)) => RequestStatus::Completed,
        Some("interrupted") => RequestStatus::Interrupted,
        _ => RequestStatus::Failed,
    };
    step(receipt, status, &event.ts);
    receipt.result = event.payload.get("result").cloned().unwrap_or(Value::Null);
    if status != RequestStatus::Completed {
        receipt.failure = Some(failure(code.unwrap_or("failed"), None, &receipt.request_id));
    }
}

fn step(receipt: &mut RequestReceipt, status: RequestStatus, at: &str) {
    receipt.status = status;
    if status != RequestStatus::Superseded {
        receipt.completed_at = Some(at.to_owned());
    }
    receipt.history.push(RequestStep { status, at: at.to_owned() });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(id: i64, kind: &str, payload: Value) -> Event {
        Event {
            id,
            ts: format!("t{id}"),
            kind: kind.into(),
            actor: "agent:x".into(),
            payload,
            prev_hash: String::new(),
            hash: String::new(),
        }
    }

    #[test]
    fn a_call_is_told_from_its_events() {
        let events = [
            event(1, "approval.requested", json!({"request_id": "a", "tool": "shell_exec", "why": "it removes files"})),
            event(2, "shell_exec.intent", json!({"request_id": "b", "supersedes": "a"})),
            event(3, "shell_exec.outcome", json!({"request_id": "b", "ok": true, "result": {"exit_code": 0}})),
            event(4, "shell_exec.intent", json!({"request_id": "c"})),
            event(
                5,
                "memory_store.outcome",
                json!({"request_id": "d", "ok": false, "code": "internal", "request": {}}),
            ),
            event(6, "shell_exec.outcome", json!({"request_id": "c", "ok": false, "code": "interrupted"})),
            event(7, "shell_exec.intent", json!({"request_id": "e"})),
        ];
        let receipt = |id: &str| from_ledger(id, &events).unwrap();
        let steps = |id: &str| receipt(id).history.iter().map(|step| step.status).collect::<Vec<_>>();
        use RequestStatus::{Accepted, Completed, Failed, Interrupted, Superseded};
        assert_eq!(steps("a"), [Accepted, Failed, Superseded]);
        assert_eq!(receipt("a").superseded_by.as_deref(), Some("b"));
        assert_eq!(receipt("a").failure.unwrap().code, "approval_required");
        assert_eq!(steps("b"), [Accepted, Completed]);
        assert_eq!((receipt("b").result, receipt("b").completed_at), (json!({"exit_code": 0}), Some("t3".into())));
        assert_eq!(steps("c"), [Accepted, Interrupted]);
        assert!(receipt("c").failure.unwrap().fallback_recommendation.contains("agentctl trace c"));
        assert_eq!((receipt("d").action.as_str(), receipt("d").status), ("memory_store", Failed));
        assert_eq!((receipt("e").status, receipt("e").completed_at), (Accepted, None));
        assert_eq!(from_ledger("z", &events), None);
    }
}
