//! `agentctl incident`: a trouble, what was tried against it, and what else happened meanwhile.

use clap::{Args, Subcommand};
use osmoda_api::agentd::{
    Incident, IncidentAddStep, IncidentClose, IncidentCreate, IncidentEnd, IncidentList, IncidentListRequest,
    IncidentNew, IncidentReport, IncidentShow, IncidentShowRequest, IncidentStatus, IncidentStepNew, Incidents,
    TimelineEntry,
};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{CARE, Cell, FAINT, Output, STRONG, Table, describe, visible},
};

/// As many as one page may hold.
const WHOLE_PAGE: u32 = 1000;
/// No timeline is longer; the bound keeps a mistake from running on.
const MOST_ENTRIES: usize = 100_000;

#[derive(Debug, Args)]
pub(crate) struct IncidentArgs {
    #[command(subcommand)]
    action: Action,
    /// JSON for programs instead of text for people.
    #[arg(long = "json", id = "format_json", global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// The incidents, the newest at the bottom.
    List {
        /// Only those that are open.
        #[arg(long)]
        open: bool,
    },
    /// One, with its timeline: its steps and the ledger's events of its time.
    Show {
        /// The incident's id.
        id: String,
    },
    /// Open one.
    Open {
        /// What is wrong, in a line.
        name: String,
    },
    /// Note a step.
    Step {
        /// The incident's id.
        id: String,
        /// What was done.
        action: String,
        /// What came of it.
        #[arg(long)]
        result: Option<String>,
    },
    /// Close one.
    Close {
        /// The incident's id.
        id: String,
        /// What it turned out to be.
        #[arg(long)]
        resolution: Option<String>,
    },
}

pub(crate) async fn run(context: &Context, args: IncidentArgs) -> Result<Exit, Failure> {
    match args.action {
        Action::List { open } => {
            let status = open.then_some(IncidentStatus::Open);
            let listed = context.agentd::<IncidentList>(&IncidentListRequest { status, limit: None }).await?;
            if context.output.is_json() {
                context.output.json(&listed)?;
            } else {
                context.output.table(&list(&listed))?;
            }
        }
        Action::Show { id } => show(context, id).await?,
        Action::Open { name } => told(context, &context.agentd::<IncidentCreate>(&IncidentNew { name }).await?)?,
        Action::Step { id, action, result } => {
            told(context, &context.agentd::<IncidentAddStep>(&IncidentStepNew { id, action, result }).await?)?;
        }
        Action::Close { id, resolution } => {
            told(context, &context.agentd::<IncidentClose>(&IncidentEnd { id, resolution }).await?)?;
        }
    }
    Ok(Exit::Fine)
}

async fn show(context: &Context, id: String) -> Result<(), Failure> {
    let client = context.client("agentd")?;
    let mut request = IncidentShowRequest { id, limit: Some(WHOLE_PAGE), cursor: None };
    let mut report = context.call::<IncidentShow>(&client, &request).await?;
    while let Some(cursor) = report.next_cursor.take().filter(|_| report.timeline.len() < MOST_ENTRIES) {
        request.cursor = Some(cursor);
        let page = context.call::<IncidentShow>(&client, &request).await?;
        report.timeline.extend(page.timeline);
        report.next_cursor = page.next_cursor;
    }
    if context.output.is_json() {
        return context.output.json(&report);
    }
    context.output.line(&head(&context.output, &report.incident))?;
    context.output.table(&timeline(&report))
}

fn told(context: &Context, incident: &Incident) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.json(incident);
    }
    context.output.line(&head(&context.output, incident))
}

fn word(status: IncidentStatus) -> &'static str {
    match status {
        IncidentStatus::Open => "open",
        IncidentStatus::Closed => "closed",
    }
}

fn head(output: &Output, incident: &Incident) -> String {
    let end = incident.resolution.as_deref().map(|text| format!(": {}", visible(text))).unwrap_or_default();
    format!(
        "{}  {}, {} with {} steps{end}",
        output.paint(STRONG, &visible(&incident.id)),
        visible(&incident.name),
        word(incident.status),
        incident.steps.len()
    )
}

fn list(listed: &Incidents) -> Table {
    let mut table = Table::new(&["ID", "OPENED", "BY", "STATUS", "STEPS", "NAME"]);
    for one in listed.incidents.iter().rev() {
        let style = if one.status == IncidentStatus::Open { CARE } else { FAINT };
        table.row([
            one.id.as_str().into(),
            one.created_at.as_str().into(),
            one.created_by.as_str().into(),
            Cell::styled(style, word(one.status)),
            one.steps.to_string().into(),
            one.name.as_str().into(),
        ]);
    }
    table
}

fn timeline(report: &IncidentReport) -> Table {
    let mut table = Table::new(&["TIME", "ACTOR", "TYPE", "WHAT"]);
    for entry in &report.timeline {
        match entry {
            TimelineEntry::Step(step) => {
                let result = step.result.as_deref().map(|result| format!(" -> {result}")).unwrap_or_default();
                table.row([
                    step.ts.as_str().into(),
                    step.actor.as_str().into(),
                    Cell::styled(STRONG, format!("step {}", step.number)),
                    Cell::styled(STRONG, format!("{}{result}", step.action)),
                ]);
            }
            TimelineEntry::Event(entry) => {
                let event = &entry.event;
                table.row([
                    event.ts.as_str().into(),
                    event.actor.as_str().into(),
                    Cell::styled(describe::event_style(&event.kind, &event.payload), &event.kind),
                    describe::payload(&event.payload).into(),
                ]);
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_timeline_shows_steps_among_events() {
        let report: IncidentReport = serde_json::from_value(json!({
            "incident": {"id": "inc_1", "name": "slow", "status": "open", "created_by": "agent:claude", "created_at": "t0",
                "steps": [{"number": 1, "ts": "t2", "actor": "agent:claude", "action": "looked", "result": "a leak", "request_id": "req_1"}]},
            "timeline": [
                {"kind": "event", "event": {"id": 7, "ts": "t1", "type": "shell_exec.intent", "actor": "agent:claude",
                    "payload": {"request": {"command": "ls"}}, "prev_hash": "", "hash": ""}},
                {"kind": "step", "number": 1, "ts": "t2", "actor": "agent:claude", "action": "looked", "result": "a leak", "request_id": "req_1"},
            ],
        }))
        .unwrap();
        let expected = "TIME  ACTOR         TYPE               WHAT\nt1    agent:claude  shell_exec.intent  command=ls\n\
                        t2    agent:claude  step 1             looked -> a leak\n";
        assert_eq!(timeline(&report).render(None, false), expected);
        assert_eq!(head(&Output::plain(), &report.incident), "inc_1  slow, open with 1 steps");
    }
}
