//! Incidents over the socket: steps and the ledger's events in one timeline, whole after a power cut.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use common::{Agentd, fault};
use osmoda_api::agentd::{
    IncidentAddStep, IncidentClose, IncidentCreate, IncidentEnd, IncidentList, IncidentListRequest, IncidentNew,
    IncidentShow, IncidentShowRequest, IncidentStatus, IncidentStepNew, ShellExec, ShellRequest, TimelineEntry,
};

async fn run(agentd: &Agentd, command: &str) {
    let request = ShellRequest { command: command.into(), ..Default::default() };
    agentd.operator().call::<ShellExec>(&request).await.unwrap();
}

async fn note(agentd: &Agentd, id: &str, action: &str) {
    let step = IncidentStepNew { id: id.into(), action: action.into(), result: Some("it helped".into()) };
    agentd.agent().call::<IncidentAddStep>(&step).await.unwrap();
}

/// `shell_exec.outcome`s and steps, as the timeline has them.
async fn story(agentd: &Agentd, id: &str, limit: u32) -> Vec<String> {
    let mut told = Vec::new();
    let mut request = IncidentShowRequest { id: id.into(), limit: Some(limit), cursor: None };
    loop {
        let page = agentd.operator().call::<IncidentShow>(&request).await.unwrap();
        told.extend(page.timeline.into_iter().filter_map(|entry| match entry {
            TimelineEntry::Step(step) => Some(step.action),
            TimelineEntry::Event(entry) if entry.event.kind == "shell_exec.intent" => {
                Some(entry.event.payload["request"]["command"].as_str().unwrap().to_owned())
            }
            TimelineEntry::Event(entry) => {
                assert!(!entry.event.kind.starts_with("incident_step"), "a step stands there twice");
                None
            }
        }));
        match page.next_cursor {
            Some(cursor) => request.cursor = Some(cursor),
            None => return told,
        }
    }
}

#[tokio::test]
async fn a_timeline_joins_steps_with_what_happened_and_ends_with_the_incident() {
    let mut agentd = Agentd::start().await;
    run(&agentd, "echo before").await;
    let new = IncidentNew { name: "the site is slow".into() };
    let id = agentd.agent().call::<IncidentCreate>(&new).await.unwrap().id;
    run(&agentd, "echo one").await;
    note(&agentd, &id, "looked").await;
    run(&agentd, "echo two").await;
    agentd.crash_and_restart().await;
    note(&agentd, &id, "mended").await;
    let end = IncidentEnd { id: id.clone(), resolution: Some("a leak".into()) };
    let closed = agentd.operator().call::<IncidentClose>(&end).await.unwrap();
    assert_eq!((closed.status, closed.resolution.as_deref()), (IncidentStatus::Closed, Some("a leak")));
    assert!(closed.closed_by.unwrap().starts_with("operator:"));
    run(&agentd, "echo after").await;

    let expected = ["echo one", "looked", "echo two", "mended"];
    for page in [1, 2, 3, 200] {
        assert_eq!(story(&agentd, &id, page).await, expected, "pages of {page}");
    }
    let step = IncidentStepNew { id: id.clone(), action: "more".into(), result: None };
    assert_eq!(fault::<IncidentAddStep>(&agentd.agent(), &step).await.code(), "incident_closed");
    let open = IncidentListRequest { status: Some(IncidentStatus::Open), limit: None };
    assert!(agentd.agent().call::<IncidentList>(&open).await.unwrap().incidents.is_empty());
    let all = agentd.agent().call::<IncidentList>(&IncidentListRequest::default()).await.unwrap();
    assert_eq!((all.incidents.len(), all.incidents[0].steps), (1, 2));
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let agentd = Agentd::start().await;
    let show = |id: &str, limit| IncidentShowRequest { id: id.into(), limit, cursor: None };
    assert_eq!(fault::<IncidentShow>(&agentd.agent(), &show("inc_none", None)).await.code(), "incident_unknown");
    assert_eq!(fault::<IncidentCreate>(&agentd.agent(), &IncidentNew::default()).await.code(), "invalid_request");
    let id = agentd.agent().call::<IncidentCreate>(&IncidentNew { name: "x".into() }).await.unwrap().id;
    assert_eq!(fault::<IncidentShow>(&agentd.agent(), &show(&id, Some(0))).await.code(), "invalid_request");
}
