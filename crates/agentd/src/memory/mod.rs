//! What the machine knows already, as memories: the ledger's events and incidents. What memory is stands in crates/memory.

mod redo;

use osmoda_api::agentd::{Event, IncidentListRequest, MemoryIngestRequest, MemoryIngested, MemoryNew, MemoryStatus};
use osmoda_ipc::Fault;
use osmoda_ledger::{Query, Reader};
use osmoda_memory::Memories;
use serde_json::Value;

pub(crate) use self::redo::{RedoError, keep_in_ledger};
use crate::incidents::Incidents;

/// A payload's words, as far as they are kept.
const LONGEST_DETAIL: usize = 4096;
const LONGEST_SUMMARY: usize = 300;
/// Events about memory itself: to remember them would make more of them.
const OWN: &str = "memory_";

/// Takes the ledger's events in, oldest first. What is known is not stored again, so it can be repeated.
pub(crate) fn from_ledger(
    memories: &Memories,
    reader: &Reader,
    request: &MemoryIngestRequest,
) -> Result<MemoryIngested, Fault> {
    let limit = request.limit.unwrap_or(1000).clamp(1, 1000);
    let wanted = request.event_type.as_deref().unwrap_or_default();
    let query = Query { limit, after: Some(request.cursor.unwrap_or(0)), ..Query::default() };
    let events = reader.events(&query)?.events;
    let mut ingested = MemoryIngested::default();
    if events.len() == limit as usize {
        ingested.next_cursor = events.last().map(|event| event.id);
    }
    for event in events.iter().filter(|event| event.kind.starts_with(wanted) && !event.kind.starts_with(OWN)) {
        take(memories, of_event(event), format!("ledger:{}", event.id), &mut ingested)?;
    }
    Ok(ingested)
}

/// Takes incidents in, with what was tried. An incident that went on since takes its old memory's place.
pub(crate) fn from_incidents(
    memories: &Memories,
    incidents: &Incidents,
    request: &MemoryIngestRequest,
) -> Result<MemoryIngested, Fault> {
    let limit = request.limit.unwrap_or(1000).clamp(1, 1000);
    let mut ingested = MemoryIngested::default();
    for summary in incidents.list(&IncidentListRequest { status: None, limit: Some(limit) })? {
        let incident = incidents.show(&summary.id)?.incident;
        let steps = incident.steps.iter().map(|step| {
            let result = step.result.as_deref().map(|result| format!(" -> {result}")).unwrap_or_default();
            format!("{}. {}{result}", step.number, step.action)
        });
        let end = incident.resolution.iter().map(|resolution| format!("Resolution: {resolution}"));
        let detail: Vec<String> = steps.chain(end).collect();
        let new = MemoryNew {
            summary: format!("Incident: {}", incident.name),
            detail: Some(cut(&detail.join("\n"), LONGEST_DETAIL * 8)),
            category: Some("incident".into()),
            key: Some(format!("incident:{}", incident.id)),
            ..MemoryNew::default()
        };
        let state = if incident.closed_at.is_some() { "closed" } else { "open" };
        let source = format!("incident:{}:{}:{state}", incident.id, incident.steps.len());
        take(memories, new, source, &mut ingested)?;
    }
    Ok(ingested)
}

fn take(memories: &Memories, new: MemoryNew, source: String, ingested: &mut MemoryIngested) -> Result<(), Fault> {
    match memories.store_from(new, Some(source))?.status {
        MemoryStatus::Repeated => ingested.known += 1,
        MemoryStatus::Stored | MemoryStatus::Superseded => ingested.stored += 1,
    }
    Ok(())
}

fn of_event(event: &Event) -> MemoryNew {
    let mut words = Vec::new();
    spell(&event.payload, "", &mut words);
    let said = words.join(", ");
    MemoryNew {
        summary: cut(&format!("{} by {} at {}: {said}", event.kind, event.actor, event.ts), LONGEST_SUMMARY),
        detail: Some(cut(&said, LONGEST_DETAIL)),
        category: Some("event".into()),
        tags: Some(vec![cut(&event.kind, 64)]),
        ..MemoryNew::default()
    }
}

/// A payload as `key=value` words; ids of requests and hashes mean nothing to whoever searches.
fn spell(value: &Value, key: &str, words: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| {
            if !matches!(name.as_str(), "request_id" | "hash" | "sha256" | "prev_hash") {
                spell(value, name, words);
            }
        }),
        Value::Array(list) => list.iter().take(32).for_each(|value| spell(value, key, words)),
        Value::Null => {}
        Value::String(text) => words.push(format!("{key}={text}")),
        other => words.push(format!("{key}={other}")),
    }
}

fn cut(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].replace('\0', " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_remembered_in_words() {
        let event: Event = serde_json::from_value(json!({
            "id": 7, "ts": "2026-11-22T10:00:00.000Z", "type": "shell_exec.outcome", "actor": "agent:claude", "prev_hash": "", "hash": "",
            "payload": {"request_id": "req_1", "request": {"command": "systemctl restart nginx", "args": ["a", null]}, "ok": true},
        }))
        .unwrap();
        let memory = of_event(&event);
        assert!(
            memory.summary.starts_with("shell_exec.outcome by agent:claude at 2026-11-22T10:00:00.000Z: "),
            "{}",
            memory.summary
        );
        let detail = memory.detail.unwrap();
        assert!(
            detail.contains("command=systemctl restart nginx")
                && detail.contains("args=a")
                && detail.contains("ok=true"),
            "{detail}"
        );
        assert!(!detail.contains("req_1"));
    }
}
