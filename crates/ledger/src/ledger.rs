//! The ledger as its one writer's callers see it: appending, redo records, following.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use osmoda_ipc::{Fault, NewEvent, Redo, chain};
use rusqlite::OptionalExtension;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};
use tracing::error;

use crate::{
    chain::{GENESIS, Hash, is_name},
    database,
    reader::ReadError,
    tree::Node,
    writer::{Order, Waiting, Writer},
};

/// Events that may wait for the writer; more are refused.
const QUEUE: usize = 4096;
/// How long an append may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest payload in bytes.
const LARGEST_PAYLOAD: usize = 256 * 1024;

/// The ledger, open for appending. Dropping it ends the writer after what was accepted is written.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    queue: Option<mpsc::Sender<Order>>,
    writer: Option<JoinHandle<()>>,
    health: Arc<Health>,
    followers: Arc<Followers>,
}

/// Events that a commit has just brought to the disk, in order and without gaps.
#[derive(Debug)]
pub struct Commit {
    /// The events.
    pub events: Vec<Committed>,
}

/// An event as it was written.
#[derive(Debug)]
pub struct Committed {
    /// Its id.
    pub id: i64,
    /// When, in the ledger's form.
    pub ts: Arc<str>,
    /// What kind.
    pub kind: String,
    /// Who.
    pub actor: String,
    /// What happened, as JSON.
    pub payload: String,
    /// The hash of the event before.
    pub prev: Hash,
    /// Its hash.
    pub hash: Hash,
    /// Its leaf in the Merkle tree.
    pub leaf: Node,
}

/// Called on the writer's thread after each commit; must neither block nor take long.
type Follower = Box<dyn FnMut(&Arc<Commit>) + Send>;

#[derive(Default)]
pub(crate) struct Followers(pub(crate) Mutex<Vec<Follower>>);

impl std::fmt::Debug for Followers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Followers")
    }
}

#[derive(Debug, Default)]
pub(crate) struct Health {
    /// The last commit failed.
    pub(crate) failing: AtomicBool,
    pub(crate) commits: AtomicU64,
    pub(crate) events: AtomicU64,
}

/// The ledger can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// SQLite says no.
    #[error("the ledger {} can't be opened", .path.display())]
    Database {
        /// Which.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The newest event is not one.
    #[error("the ledger {} ends in an event that is none: {why}; look at it with agentctl verify-ledger --db", .path.display())]
    BadHead {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// No thread for the writer.
    #[error("the ledger's writer could not be started")]
    Writer(#[source] std::io::Error),
}

/// An event was not appended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// The commit failed.
    #[error("the ledger can't be written: {0}")]
    Database(Arc<str>),
    /// The queue stayed full, or the writer is gone.
    #[error("the ledger's writer does not take events")]
    Busy,
    /// A type or actor that may not stand in an event.
    #[error("{0:?} can't be an event's type or actor: 1 to 128 printable ASCII characters without | and space")]
    BadName(String),
    /// Too much.
    #[error("a payload of {0} bytes is more than the ledger keeps ({LARGEST_PAYLOAD})")]
    TooLarge(usize),
}

impl From<AppendError> for Fault {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Database(_) | AppendError::Busy => Self::unavailable(
                "ledger_unavailable",
                "the ledger can't be written now, and nothing is done without it; check the disk of the state folder",
            )
            .with_private(chain(&error)),
            AppendError::BadName(_) => Self::bad_request("invalid_event", error.to_string()),
            AppendError::TooLarge(_) => Self::too_large("event_too_large", error.to_string()),
        }
    }
}

impl Ledger {
    /// Opens the ledger at `path`, or makes it.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let database = |source| OpenError::Database { path: path.to_owned(), source };
        let connection = database::open_for_writing(path).map_err(database)?;
        let head = connection
            .query_row("SELECT id, hash FROM events ORDER BY id DESC LIMIT 1", [], |row| {
                Ok((row.get(0)?, row.get::<_, String>(1)?))
            })
            .optional()
            .map_err(database)?;
        let (id, hash) = match head {
            None => (0, GENESIS),
            Some((id, text)) => match Hash::from_hex(&text) {
                Some(hash) if id > 0 => (id, hash),
                _ => {
                    return Err(OpenError::BadHead {
                        path: path.to_owned(),
                        why: format!("event {id} has the hash {text:?}"),
                    });
                }
            },
        };
        let (queue, waiting) = mpsc::channel(QUEUE);
        let health = Arc::new(Health::default());
        let followers = Arc::new(Followers::default());
        let writer = Writer {
            connection,
            id,
            hash,
            buffer: Vec::new(),
            released: VecDeque::new(),
            health: health.clone(),
            followers: followers.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("ledger".into())
            .spawn(move || writer.run(waiting))
            .map_err(OpenError::Writer)?;
        Ok(Self { path: path.to_owned(), queue: Some(queue), writer: Some(thread), health, followers })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one event and answers with its id once it is on disk.
    pub async fn append(&self, event: NewEvent) -> Result<i64, AppendError> {
        self.append_with(event, None).await
    }

    /// The same with a redo record, in the same commit. It is kept until [`Ledger::release`].
    pub async fn append_with(&self, event: NewEvent, redo: Option<Redo>) -> Result<i64, AppendError> {
        for name in [&event.kind, &event.actor] {
            if !is_name(name.as_bytes()) {
                return Err(AppendError::BadName(name.chars().take(160).collect()));
            }
        }
        let payload =
            serde_json::to_string(&event.payload).map_err(|error| AppendError::Database(error.to_string().into()))?;
        if payload.len() > LARGEST_PAYLOAD {
            return Err(AppendError::TooLarge(payload.len()));
        }
        let (done, appended) = oneshot::channel();
        let waiting = Waiting { kind: event.kind, actor: event.actor, payload, redo, done };
        let queue = self.queue.as_ref().ok_or(AppendError::Busy)?;
        match queue.try_send(Order::Append(waiting)) {
            Ok(()) => {}
            Err(TrySendError::Closed(_)) => return Err(AppendError::Busy),
            // A deadline only where there is something to wait for.
            Err(TrySendError::Full(order)) => match tokio::time::timeout(PATIENCE, queue.send(order)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(AppendError::Busy),
            },
        }
        // The commit itself has no deadline: what it will say is not known before it says it.
        appended.await.unwrap_or(Err(AppendError::Busy))
    }

    /// Lets redo records go whose content is on disk where it belongs, or is not wanted any more: before any event that is
    /// appended after this, and also where the event that brings the record is still on its way. A name is never used
    /// again. Blocks where very many wait, so not for async code.
    pub fn release(&self, names: Vec<String>) {
        if let Some(queue) = &self.queue {
            // Fails where the writer is gone; then nothing can be written any more, and what is kept is redone.
            let _ = queue.blocking_send(Order::Release(names));
        }
    }

    /// The redo records that a sudden end left behind.
    pub fn redo(&self) -> Result<Vec<Redo>, ReadError> {
        let connection = database::open_for_reading(&self.path)?;
        let mut select = connection.prepare("SELECT name, content FROM redo ORDER BY name")?;
        let records = select.query_map([], |row| Ok(Redo { name: row.get(0)?, content: row.get(1)? }))?;
        Ok(records.collect::<Result<_, _>>()?)
    }

    /// The names of the redo records that are on disk.
    pub fn redo_names(&self) -> Result<Vec<String>, ReadError> {
        let connection = database::open_for_reading(&self.path)?;
        let mut select = connection.prepare("SELECT name FROM redo ORDER BY name")?;
        let names = select.query_map([], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// Tells `follower` of every commit from now on, after its callers were answered and on the writer's thread: it must
    /// neither block nor take long. Commits before it, and all it could not take, it reads from the file.
    pub fn follow(&self, follower: impl FnMut(&Arc<Commit>) + Send + 'static) {
        self.followers.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(follower));
    }

    /// Whether its writer runs.
    pub fn is_alive(&self) -> bool {
        self.writer.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Whether its writer runs and the last commit succeeded.
    pub fn is_well(&self) -> bool {
        self.is_alive() && !self.health.failing.load(Ordering::Relaxed)
    }

    /// Commits and events since the ledger was opened.
    pub fn counts(&self) -> (u64, u64) {
        (self.health.commits.load(Ordering::Relaxed), self.health.events.load(Ordering::Relaxed))
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(Err(_)) = self.writer.take().map(JoinHandle::join) {
            error!("the ledger's writer panicked");
        }
    }
}
