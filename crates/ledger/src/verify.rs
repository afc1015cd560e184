//! Checks the whole chain on all cores, and names the first event that is not as it was written.

use std::{
    ops::Range,
    path::Path,
    sync::atomic::{AtomicI64, Ordering},
    thread,
};

use osmoda_api::agentd::{BadEvent, Verification};
use osmoda_ipc::{Fault, chain};
use rusqlite::{Connection, OptionalExtension, types::ValueRef};

use crate::{
    chain::{GENESIS, Hash, hash_of, is_name, is_time},
    database::{EVENTS, open_for_reading},
};

/// Events a worker checks before it takes the next stretch that nobody has: a core that is busy otherwise takes fewer.
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
    // Without this a missing file would say "unable to open database file" only at the first query.
    let connection = open_for_reading(path).map_err(VerifyError::Open)?;
    match check_schema(&connection).and_then(|()| span(&connection)) {
        Ok(span) => Ok(verify_span(path, &span)),
        Err(bad) => Ok(Verification { ok: false, events: 0, head: GENESIS.as_str().to_owned(), first_bad: Some(bad) }),
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
    let schema = connection.prepare("SELECT name, sql FROM sqlite_schema").and_then(|mut select| {
        let rows = select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    });
    match schema {
        Err(error) => Err(bad(format!("the database is broken: {error}"))),
        Ok(objects) if objects == [("events".to_owned(), Some(EVENTS.to_owned()))] => Ok(()),
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

fn verify_span(path: &Path, span: &Span) -> Verification {
    let stretches = span.last.saturating_add(STRETCH - 1) / STRETCH;
    let workers = thread::available_parallelism().map_or(1, |cores| i64::try_from(cores.get()).unwrap_or(1));
    let next = AtomicI64::new(0);
    let first_bad = thread::scope(|scope| {
        let work = || check_stretches(path, &next, span.last);
        let handles: Vec<_> = (0..workers.min(stretches)).map(|_| scope.spawn(work)).collect();
        let findings = handles
            .into_iter()
            .map(|handle| handle.join().unwrap_or_else(|_| Some(BadEvent { id: 1, why: "its check failed".into() })));
        findings.collect::<Vec<_>>().into_iter().flatten().min_by_key(|bad| bad.id)
    });
    let events = first_bad.as_ref().map_or(span.last, |bad| (bad.id - 1).max(0));
    Verification {
        ok: first_bad.is_none(),
        events: u64::try_from(events).unwrap_or_default(),
        head: span.head.clone(),
        first_bad,
    }
}

/// Takes one stretch of events after the other, up to the event `last`, until there is none left. The first bad event of
/// the stretches taken; stretches are taken in order, so that what comes after a finding can't hold an earlier one.
fn check_stretches(path: &Path, next: &AtomicI64, last: i64) -> Option<BadEvent> {
    let mut connection = None;
    loop {
        let start = 1 + next.fetch_add(1, Ordering::Relaxed) * STRETCH;
        if start > last {
            return None;
        }
        let range = start..start.saturating_add(STRETCH).min(last.saturating_add(1));
        if connection.is_none() {
            match open_for_reading(path) {
                Ok(opened) => connection = Some(opened),
                Err(error) => return Some(broken(start, &error)),
            }
        }
        let found = connection.as_ref().and_then(|connection| check_range(connection, range));
        if found.is_some() {
            // Nobody needs to begin what lies behind it.
            next.store(last / STRETCH + 1, Ordering::Relaxed);
            return found;
        }
    }
}

fn broken(id: i64, error: &rusqlite::Error) -> BadEvent {
    BadEvent { id, why: format!("the database is broken here: {error}") }
}

/// The first bad event of the range, whose predecessor's hash is read first.
fn check_range(connection: &Connection, range: Range<i64>) -> Option<BadEvent> {
    let mut next = range.start;
    let mut prev = if range.start == 1 {
        GENESIS
    } else {
        let select = connection.prepare_cached("SELECT hash FROM events WHERE id = ?1");
        let hash = select.and_then(|mut select| select.query_row([range.start - 1], |row| row.get::<_, String>(0)));
        match hash.optional() {
            // A missing or malformed predecessor is the finding of the range before this one.
            Ok(hash) => hash.as_deref().and_then(Hash::from_hex)?,
            Err(error) => return Some(broken(range.start - 1, &error)),
        }
    };
    let mut check = || -> rusqlite::Result<Option<BadEvent>> {
        let mut select = connection.prepare_cached(
            "SELECT id, ts, type, actor, payload, prev_hash, hash FROM events WHERE id >= ?1 AND id < ?2 ORDER BY id",
        )?;
        let mut rows = select.query([range.start, range.end])?;
        let mut buffer = Vec::with_capacity(4096);
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            if id != next {
                return Ok(Some(BadEvent { id: next, why: format!("it is missing; the next one there is {id}") }));
            }
            let columns =
                [row.get_ref(1)?, row.get_ref(2)?, row.get_ref(3)?, row.get_ref(4)?, row.get_ref(5)?, row.get_ref(6)?];
            match check_event(&mut buffer, id, columns, &prev) {
                Ok(hash) => prev = hash,
                Err(why) => return Ok(Some(BadEvent { id, why })),
            }
            next += 1;
        }
        Ok((next != range.end).then(|| BadEvent { id: next, why: "it is missing".into() }))
    };
    let result = check();
    result.unwrap_or_else(|error| Some(broken(next, &error)))
}

/// The event's hash, or what is wrong with it.
fn check_event(buffer: &mut Vec<u8>, id: i64, columns: [ValueRef<'_>; 6], prev: &Hash) -> Result<Hash, String> {
    let mut texts: [&[u8]; 6] = [b""; 6];
    for (text, column) in texts.iter_mut().zip(columns) {
        let ValueRef::Text(bytes) = column else { return Err("a column of it is not text".into()) };
        *text = bytes;
    }
    let [ts, kind, actor, payload, stored_prev, stored] = texts;
    if !is_time(ts) {
        return Err(format!("its time {:?} does not have the ledger's form", String::from_utf8_lossy(ts)));
    }
    if !is_name(kind) || !is_name(actor) {
        return Err("its type or actor holds what neither may hold".into());
    }
    // The other columns are ASCII, or what follows finds them.
    if std::str::from_utf8(payload).is_err() {
        return Err("its payload is not UTF-8".into());
    }
    if stored_prev != prev.as_bytes() {
        return Err("its previous hash is not the hash of the event before it".into());
    }
    let hash = hash_of(buffer, id, [ts, kind, actor, payload, stored_prev]);
    if stored != hash.as_bytes() {
        return Err("its hash is not that of its columns: something in it was changed".into());
    }
    Ok(hash)
}
