//! Steps and the ledger's events of an incident's time, in one order.

use osmoda_api::agentd::{Event, Events, IncidentReport, IncidentShowRequest, TimelineEntry, TimelineEvent};
use osmoda_ledger::{Query, Reader};

use super::{IncidentError, store::Placed};

/// How many events a page of a timeline has when nobody says.
const DEFAULT_PAGE: u32 = 200;

/// How many a page holds, within 1 to 1000.
pub(super) fn page(limit: Option<u32>, default: u32) -> Result<u32, IncidentError> {
    match limit.unwrap_or(default) {
        limit @ 1..=1000 => Ok(limit),
        limit => Err(IncidentError::BadLimit(limit)),
    }
}

/// One page of an incident's timeline.
pub(crate) fn timeline(
    placed: Placed,
    request: &IncidentShowRequest,
    reader: &Reader,
) -> Result<IncidentReport, IncidentError> {
    let from = request.cursor.unwrap_or(placed.first_event).max(placed.first_event);
    let query = Query {
        after: Some(from),
        before: placed.last_event.map(|last| last.saturating_add(1)),
        limit: page(request.limit, DEFAULT_PAGE)?,
        ..Query::default()
    };
    let events = reader.events(&query)?;
    let next_cursor = events.next_cursor;
    Ok(IncidentReport { timeline: merge(&placed, events, from), next_cursor, incident: placed.incident })
}

/// A step stands behind the event that was the newest when it was noted.
fn merge(placed: &Placed, page: Events, from: i64) -> Vec<TimelineEntry> {
    let until = page.next_cursor.unwrap_or(i64::MAX);
    let steps = placed.incident.steps.iter().zip(&placed.step_events);
    let mut steps = steps.filter(|(_, event)| (from..until).contains(*event)).peekable();
    let mut entries = Vec::with_capacity(page.events.len());
    for event in page.events {
        while let Some((step, _)) = steps.next_if(|(_, after)| **after < event.id) {
            entries.push(TimelineEntry::Step(step.clone()));
        }
        if !is_its_own(&placed.incident.id, &event) {
            entries.push(TimelineEntry::Event(TimelineEvent { event }));
        }
    }
    entries.extend(steps.map(|(step, _)| TimelineEntry::Step(step.clone())));
    entries
}

/// The record of a step that stands there as a step already, or of the incident's own beginning.
fn is_its_own(id: &str, event: &Event) -> bool {
    let is_kind = matches!(event.kind.as_str(), "incident_create.outcome" | "incident_step.outcome");
    is_kind && event.payload.pointer("/result/id").and_then(|value| value.as_str()) == Some(id)
}

#[cfg(test)]
mod tests {
    use osmoda_api::agentd::{Incident, IncidentStatus, IncidentStep};
    use serde_json::{Value, json};

    use super::*;

    fn event(id: i64, kind: &str, payload: Value) -> Event {
        let text = String::new();
        Event {
            id,
            ts: text.clone(),
            kind: kind.into(),
            actor: text.clone(),
            payload,
            prev_hash: text.clone(),
            hash: text,
        }
    }

    fn placed(step_events: &[i64]) -> Placed {
        let step = |number: usize| IncidentStep {
            number: u32::try_from(number).unwrap() + 1,
            ts: String::new(),
            actor: String::new(),
            action: String::new(),
            result: None,
            request_id: String::new(),
        };
        let incident = Incident {
            id: "inc_1".into(),
            name: String::new(),
            status: IncidentStatus::Open,
            created_by: String::new(),
            created_at: String::new(),
            closed_at: None,
            closed_by: None,
            resolution: None,
            steps: (0..step_events.len()).map(step).collect(),
        };
        Placed { incident, first_event: 10, last_event: None, step_events: step_events.to_vec() }
    }

    fn order(entries: &[TimelineEntry]) -> String {
        let word = |entry: &TimelineEntry| match entry {
            TimelineEntry::Step(step) => format!("s{} ", step.number),
            TimelineEntry::Event(entry) => format!("{} ", entry.event.id),
        };
        entries.iter().map(word).collect()
    }

    #[test]
    fn steps_stand_behind_the_event_that_was_the_newest() {
        let plain = |id| event(id, "shell_exec.intent", Value::Null);
        let own = event(11, "incident_create.outcome", json!({ "result": { "id": "inc_1" } }));
        let others = event(12, "incident_create.outcome", json!({ "result": { "id": "inc_2" } }));
        let noted = event(15, "incident_step.outcome", json!({ "result": { "id": "inc_1", "step": 2 } }));
        let table = [
            (&[10, 13][..], 10, None, vec![plain(11), plain(13), plain(14)], "s1 11 13 s2 14 "),
            (&[14, 14], 10, None, vec![own, others, plain(14), noted], "12 14 s1 s2 "),
            (&[20], 10, None, vec![], "s1 "),
            // A step belongs to one page alone.
            (&[11, 12, 13], 10, Some(12), vec![plain(11), plain(12)], "11 s1 12 "),
            (&[11, 12, 13], 12, None, vec![plain(13)], "s2 13 s3 "),
        ];
        for (steps, from, next_cursor, events, expected) in table {
            assert_eq!(order(&merge(&placed(steps), Events { events, next_cursor }, from)), expected);
        }
    }
}
