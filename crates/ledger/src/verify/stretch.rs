//! One stretch of events, checked while SQLite walks over it.
//!
//! The check is an aggregate function of SQLite's: it is handed a row's columns as they are, where fetching each of them from
//! outside costs a third of what SHA-256 does.

use std::{
    mem,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use osmoda_api::agentd::BadEvent;
use rusqlite::{
    Connection, Error, OptionalExtension,
    functions::{Aggregate, Context, FunctionFlags},
    types::ValueRef,
};

use super::{STRETCH, broken};
use crate::{
    chain::{DIGEST_MARK, GENESIS, Hash, hash_of, is_name, is_time, leaf},
    tree::{Frontier, Node},
};

/// Not by `ORDER BY`: the rows come in the order of their ids, and where they did not, each would be found to be missing.
const CHECK: &str =
    "SELECT check_event(id, ts, type, actor, payload, prev_hash, hash) FROM events WHERE id >= ?1 AND id < ?2";

/// A stretch's part of the tree: the roots of its whole stretches, and what is left over in the last one.
#[derive(Default)]
pub(super) struct Part {
    pub(super) stretches: Vec<Node>,
    pub(super) rest: Frontier,
}

impl Part {
    fn push(&mut self, leaf: Node) {
        self.rest.push(leaf);
        if self.rest.size() == STRETCH.unsigned_abs() {
            self.stretches.push(self.rest.root());
            self.rest = Frontier::default();
        }
    }
}

/// How far a stretch is checked.
struct Progress {
    /// The id that must come next.
    next: i64,
    /// The hash of the event before it.
    prev: Hash,
    /// The last event that belongs into the tree.
    covered: i64,
    part: Part,
    bad: Option<BadEvent>,
    buffer: Vec<u8>,
}

impl Default for Progress {
    fn default() -> Self {
        Self { next: 1, prev: GENESIS, covered: 0, part: Part::default(), bad: None, buffer: Vec::new() }
    }
}

/// A connection that checks stretches.
pub(super) struct Checker {
    connection: Connection,
    /// Where a stretch's progress lies before SQLite begins with it and after it has ended.
    progress: Arc<Mutex<Progress>>,
}

impl Checker {
    pub(super) fn new(connection: Connection) -> rusqlite::Result<Self> {
        let progress = Arc::new(Mutex::new(Progress::default()));
        let check = CheckEvent(progress.clone());
        connection.create_aggregate_function("check_event", 7, FunctionFlags::SQLITE_DIRECTONLY, check)?;
        Ok(Self { connection, progress })
    }

    /// The stretch's part of the tree, as far as a checkpoint covers it, or its first bad event. The hash of the event before
    /// it is read first.
    pub(super) fn check(&self, range: Range<i64>, covered: i64) -> Result<Part, BadEvent> {
        // A missing or malformed predecessor is the finding of the stretch before this one.
        let Some(prev) = self.hash_before(range.start)? else { return Ok(Part::default()) };
        *self.lock() = Progress { next: range.start, prev, covered, ..Progress::default() };
        let walked = self.connection.prepare_cached(CHECK).and_then(|mut check| {
            // Nothing but its progress comes out of it.
            check.query_row([range.start, range.end], |_| Ok(()))
        });
        let progress = mem::take(&mut *self.lock());
        match (progress.bad, walked) {
            (Some(bad), _) => Err(bad),
            (None, Err(error)) => Err(broken(progress.next, &error)),
            (None, Ok(())) if progress.next == range.end => Ok(progress.part),
            (None, Ok(())) => Err(BadEvent { id: progress.next, why: "it is missing".into() }),
        }
    }

    fn hash_before(&self, id: i64) -> Result<Option<Hash>, BadEvent> {
        if id == 1 {
            return Ok(Some(GENESIS));
        }
        let select = self.connection.prepare_cached("SELECT hash FROM events WHERE id = ?1");
        let hash = select.and_then(|mut select| select.query_row([id - 1], |row| row.get::<_, String>(0)).optional());
        match hash {
            Ok(hash) => Ok(hash.as_deref().and_then(Hash::from_hex)),
            Err(error) => Err(broken(id - 1, &error)),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The function that SQLite calls with each row.
struct CheckEvent(Arc<Mutex<Progress>>);

impl Aggregate<Progress, Option<i64>> for CheckEvent {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Progress> {
        Ok(mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn step(&self, row: &mut Context<'_>, progress: &mut Progress) -> rusqlite::Result<()> {
        let ValueRef::Integer(id) = row.get_raw(0) else { return Err(Error::InvalidQuery) };
        let columns = [1, 2, 3, 4, 5, 6].map(|column| row.get_raw(column));
        progress.bad = match progress.check(id, columns) {
            Ok(()) => return Ok(()),
            Err(bad) => Some(bad),
        };
        // Ends the walk; what was found is in the progress.
        Err(Error::InvalidQuery)
    }

    fn finalize(&self, _: &mut Context<'_>, progress: Option<Progress>) -> rusqlite::Result<Option<i64>> {
        if let Some(progress) = progress {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = progress;
        }
        Ok(None)
    }
}

impl Progress {
    fn check(&mut self, id: i64, columns: [ValueRef<'_>; 6]) -> Result<(), BadEvent> {
        if id != self.next {
            let why = format!("it is missing; the next one there is {id}");
            return Err(BadEvent { id: self.next, why });
        }
        let part = (id <= self.covered).then_some(&mut self.part);
        self.prev = check_event(&mut self.buffer, id, columns, &self.prev, part).map_err(|why| BadEvent { id, why })?;
        self.next += 1;
        Ok(())
    }
}

/// The event's hash, or what is wrong with it. Its leaf is added to the part of the tree that is being built.
fn check_event(
    buffer: &mut Vec<u8>,
    id: i64,
    columns: [ValueRef<'_>; 6],
    prev: &Hash,
    part: Option<&mut Part>,
) -> Result<Hash, String> {
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
    if payload.starts_with(DIGEST_MARK.as_bytes()) {
        return Err("its payload is no JSON".into());
    }
    if <&[u8; 64]>::try_from(stored_prev).ok() != Some(prev.as_bytes()) {
        return Err("its previous hash is not the hash of the event before it".into());
    }
    let hash = hash_of(buffer, id, [ts, kind, actor, payload, stored_prev]);
    if <&[u8; 64]>::try_from(stored).ok() != Some(hash.as_bytes()) {
        return Err("its hash is not that of its columns: something in it was changed".into());
    }
    if let Some(part) = part {
        part.push(leaf(buffer, id, [ts, kind, actor, payload, stored_prev]));
    }
    Ok(hash)
}
