//! Events that wait for agentd: in SQLite with `synchronous=FULL`, so that neither kill -9 nor a power cut loses one.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use osmoda_ipc::{Fault, NewEvent, chain};
use rusqlite::{Connection, params};
use tracing::error;

const SCHEMA: &str =
    "CREATE TABLE IF NOT EXISTS outbox (place INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL) STRICT";

/// More than this many events never wait: a daemon that acts on and on without agentd is stopped by its disk otherwise.
const MOST: u64 = 100_000;

/// The outbox can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// Its database.
    #[error("the outbox can't be used")]
    Database(#[from] rusqlite::Error),
    /// It is full.
    #[error("{MOST} events wait for agentd already")]
    Full,
}

impl From<OutboxError> for Fault {
    fn from(error: OutboxError) -> Self {
        let private = chain(&error);
        match error {
            OutboxError::Database(_) => Self::unavailable(
                "outbox_unavailable",
                "an event can be written neither to the ledger nor to the outbox; check the disk of the state folder",
            ),
            OutboxError::Full => {
                Self::unavailable("outbox_full", "too many events wait for agentd; start it, see agentctl status")
            }
        }
        .with_private(private)
    }
}

/// Events in the order in which they happened.
#[derive(Clone, Debug)]
pub struct Outbox {
    connection: Arc<Mutex<Connection>>,
    waiting: Arc<AtomicU64>,
}

impl Outbox {
    /// Opens or makes the outbox.
    pub fn open(path: &Path) -> Result<Self, OutboxError> {
        osmoda_ipc::daemon::keep_private(path);
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(SCHEMA)?;
        let waiting: i64 = connection.query_row("SELECT COUNT(*) FROM outbox", [], |row| row.get(0))?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            waiting: Arc::new(AtomicU64::new(waiting.unsigned_abs())),
        })
    }

    /// How many wait.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Acquire)
    }

    /// One more, on disk when this returns.
    pub async fn push(&self, event: NewEvent) -> Result<(), Fault> {
        if self.waiting() >= MOST {
            return Err(OutboxError::Full.into());
        }
        let text = serde_json::to_string(&event).map_err(Fault::internal)?;
        let waiting = self.waiting.clone();
        self.with(move |connection| {
            connection.execute("INSERT INTO outbox (event) VALUES (?1)", [text])?;
            waiting.fetch_add(1, Ordering::Release);
            Ok(())
        })
        .await
    }

    /// The oldest, with their places.
    pub async fn oldest(&self, most: usize) -> Result<Vec<(i64, NewEvent)>, Fault> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = self
            .with(move |connection| {
                let mut select =
                    connection.prepare_cached("SELECT place, event FROM outbox ORDER BY place LIMIT ?1")?;
                let rows = select.query_map([most], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
                rows.collect::<rusqlite::Result<Vec<_>>>()
            })
            .await?;
        let mut events = Vec::with_capacity(rows.len());
        for (place, text) in rows {
            match serde_json::from_str(&text) {
                Ok(event) => events.push((place, event)),
                Err(broken) => {
                    error!(%broken, place, "an event of the outbox can't be read and is skipped");
                    self.remove(place).await?;
                }
            }
        }
        Ok(events)
    }

    /// Done with this one.
    pub async fn remove(&self, place: i64) -> Result<(), Fault> {
        let waiting = self.waiting.clone();
        self.with(move |connection| {
            let removed = connection.execute("DELETE FROM outbox WHERE place = ?1", params![place])?;
            waiting.fetch_sub(removed as u64, Ordering::Release);
            Ok(())
        })
        .await
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let connection = self.connection.clone();
        let done =
            tokio::task::spawn_blocking(move || work(&connection.lock().unwrap_or_else(PoisonError::into_inner)));
        Ok(done.await.map_err(Fault::internal)?.map_err(OutboxError::from)?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(number: u32) -> NewEvent {
        NewEvent { kind: "x.outcome".into(), actor: "agent:x".into(), payload: json!({ "number": number }) }
    }

    #[tokio::test]
    async fn events_wait_in_order_and_outlive_their_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox.db");
        let outbox = Outbox::open(&path).unwrap();
        for number in 0..5 {
            outbox.push(event(number)).await.unwrap();
        }
        let first = outbox.oldest(1).await.unwrap();
        assert_eq!(first[0].1, event(0));
        outbox.remove(first[0].0).await.unwrap();
        drop(outbox);
        let outbox = Outbox::open(&path).unwrap();
        assert_eq!(outbox.waiting(), 4);
        let left: Vec<_> = outbox.oldest(10).await.unwrap().into_iter().map(|(_, event)| event).collect();
        assert_eq!(left, [event(1), event(2), event(3), event(4)]);
    }
}
