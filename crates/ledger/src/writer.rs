//! The writer's thread: callers' events are committed in groups, and an append answers only after its commit is on disk.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use osmoda_ipc::Redo;
use rusqlite::{Connection, Transaction, params};
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use crate::{
    chain::{Hash, event_hash, leaf_of},
    ledger::{AppendError, Commit, Committed, Followers, Health},
};

/// Events in one commit.
const GROUP: usize = 1024;
/// How long the writer waits for the callers of the group before, who are likely to come again, to share a commit.
const GATHER: Duration = Duration::from_micros(150);

/// So many released redo records are remembered that were not there; the act that brings one takes moments.
const RELEASED: usize = 1024;

/// What the writer is asked for.
pub(crate) enum Order {
    Append(Waiting),
    /// Redo records that nobody needs any more.
    Release(Vec<String>),
}

/// An event that waits for its commit.
pub(crate) struct Waiting {
    pub(crate) kind: String,
    pub(crate) actor: String,
    pub(crate) payload: String,
    pub(crate) redo: Option<Redo>,
    pub(crate) done: oneshot::Sender<Result<i64, AppendError>>,
}

impl Order {
    fn event(self) -> Option<Waiting> {
        match self {
            Self::Append(waiting) => Some(waiting),
            Self::Release(_) => None,
        }
    }
}

pub(crate) struct Writer {
    pub(crate) connection: Connection,
    /// Id and hash of the newest event.
    pub(crate) id: i64,
    pub(crate) hash: Hash,
    pub(crate) buffer: Vec<u8>,
    /// Redo records that were released and not there, newest last: some may still come.
    pub(crate) released: VecDeque<String>,
    pub(crate) health: Arc<Health>,
    pub(crate) followers: Arc<Followers>,
}

/// What was sealed of an event: the hash before it, and its own.
type Seal = (Hash, Hash);

/// An event that is on disk: id, type, actor, payload and what was sealed of it.
type Sealed = (i64, String, String, String, Seal);

impl Writer {
    pub(crate) fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut group = Vec::new();
        let mut last = 1;
        while let Some(first) = orders.blocking_recv() {
            group.push(first);
            gather(&mut orders, &mut group, last);
            last = group.len();
            let result = self.commit(&group);
            self.health.failing.store(result.is_err(), Ordering::Relaxed);
            match result {
                Ok((first, ts, seals)) => {
                    let mut events = Vec::with_capacity(seals.len());
                    for ((id, waiting), seal) in (first..).zip(group.drain(..).filter_map(Order::event)).zip(seals) {
                        // A caller that hung up does not want to know.
                        let _ = waiting.done.send(Ok(id));
                        events.push((id, waiting.kind, waiting.actor, waiting.payload, seal));
                    }
                    self.tell(&ts, events);
                }
                Err(failure) => {
                    error!(%failure, orders = group.len(), "the ledger can't be written");
                    let failure = AppendError::Database(failure.to_string().into());
                    // What is to be released waits for the next commit: nobody asks for it a second time.
                    let (released, events) = group.drain(..).partition(|order| matches!(order, Order::Release(_)));
                    group = released;
                    let events: Vec<Order> = events;
                    for waiting in events.into_iter().filter_map(Order::event) {
                        let _ = waiting.done.send(Err(failure.clone()));
                    }
                }
            }
        }
        // Leaves one whole file behind, without a log beside it.
        if let Err(failure) = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            error!(%failure, "the ledger's log could not be folded in");
        }
    }

    /// One transaction for the whole group: all or nothing, in the order of arrival. The id of its first event, its
    /// time, and what was sealed.
    fn commit(&mut self, group: &[Order]) -> rusqlite::Result<(i64, Arc<str>, Vec<Seal>)> {
        let (mut id, mut hash) = (self.id, self.hash);
        let ts: Arc<str> = now().into();
        let mut seals = Vec::with_capacity(group.len());
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
            for order in group {
                let Waiting { kind, actor, payload, redo, .. } = match order {
                    Order::Append(waiting) => waiting,
                    Order::Release(names) => {
                        release(&transaction, names, &mut self.released)?;
                        continue;
                    }
                };
                id += 1;
                let prev = hash;
                hash = event_hash(&mut self.buffer, id, &ts, kind, actor, payload, prev.as_str());
                seals.push((prev, hash));
                insert.execute(params![id, ts, kind, actor, payload, prev.as_str(), hash.as_str()])?;
                if let Some(Redo { name, content }) = redo
                    && !self.released.contains(name)
                {
                    transaction.prepare_cached("REPLACE INTO redo VALUES (?1, ?2)")?.execute(params![name, content])?;
                }
            }
        }
        transaction.commit()?;
        let first = self.id + 1;
        (self.id, self.hash) = (id, hash);
        self.health.commits.fetch_add(1, Ordering::Relaxed);
        self.health.events.fetch_add(seals.len() as u64, Ordering::Relaxed);
        Ok((first, ts, seals))
    }

    /// What costs time for the followers' sake alone is done here, once the callers have their answers.
    fn tell(&mut self, ts: &Arc<str>, events: Vec<Sealed>) {
        let mut followers = self.followers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if followers.is_empty() || events.is_empty() {
            return;
        }
        let buffer = &mut self.buffer;
        let events = events.into_iter().map(|(id, kind, actor, payload, (prev, hash))| {
            let columns = [ts.as_bytes(), kind.as_bytes(), actor.as_bytes(), payload.as_bytes(), prev.as_bytes()];
            let leaf = leaf_of(buffer, id, columns);
            Committed { id, ts: ts.clone(), kind, actor, payload, prev, hash, leaf }
        });
        let commit = Arc::new(Commit { events: events.collect() });
        followers.iter_mut().for_each(|follower| follower(&commit));
    }
}

fn release(transaction: &Transaction<'_>, names: &[String], unknown: &mut VecDeque<String>) -> rusqlite::Result<()> {
    let mut delete = transaction.prepare_cached("DELETE FROM redo WHERE name = ?1")?;
    for name in names {
        if delete.execute([name])? == 0 {
            unknown.push_back(name.clone());
        }
    }
    let too_many = unknown.len().saturating_sub(RELEASED);
    unknown.drain(..too_many);
    Ok(())
}

/// Takes what waits. Where the group before had many, waits a moment for as many: without this, the first caller to
/// come back would have a commit of its own, and every second commit would carry one event.
fn gather(orders: &mut mpsc::Receiver<Order>, group: &mut Vec<Order>, last: usize) {
    let started = Instant::now();
    while group.len() < GROUP {
        match orders.try_recv() {
            Ok(order) => group.push(order),
            Err(mpsc::error::TryRecvError::Empty) if group.len() < last && started.elapsed() < GATHER => {
                std::thread::yield_now();
            }
            Err(_) => return,
        }
    }
}

/// The time in the ledger's form, UTC to the millisecond.
fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
