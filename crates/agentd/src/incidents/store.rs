//! Where incidents are kept. Every row knows how far the ledger was: that, not the clock, places it among the events.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use osmoda_api::agentd::{
    Incident, IncidentEnd, IncidentListRequest, IncidentStatus, IncidentStep, IncidentStepNew, IncidentSummary,
};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::IncidentError;
use crate::database;

const MIGRATIONS: [&str; 1] = ["
CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    first_event INTEGER NOT NULL,
    closed_by TEXT,
    closed_at TEXT,
    last_event INTEGER,
    resolution TEXT
) STRICT;
CREATE TABLE steps (
    incident TEXT NOT NULL REFERENCES incidents (id),
    number INTEGER NOT NULL,
    ts TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    result TEXT,
    request_id TEXT NOT NULL,
    after_event INTEGER NOT NULL,
    PRIMARY KEY (incident, number)
) STRICT, WITHOUT ROWID;
"];

const LONGEST_NAME: usize = 200;
const LONGEST_ACTION: usize = 4096;
const LONGEST_RESULT: usize = 16384;
const MOST_STEPS: u32 = 500;
const MOST_OPEN: u32 = 1000;

/// Every incident of this machine.
#[derive(Debug)]
pub(crate) struct Incidents(Mutex<Connection>);

/// Who does something to an incident, in which call, and how far the ledger is.
#[derive(Clone, Debug)]
pub(crate) struct Doing {
    pub(crate) actor: String,
    pub(crate) request_id: String,
    /// The ledger's newest event.
    pub(crate) event: i64,
}

/// An incident and its place in the ledger.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) incident: Incident,
    /// The newest event when it was opened.
    pub(crate) first_event: i64,
    /// The newest event when it was closed.
    pub(crate) last_event: Option<i64>,
    /// For each step, the newest event when it was noted.
    pub(crate) step_events: Vec<i64>,
}

impl Incidents {
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        database::open(path, &MIGRATIONS).map(Mutex::new).map(Self)
    }

    /// A new incident.
    pub(crate) fn create(&self, name: &str, doing: &Doing) -> Result<Incident, IncidentError> {
        within("name", name, LONGEST_NAME)?;
        self.step(|step| {
            let open: u32 =
                step.query_row("SELECT COUNT(*) FROM incidents WHERE closed_at IS NULL", [], |row| row.get(0))?;
            if open >= MOST_OPEN {
                return Err(IncidentError::TooManyOpen(open));
            }
            let id = format!("inc_{}", ulid::Ulid::generate());
            step.execute(
                "INSERT INTO incidents (id, name, created_by, created_at, first_event) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id, name, doing.actor, now(), doing.event],
            )?;
            Ok(load(step, &id)?.incident)
        })
    }

    /// One more step.
    pub(crate) fn add(&self, new: &IncidentStepNew, doing: &Doing) -> Result<Incident, IncidentError> {
        within("action", &new.action, LONGEST_ACTION)?;
        optional("result", new.result.as_deref(), LONGEST_RESULT)?;
        self.step(|step| {
            let placed = open_one(step, &new.id)?;
            let number = u32::try_from(placed.incident.steps.len()).unwrap_or(u32::MAX);
            if number >= MOST_STEPS {
                return Err(IncidentError::TooManySteps { id: new.id.clone(), steps: number });
            }
            step.execute(
                "INSERT INTO steps (incident, number, ts, actor, action, result, request_id, after_event) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![new.id, number + 1, now(), doing.actor, new.action, new.result, doing.request_id, doing.event],
            )?;
            Ok(load(step, &new.id)?.incident)
        })
    }

    /// Its end.
    pub(crate) fn close(&self, end: &IncidentEnd, doing: &Doing) -> Result<Incident, IncidentError> {
        optional("resolution", end.resolution.as_deref(), LONGEST_ACTION)?;
        self.step(|step| {
            open_one(step, &end.id)?;
            step.execute(
                "UPDATE incidents SET closed_by = ?2, closed_at = ?3, last_event = ?4, resolution = ?5 WHERE id = ?1",
                params![end.id, doing.actor, now(), doing.event, end.resolution],
            )?;
            Ok(load(step, &end.id)?.incident)
        })
    }

    /// One with its place in the ledger.
    pub(crate) fn show(&self, id: &str) -> Result<Placed, IncidentError> {
        self.step(|step| load(step, id))
    }

    /// The newest.
    pub(crate) fn list(&self, request: &IncidentListRequest) -> Result<Vec<IncidentSummary>, IncidentError> {
        let limit = super::timeline::page(request.limit, 50)?;
        let closed = request.status.map(|status| status == IncidentStatus::Closed);
        self.step(|step| {
            let mut select = step.prepare_cached(
                "SELECT id, name, created_by, created_at, closed_at, (SELECT COUNT(*) FROM steps WHERE incident = id)
                 FROM incidents WHERE ?1 IS NULL OR (closed_at IS NOT NULL) = ?1 ORDER BY created_at DESC, id DESC LIMIT ?2",
            )?;
            let rows = select.query_map(params![closed, limit], |row| {
                let closed_at: Option<String> = row.get(4)?;
                Ok(IncidentSummary {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    status: status(closed_at.as_ref()),
                    created_by: row.get(2)?,
                    created_at: row.get(3)?,
                    closed_at,
                    steps: row.get(5)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn step<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, IncidentError>) -> Result<T, IncidentError> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let step = connection.transaction()?;
        let done = work(&step)?;
        step.commit()?;
        Ok(done)
    }
}

fn open_one(step: &Transaction<'_>, id: &str) -> Result<Placed, IncidentError> {
    let placed = load(step, id)?;
    match placed.incident.status {
        IncidentStatus::Open => Ok(placed),
        IncidentStatus::Closed => Err(IncidentError::Closed(placed.incident.id)),
    }
}

fn load(step: &Transaction<'_>, id: &str) -> Result<Placed, IncidentError> {
    let found = step.query_row("SELECT * FROM incidents WHERE id = ?1", [id], placed).optional()?;
    let mut placed = found.ok_or_else(|| IncidentError::Unknown(id.chars().take(64).collect()))?;
    let mut select = step.prepare_cached("SELECT * FROM steps WHERE incident = ?1 ORDER BY number")?;
    let steps = select.query_map([id], |row| {
        let noted = IncidentStep {
            number: row.get("number")?,
            ts: row.get("ts")?,
            actor: row.get("actor")?,
            action: row.get("action")?,
            result: row.get("result")?,
            request_id: row.get("request_id")?,
        };
        Ok((noted, row.get::<_, i64>("after_event")?))
    })?;
    (placed.incident.steps, placed.step_events) = steps.collect::<rusqlite::Result<(Vec<_>, Vec<_>)>>()?;
    Ok(placed)
}

fn placed(row: &Row<'_>) -> rusqlite::Result<Placed> {
    let closed_at: Option<String> = row.get("closed_at")?;
    let incident = Incident {
        id: row.get("id")?,
        name: row.get("name")?,
        status: status(closed_at.as_ref()),
        created_by: row.get("created_by")?,
        created_at: row.get("created_at")?,
        closed_at,
        closed_by: row.get("closed_by")?,
        resolution: row.get("resolution")?,
        steps: Vec::new(),
    };
    let (first_event, last_event) = (row.get("first_event")?, row.get("last_event")?);
    Ok(Placed { incident, first_event, last_event, step_events: Vec::new() })
}

fn status(closed_at: Option<&String>) -> IncidentStatus {
    if closed_at.is_some() { IncidentStatus::Closed } else { IncidentStatus::Open }
}

fn within(what: &'static str, text: &str, most: usize) -> Result<(), IncidentError> {
    let fits = (1..=most).contains(&text.len()) && !text.contains('\0');
    if fits { Ok(()) } else { Err(IncidentError::BadText { what, most }) }
}

/// What may also be left out, or be empty.
fn optional(what: &'static str, text: Option<&str>, most: usize) -> Result<(), IncidentError> {
    text.filter(|text| !text.is_empty()).map_or(Ok(()), |text| within(what, text, most))
}

/// The time in the ledger's form.
fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use osmoda_ipc::Fault;

    use super::*;

    fn doing(event: i64) -> Doing {
        Doing { actor: "agent:claude".into(), request_id: "req_1".into(), event }
    }

    #[test]
    fn an_incident_takes_steps_until_it_is_closed_and_outlasts_its_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("incidents.db");
        let incidents = Incidents::open(&path).unwrap();
        let id = incidents.create("the site is slow", &doing(4)).unwrap().id;
        let step = |action: &str, result: Option<&str>| IncidentStepNew {
            id: id.clone(),
            action: action.into(),
            result: result.map(Into::into),
        };
        incidents.add(&step("looked at the load", Some("12")), &doing(6)).unwrap();
        assert_eq!(incidents.add(&step("restarted nginx", None), &doing(9)).unwrap().steps.len(), 2);
        let end = IncidentEnd { id: id.clone(), resolution: Some("a leak".into()) };
        assert_eq!(incidents.close(&end, &doing(12)).unwrap().status, IncidentStatus::Closed);
        drop(incidents);

        let incidents = Incidents::open(&path).unwrap();
        let placed = incidents.show(&id).unwrap();
        assert_eq!((placed.first_event, placed.last_event, placed.step_events.as_slice()), (4, Some(12), &[6, 9][..]));
        assert_eq!(placed.incident.steps[1].action, "restarted nginx");
        for refused in [incidents.add(&step("more", None), &doing(13)), incidents.close(&end, &doing(13))] {
            assert_eq!(Fault::from(refused.unwrap_err()).code(), "incident_closed");
        }
    }

    #[test]
    fn the_list_tells_open_from_closed() {
        let folder = tempfile::tempdir().unwrap();
        let incidents = Incidents::open(&folder.path().join("incidents.db")).unwrap();
        let ids: Vec<_> =
            ["a", "b", "c"].into_iter().map(|name| incidents.create(name, &doing(0)).unwrap().id).collect();
        incidents.close(&IncidentEnd { id: ids[1].clone(), resolution: None }, &doing(0)).unwrap();
        let names = |status, limit| {
            let listed = incidents.list(&IncidentListRequest { status, limit }).unwrap();
            listed.into_iter().map(|one| one.name).collect::<String>()
        };
        assert_eq!(names(Some(IncidentStatus::Closed), None), "b");
        assert_eq!(names(Some(IncidentStatus::Open), None).len(), 2);
        assert_eq!(names(None, Some(1)).len(), 1);
        assert_eq!(names(None, None).len(), 3);
    }

    #[test]
    fn what_is_too_long_unknown_or_too_much_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let incidents = Incidents::open(&folder.path().join("incidents.db")).unwrap();
        let id = incidents.create("x", &doing(0)).unwrap().id;
        let step = |id: &str, action: String, result: Option<String>| {
            incidents.add(&IncidentStepNew { id: id.into(), action, result }, &doing(0))
        };
        let code = |result: Result<Incident, IncidentError>| Fault::from(result.unwrap_err()).code().to_owned();
        assert_eq!(code(incidents.create("", &doing(0))), "invalid_request");
        assert_eq!(code(incidents.create(&"x".repeat(201), &doing(0))), "invalid_request");
        assert_eq!(code(step(&id, "a\0b".into(), None)), "invalid_request");
        assert_eq!(code(step(&id, "a".repeat(4097), None)), "invalid_request");
        assert_eq!(code(step(&id, "a".into(), Some("x".repeat(16385)))), "invalid_request");
        assert_eq!(code(step("inc_none", "a".into(), None)), "incident_unknown");
        for _ in 0..MOST_STEPS {
            step(&id, "a".into(), None).unwrap();
        }
        assert_eq!(code(step(&id, "a".into(), None)), "too_many_steps");
    }
}
