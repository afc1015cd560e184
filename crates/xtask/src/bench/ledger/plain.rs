//! The peer: the same columns in plain SQLite, with the same durability and the same one writer, without a chain.

use std::{
    path::Path,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use osmoda_ipc::NewEvent;
use rusqlite::{Connection, params};
use tokio::sync::{mpsc, oneshot};

use crate::Failure;

/// How long the writer waits for the callers of the group before, as the ledger's does.
const GATHER: Duration = Duration::from_micros(150);

struct Waiting {
    kind: String,
    actor: String,
    payload: String,
    done: oneshot::Sender<i64>,
}

/// Dropping it ends the writer.
pub(super) struct Plain {
    queue: Option<mpsc::Sender<Waiting>>,
    writer: Option<JoinHandle<rusqlite::Result<()>>>,
}

impl Plain {
    /// Commits `group` events at most in one transaction.
    pub(super) fn open(path: &Path, group: usize) -> Result<Self, Failure> {
        let connection = Connection::open(path).map_err(Failure::bench)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(Failure::bench)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(Failure::bench)?;
        connection
            .execute_batch(
                "CREATE TABLE events (id INTEGER PRIMARY KEY, ts TEXT NOT NULL, type TEXT NOT NULL, actor TEXT NOT NULL,
                 payload TEXT NOT NULL, prev_hash TEXT NOT NULL, hash TEXT NOT NULL) STRICT",
            )
            .map_err(Failure::bench)?;
        let (queue, waiting) = mpsc::channel(4096);
        let writer = std::thread::spawn(move || write(connection, waiting, group));
        Ok(Self { queue: Some(queue), writer: Some(writer) })
    }

    pub(super) async fn append(&self, event: NewEvent) -> Result<i64, Failure> {
        let payload = serde_json::to_string(&event.payload).map_err(Failure::bench)?;
        let (done, appended) = oneshot::channel();
        let waiting = Waiting { kind: event.kind, actor: event.actor, payload, done };
        let queue = self.queue.as_ref().ok_or_else(|| Failure::bench("closed"))?;
        queue.send(waiting).await.map_err(Failure::bench)?;
        appended.await.map_err(Failure::bench)
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.queue = None;
        self.writer.take().map(JoinHandle::join);
    }
}

fn write(mut connection: Connection, mut waiting: mpsc::Receiver<Waiting>, most: usize) -> rusqlite::Result<()> {
    // As long as the ledger's own two, and never computed.
    let (prev, hash) = ("0".repeat(64), "1".repeat(64));
    let (mut id, mut last, mut group) = (0_i64, 1, Vec::new());
    while let Some(first) = waiting.blocking_recv() {
        group.push(first);
        gather(&mut waiting, &mut group, last, most);
        last = group.len();
        let ts = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
            for (id, event) in (id + 1..).zip(&group) {
                insert.execute(params![id, ts, event.kind, event.actor, event.payload, prev, hash])?;
            }
        }
        transaction.commit()?;
        for event in group.drain(..) {
            id += 1;
            let _ = event.done.send(id);
        }
    }
    Ok(())
}

fn gather(waiting: &mut mpsc::Receiver<Waiting>, group: &mut Vec<Waiting>, last: usize, most: usize) {
    let started = Instant::now();
    while group.len() < most {
        match waiting.try_recv() {
            Ok(event) => group.push(event),
            Err(mpsc::error::TryRecvError::Empty) if group.len() < last && started.elapsed() < GATHER => {
                std::thread::yield_now();
            }
            Err(_) => return,
        }
    }
}
