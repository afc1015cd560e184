//! `agentctl events`: the ledger's newest events, and what comes after them.

use clap::Args;
use jiff::{SpanRelativeTo, Timestamp};
use osmoda_api::agentd::{Event, EventLog, EventLogRequest, Events};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    cli::Format,
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{Cell, FAINT, Output, Table, describe},
};

/// How many events are shown before those that come.
const BEFORE_FOLLOWING: u32 = 20;

#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Go on with every event that comes, until Ctrl-C; with --json, one event a line.
    #[arg(long, short)]
    follow: bool,
    /// A type, or a prefix that ends in a dot or star: `shell_exec.`
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Exactly this actor, such as agent:claude.
    #[arg(long)]
    actor: Option<String>,
    /// Not before this time: RFC 3339, a date, or a span such as 15m, 2h or 3d ago.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<String>,
    /// The newest so many; 50 by default, 20 before --follow.
    #[arg(long, short = 'n', value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: Option<u32>,
    #[command(flatten)]
    pub(crate) format: Format,
}

pub(crate) async fn run(context: &Context, args: Filter) -> Result<Exit, Failure> {
    let request = EventLogRequest {
        kind: args.kind,
        actor: args.actor,
        since: args.since,
        limit: args.limit,
        ..EventLogRequest::default()
    };
    if args.follow {
        return follow(context, request).await;
    }
    let page = context.agentd::<EventLog>(&request).await?;
    if context.output.is_json() {
        context.output.json(&page)?;
    } else {
        context.output.table(&table(&in_order(page), true))?;
    }
    Ok(Exit::Fine)
}

async fn follow(context: &Context, mut request: EventLogRequest) -> Result<Exit, Failure> {
    let client = context.client("agentd")?;
    let listen = |kind| signal(kind).map_err(|source| Failure::System { what: "signals can't be waited for", source });
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    request.limit = request.limit.or(Some(BEFORE_FOLLOWING));
    let newest = EventLogRequest { limit: Some(1), ..EventLogRequest::default() };
    let newest = context.call::<EventLog>(&client, &newest).await?.events.first().map_or(0, |event| event.id);
    let mut before = in_order(context.call::<EventLog>(&client, &request).await?);
    // What came between the two questions comes with the stream.
    before.retain(|event| event.id <= newest);
    show(&context.output, &before, true)?;
    let EventLogRequest { kind, actor, .. } = request;
    let wanted = |event: &Event| actor.as_ref().is_none_or(|actor| *actor == event.actor);
    let following = super::follow::follow(context, &client, kind.as_deref(), newest, |event| {
        if wanted(event) { show(&context.output, std::slice::from_ref(event), false) } else { Ok(()) }
    });
    tokio::select! {
        _ = interrupt.recv() => Ok(Exit::Fine),
        _ = terminate.recv() => Ok(Exit::Fine),
        ended = following => ended.map(|()| Exit::Fine),
    }
}

/// A page that came newest first, as people read it: the newest at the bottom, next to the prompt.
pub(super) fn in_order(page: Events) -> Vec<Event> {
    let mut events = page.events;
    events.sort_by_key(|event| event.id);
    events
}

fn show(output: &Output, events: &[Event], head: bool) -> Result<(), Failure> {
    if output.is_json() {
        return events.iter().try_for_each(|event| output.json_line(event));
    }
    if events.is_empty() { Ok(()) } else { output.table(&table(events, head)) }
}

fn table(events: &[Event], head: bool) -> Table {
    let mut table = Table::new(if head { &["ID", "TIME", "TYPE", "ACTOR", "WHAT"] } else { &[] });
    for event in events {
        table.row([
            Cell::styled(FAINT, event.id.to_string()),
            event.ts.as_str().into(),
            Cell::styled(describe::event_style(&event.kind, &event.payload), &event.kind),
            event.actor.as_str().into(),
            describe::payload(&event.payload).into(),
        ]);
    }
    table
}

/// A span becomes the time that it is ago; everything else is agentd's to judge.
pub(super) fn since(text: &str) -> Result<String, String> {
    since_from(text, Timestamp::now())
}

fn since_from(text: &str, now: Timestamp) -> Result<String, String> {
    if text.starts_with(|c: char| c.is_ascii_digit()) && (text.contains('-') || text.contains(':')) {
        return Ok(text.to_owned());
    }
    let span: Result<jiff::Span, _> = text.parse();
    let ago = span
        .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
        .and_then(|span| now.checked_sub(span.abs()));
    let ago = ago.map_err(|_| {
        "a time is RFC 3339 such as 2026-01-02T03:04:05Z, a date, or a span such as 15m, 2h or 3d".to_owned()
    })?;
    Ok(ago.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(id: i64, kind: &str, payload: serde_json::Value) -> Event {
        let ts = "2026-01-02T03:04:05.678Z".into();
        Event {
            id,
            ts,
            kind: kind.into(),
            actor: "agent:claude".into(),
            payload,
            prev_hash: String::new(),
            hash: String::new(),
        }
    }

    #[test]
    fn events_read_from_the_oldest_to_the_newest() {
        let page = Events {
            events: vec![
                event(10, "shell_exec.outcome", json!({"request_id": "req_1", "ok": true, "duration_ms": 3})),
                event(9, "shell_exec.intent", json!({"request_id": "req_1", "request": {"command": "ls"}})),
            ],
            next_cursor: None,
        };
        let expected = "ID  TIME                      TYPE                ACTOR         WHAT\n\
                        9   2026-01-02T03:04:05.678Z  shell_exec.intent   agent:claude  command=ls\n\
                        10  2026-01-02T03:04:05.678Z  shell_exec.outcome  agent:claude  ok in 3 ms\n";
        assert_eq!(table(&in_order(page), true).render(None, false), expected);
    }

    #[test]
    fn a_span_is_a_time_ago_and_a_time_stays_as_it_is() {
        let now: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let table = [
            ("15m", Some("2026-01-02T02:49:05.678Z")),
            ("2h", Some("2026-01-02T01:04:05.678Z")),
            ("3d", Some("2025-12-30T03:04:05.678Z")),
            ("1w", Some("2025-12-26T03:04:05.678Z")),
            ("2026-01-02T03:04:05Z", Some("2026-01-02T03:04:05Z")),
            ("2026-01-02", Some("2026-01-02")),
            ("yesterday", None),
            ("1mo", None),
            ("999999999h", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(since_from(text, now).ok().as_deref(), expected, "{text}");
        }
    }
}
