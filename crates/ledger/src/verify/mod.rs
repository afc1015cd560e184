//! Checks the whole chain on all cores, names the first event that is not as it was written, and says whether the
//! ledger still begins with what a checkpoint covers.

mod stretch;

use std::{
    path::Path,
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    thread,
};

use osmoda_api::agentd::{BadEvent, Compared, Verification};
use osmoda_ipc::{Fault, chain};
use rusqlite::{Connection, OptionalExtension};

use self::stretch::{Checker, Part};
use crate::{
    Checkpoint,
    chain::GENESIS,
    database::{EVENTS, REDO, open_for_reading},
    tree::{Frontier, join_right_to_left},
};

/// Events a worker checks before it takes the next stretch that nobody has: a core that is busy otherwise takes fewer.
/// They are the leaves of one complete subtree, so that the stretches' roots can be put together.
const STRETCH: i64 = 16_384;

/// The file could not be checked at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is no database that can be opened.
    #[error("the ledger can't be opened")]
    Open(#[source] rusqlite::Error),
}

impl From<VerifyError> for Fault {
    fn from(error: VerifyError) -> Self {
        match &error {
            VerifyError::Open(_) => {
                Self::unavailable("ledger_unavailable", "the ledger can't be opened; check the state folder")
                    .with_private(chain(&error))
            }
        }
    }
}

/// Checks the ledger at `path`, which may be in use or a copy.
pub fn verify_file(path: &Path) -> Result<Verification, VerifyError> {
    verify_against(path, None, &AtomicU64::new(0))
}

/// The same, and whether the ledger begins with what a checkpoint covers, whose signature the caller has checked.
/// `progress` counts the events that were looked at.
pub fn verify_against(
    path: &Path,
    checkpoint: Option<&Checkpoint>,
    progress: &AtomicU64,
) -> Result<Verification, VerifyError> {
    // Without this a missing file would say "unable to open database file" only at the first query.
    let connection = open_for_reading(path).map_err(VerifyError::Open)?;
    match check_schema(&connection).and_then(|()| span(&connection)) {
        Ok(span) => Ok(verify_span(path, &span, checkpoint, progress)),
        Err(bad) => Ok(Verification {
            ok: false,
            events: 0,
            head: GENESIS.as_str().to_owned(),
            first_bad: Some(bad),
            checkpoint: None,
        }),
    }
}

/// First and last id, and how many there are between them.
struct Span {
    last: i64,
    head: String,
}

/// A view, a trigger or another table in the place of the ledger's would answer what it likes.
fn check_schema(connection: &Connection) -> Result<(), BadEvent> {
    let bad = |why: String| BadEvent { id: 1, why };
    let schema = connection.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").and_then(|mut select| {
        let rows = select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    });
    let known = [("events", EVENTS), ("redo", REDO)].map(|(name, sql)| (name.to_owned(), Some(sql.to_owned())));
    match schema {
        Err(error) => Err(bad(format!("the database is broken: {error}"))),
        // A copy may be older than redo records.
        Ok(objects) if objects == known[..1] || objects == known => Ok(()),
        Ok(objects) => {
            let names: Vec<_> = objects.iter().map(|(name, _)| name.as_str()).collect();
            Err(bad(format!("the database does not have the ledger's schema; it holds: {}", names.join(", "))))
        }
    }
}

fn span(connection: &Connection) -> Result<Span, BadEvent> {
    let broken = |error: rusqlite::Error| BadEvent { id: 1, why: format!("the database is broken: {error}") };
    let first: Option<i64> =
        connection.query_row("SELECT MIN(id) FROM events", [], |row| row.get(0)).map_err(broken)?;
    let last = connection
        .query_row("SELECT id, hash FROM events ORDER BY id DESC LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional();
    let (last, head) = last.map_err(broken)?.unwrap_or((0, GENESIS.as_str().to_owned()));
    match first {
        Some(id) if id < 1 => Err(BadEvent { id, why: "no event has an id below 1".into() }),
        _ => Ok(Span { last, head }),
    }
}

fn verify_span(path: &Path, span: &Span, checkpoint: Option<&Checkpoint>, progress: &AtomicU64) -> Verification {
    let stretches = span.last.saturating_add(STRETCH - 1) / STRETCH;
    let workers = thread::available_parallelism().map_or(1, |cores| i64::try_from(cores.get()).unwrap_or(1));
    let covered = checkpoint.map_or(0, |checkpoint| i64::try_from(checkpoint.size).unwrap_or(i64::MAX));
    let next = AtomicI64::new(0);
    let results: Vec<Result<Vec<(i64, Part)>, BadEvent>> = thread::scope(|scope| {
        let work = || check_stretches(path, &next, span.last, covered, progress);
        let handles: Vec<_> = (0..workers.min(stretches)).map(|_| scope.spawn(work)).collect();
        let joined = handles
            .into_iter()
            .map(|handle| handle.join().unwrap_or_else(|_| Err(BadEvent { id: 1, why: "its check failed".into() })));
        joined.collect()
    });
    let parts = in_order(results);
    let checkpoint = checkpoint.map(|checkpoint| compare(checkpoint, span.last, parts.as_ref().ok()));
    let first_bad = parts.err();
    let events = first_bad.as_ref().map_or(span.last, |bad| (bad.id - 1).max(0));
    Verification {
        ok: first_bad.is_none() && checkpoint.as_ref().is_none_or(|compared| compared.ok),
        events: u64::try_from(events).unwrap_or_default(),
        head: span.head.clone(),
        first_bad,
        checkpoint,
    }
}

/// The parts of all workers in the tree's order, or the finding with the lowest id.
fn in_order(results: Vec<Result<Vec<(i64, Part)>, BadEvent>>) -> Result<Vec<Part>, BadEvent> {
    let (mut parts, mut first_bad) = (Vec::new(), None::<BadEvent>);
    for result in results {
        match result {
            Ok(some) => parts.extend(some),
            Err(bad) if first_bad.as_ref().is_none_or(|first| bad.id < first.id) => first_bad = Some(bad),
            Err(_) => {}
        }
    }
    if let Some(bad) = first_bad {
        return Err(bad);
    }
    parts.sort_unstable_by_key(|(start, _)| *start);
    Ok(parts.into_iter().map(|(_, part)| part).collect())
}

/// Takes one stretch of events after the other, up to the event `last`, until there is none left. The parts of the tree
/// by their first events, or the first bad event of the stretches taken; stretches are taken in order, so that what comes
/// after a finding can't hold an earlier one.
fn check_stretches(
    path: &Path,
    next: &AtomicI64,
    last: i64,
    covered: i64,
    progress: &AtomicU64,
) -> Result<Vec<(i64, Part)>, BadEvent> {
    let mut parts = Vec::new();
    let mut connection = None;
    loop {
        let start = 1 + next.fetch_add(1, Ordering::Relaxed) * STRETCH;
        if start > last {
            return Ok(parts);
        }
        let range = start..start.saturating_add(STRETCH).min(last.saturating_add(1));
        let opened = match connection.take() {
            Some(opened) => opened,
            None => open_for_reading(path).and_then(Checker::new).map_err(|error| broken(start, &error))?,
        };
        let events = u64::try_from(range.end - range.start).unwrap_or_default();
        match opened.check(range, covered) {
            Ok(part) => {
                progress.fetch_add(events, Ordering::Relaxed);
                parts.push((start, part));
            }
            Err(bad) => {
                // Nobody needs to begin what lies behind it.
                next.store(last / STRETCH + 1, Ordering::Relaxed);
                return Err(bad);
            }
        }
        connection = Some(opened);
    }
}

fn broken(id: i64, error: &rusqlite::Error) -> BadEvent {
    BadEvent { id, why: format!("the database is broken here: {error}") }
}

/// What the events say to a checkpoint.
fn compare(checkpoint: &Checkpoint, last: i64, parts: Option<&Vec<Part>>) -> Compared {
    let (size, last) = (checkpoint.size, u64::try_from(last).unwrap_or_default());
    let compared = |why: Option<(&str, String)>| Compared {
        ok: why.is_none(),
        size,
        root: checkpoint.root.to_base64(),
        code: why.as_ref().map(|(code, _)| (*code).to_owned()),
        why: why.map(|(_, why)| why),
    };
    if last < size {
        return compared(Some((
            "ledger_cut",
            format!(
                "the ledger ends with event {last} and the checkpoint covers {size}: its tail was cut, or an older copy was put in its place"
            ),
        )));
    }
    let Some(parts) = parts else {
        return compared(Some(("chain_broken", "not compared, since the chain itself is broken".into())));
    };
    let mut stretches = Frontier::default();
    parts.iter().flat_map(|part| &part.stretches).for_each(|root| stretches.push(*root));
    let rest = parts.iter().flat_map(|part| part.rest.nodes());
    if join_right_to_left(stretches.nodes().iter().chain(rest).copied().collect::<Vec<_>>().into_iter())
        == checkpoint.root
    {
        return compared(None);
    }
    compared(Some((
        "ledger_forked",
        format!(
            "the first {size} events are not those that the checkpoint covers: the history was written anew, or is another ledger's"
        ),
    )))
}
