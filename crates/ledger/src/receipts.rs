//! Joins the events of an act into its receipt.

use std::collections::HashMap;

use osmoda_api::agentd::{Event, Receipt, ReceiptStatus};
use serde_json::Value;

type Key = (String, String);

/// The act's id and tool of an intent or outcome.
fn key(event: &Event) -> Option<(Key, bool)> {
    let (tool, is_intent) = match event.kind.strip_suffix(".intent") {
        Some(tool) => (tool, true),
        None => (event.kind.strip_suffix(".outcome")?, false),
    };
    let id = event.payload.get("request_id")?.as_str()?;
    Some(((id.to_owned(), tool.to_owned()), is_intent))
}

/// Receipts from events that come newest first; reads no further than `limit` needs.
pub(crate) fn join(
    events: impl Iterator<Item = rusqlite::Result<Event>>,
    limit: usize,
) -> rusqlite::Result<Vec<Receipt>> {
    let mut open: HashMap<Key, Vec<Event>> = HashMap::new();
    let mut receipts = Vec::new();
    for event in events {
        let event = event?;
        let Some((key, is_intent)) = key(&event) else { continue };
        if is_intent {
            let outcome = open.get_mut(&key).and_then(Vec::pop);
            receipts.push(receipt(&key, &event, outcome.as_ref()));
        } else if event.payload.get("request").is_some() {
            receipts.push(receipt(&key, &event, Some(&event)));
        } else {
            open.entry(key).or_default().push(event);
        }
        if receipts.len() == limit {
            break;
        }
    }
    Ok(receipts)
}

/// The intents that no outcome follows, from events that come oldest first.
pub(crate) fn without_outcome(events: impl Iterator<Item = rusqlite::Result<Event>>) -> rusqlite::Result<Vec<Event>> {
    let mut open: HashMap<Key, Vec<Event>> = HashMap::new();
    for event in events {
        let event = event?;
        match key(&event) {
            Some((key, true)) => open.entry(key).or_default().push(event),
            Some((key, false)) => {
                open.get_mut(&key).and_then(Vec::pop);
            }
            None => {}
        }
    }
    let mut left: Vec<Event> = open.into_values().flatten().collect();
    left.sort_by_key(|event| event.id);
    Ok(left)
}

fn receipt(key: &Key, first: &Event, outcome: Option<&Event>) -> Receipt {
    let field = |event: &Event, name: &str| event.payload.get(name).cloned().unwrap_or(Value::Null);
    let text = |value: Value| value.as_str().map(str::to_owned);
    let code = outcome.and_then(|outcome| text(field(outcome, "code")));
    let status = match (outcome, code.as_deref()) {
        (None, _) => ReceiptStatus::Running,
        (Some(_), Some("interrupted")) => ReceiptStatus::Interrupted,
        (Some(outcome), _) if field(outcome, "ok") == Value::Bool(true) => ReceiptStatus::Completed,
        _ => ReceiptStatus::Failed,
    };
    let mut events = vec![first.id];
    events.extend(outcome.map(|outcome| outcome.id).filter(|id| *id != first.id));
    Receipt {
        request_id: key.0.clone(),
        kind: key.1.clone(),
        actor: first.actor.clone(),
        ts: first.ts.clone(),
        request: field(first, "request"),
        approval_id: text(field(first, "approval_id")),
        status,
        code,
        result: outcome.map_or(Value::Null, |outcome| field(outcome, "result")),
        duration_ms: outcome.and_then(|outcome| field(outcome, "duration_ms").as_u64()),
        events,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(id: i64, kind: &str, payload: Value) -> rusqlite::Result<Event> {
        Ok(Event {
            id,
            ts: "t".into(),
            kind: kind.into(),
            actor: "agent:x".into(),
            payload,
            prev_hash: String::new(),
            hash: String::new(),
        })
    }

    #[test]
    fn intents_and_outcomes_become_receipts_and_what_is_open_is_running() {
        let newest_first = [
            event(6, "shell_exec.intent", json!({"request_id": "c", "request": 3})),
            event(5, "memory_store.outcome", json!({"request_id": "b", "ok": true, "request": 2})),
            event(4, "other", json!({"request_id": "a"})),
            event(3, "shell_exec.outcome", json!({"request_id": "a", "ok": false, "code": "x", "duration_ms": 7})),
            event(2, "file_write.intent", json!({"request_id": "a"})),
            event(1, "shell_exec.intent", json!({"request_id": "a", "request": 1, "approval_id": "apr"})),
        ];
        let receipts = join(newest_first.into_iter(), 10).unwrap();
        let short: Vec<_> = receipts.iter().map(|r| (r.kind.as_str(), r.status, r.events.clone())).collect();
        assert_eq!(
            short,
            [
                ("shell_exec", ReceiptStatus::Running, vec![6]),
                ("memory_store", ReceiptStatus::Completed, vec![5]),
                ("file_write", ReceiptStatus::Running, vec![2]),
                ("shell_exec", ReceiptStatus::Failed, vec![1, 3]),
            ]
        );
        assert_eq!(
            (receipts[3].approval_id.as_deref(), receipts[3].code.as_deref(), receipts[3].duration_ms),
            (Some("apr"), Some("x"), Some(7))
        );
    }

    #[test]
    fn only_intents_without_outcome_are_cut_off() {
        let oldest_first = [
            event(1, "a.intent", json!({"request_id": "1"})),
            event(2, "a.intent", json!({"request_id": "2"})),
            event(3, "a.outcome", json!({"request_id": "1"})),
            event(4, "b.intent", json!({"request_id": "1"})),
        ];
        let left = without_outcome(oldest_first.into_iter()).unwrap();
        assert_eq!(left.iter().map(|event| event.id).collect::<Vec<_>>(), [2, 4]);
    }
}
