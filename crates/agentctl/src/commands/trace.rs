//! `agentctl trace`: everything that belongs to one act, in order.

use clap::Args;
use jiff::Timestamp;
use osmoda_api::agentd::{Event, EventLog, EventLogRequest, Events};
use osmoda_ipc::RequestId;

use crate::{
    cli::Format,
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{Cell, FAINT, Output, Table, describe, visible},
};

/// As many as one page may hold.
const WHOLE_PAGE: u32 = 1000;
/// No act has more events; the bound keeps a mistake from running on.
const MOST: usize = 100_000;

#[derive(Debug, Args)]
pub(crate) struct Act {
    /// The act's id: req_ and 26 characters, as receipts, events, logs and faults show it.
    request_id: RequestId,
    #[command(flatten)]
    pub(crate) format: Format,
}

pub(crate) async fn run(context: &Context, args: Act) -> Result<Exit, Failure> {
    let client = context.client("agentd")?;
    let id = args.request_id.to_string();
    let mut request = EventLogRequest {
        request_id: Some(id.clone()),
        limit: Some(WHOLE_PAGE),
        after: Some(0),
        ..EventLogRequest::default()
    };
    let mut events: Vec<Event> = Vec::new();
    loop {
        let page = context.call::<EventLog>(&client, &request).await?.events;
        let full = page.len() == WHOLE_PAGE as usize;
        events.extend(page);
        request.after = events.last().map(|event| event.id);
        if !full || events.len() >= MOST {
            break;
        }
    }
    if events.is_empty() {
        return Err(Failure::NotFound(format!("the ledger has no event of {id}; acts that only read leave none")));
    }
    if context.output.is_json() {
        context.output.json(&Events { events, next_cursor: None })?;
    } else {
        show(&context.output, &id, &events)?;
    }
    Ok(Exit::Fine)
}

fn show(output: &Output, id: &str, events: &[Event]) -> Result<(), Failure> {
    let start = events.first().map(|event| event.ts.as_str()).unwrap_or_default();
    output.line(&format!("{id} began {}", visible(start)))?;
    output.table(&table(start, events))
}

fn table(start: &str, events: &[Event]) -> Table {
    let mut table = Table::new(&["AFTER", "ID", "DAEMON", "TYPE", "ACTOR", "WHAT"]);
    for event in events {
        table.row([
            offset(start, &event.ts).into(),
            Cell::styled(FAINT, event.id.to_string()),
            event.payload.get("daemon").and_then(|daemon| daemon.as_str()).unwrap_or("-").into(),
            Cell::styled(describe::event_style(&event.kind, &event.payload), &event.kind),
            event.actor.as_str().into(),
            describe::payload(&event.payload).into(),
        ]);
    }
    table
}

/// How long after the act's begin, in seconds.
fn offset(start: &str, ts: &str) -> String {
    match (start.parse::<Timestamp>(), ts.parse::<Timestamp>()) {
        (Ok(start), Ok(ts)) => format!("{:+.3} s", ts.duration_since(start).as_secs_f64()),
        _ => ts.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_act_reads_as_a_timeline_from_its_begin() {
        let event = |id, ts: &str, kind: &str, payload| Event {
            id,
            ts: ts.into(),
            kind: kind.into(),
            actor: "agent:claude".into(),
            payload,
            prev_hash: String::new(),
            hash: String::new(),
        };
        let events = [
            event(
                7,
                "2026-01-02T03:04:05.678Z",
                "shell_exec.intent",
                json!({"daemon": "agentd", "request": {"command": "ls"}}),
            ),
            event(
                9,
                "2026-01-02T03:04:07.690Z",
                "shell_exec.outcome",
                json!({"daemon": "agentd", "ok": true, "duration_ms": 2012}),
            ),
        ];
        let expected = "AFTER     ID  DAEMON  TYPE                ACTOR         WHAT\n\
                        +0.000 s  7   agentd  shell_exec.intent   agent:claude  command=ls\n\
                        +2.012 s  9   agentd  shell_exec.outcome  agent:claude  ok in 2.0 s\n";
        assert_eq!(table(&events[0].ts, &events).render(None, false), expected);
        assert_eq!(offset("?", "when"), "when");
    }
}
