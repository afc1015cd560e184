//! The one writer: callers' events are committed in groups, and an append answers only after its commit is on disk.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use osmoda_ipc::{Fault, NewEvent, chain};
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};
use tracing::error;

use crate::{
    chain::{GENESIS, Hash, event_hash, is_name, leaf_of},
    database,
    tree::Node,
};

/// Events that may wait for the writer; more are refused.
const QUEUE: usize = 4096;
/// Events in one commit.
const GROUP: usize = 1024;
/// How long the writer waits for the callers of the group before, who are likely to come again, to share a commit.
const GATHER: Duration = Duration::from_micros(150);
/// How long an append may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest payload in bytes.
const LARGEST_PAYLOAD: usize = 256 * 1024;

/// The ledger, open for appending. Dropping it ends the writer after what was accepted is written.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    queue: Option<mpsc::Sender<Waiting>>,
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
struct Followers(Mutex<Vec<Follower>>);

impl std::fmt::Debug for Followers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Followers")
    }
}

#[derive(Debug, Default)]
struct Health {
    /// The last commit failed.
    failing: AtomicBool,
    commits: AtomicU64,
    events: AtomicU64,
}

/// An event that waits for its commit.
struct Waiting {
    kind: String,
    actor: String,
    payload: String,
    done: oneshot::Sender<Result<i64, AppendError>>,
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
        let writer =
            Writer { connection, id, hash, buffer: Vec::new(), health: health.clone(), followers: followers.clone() };
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
        let waiting = Waiting { kind: event.kind, actor: event.actor, payload, done };
        let queue = self.queue.as_ref().ok_or(AppendError::Busy)?;
        match queue.try_send(waiting) {
            Ok(()) => {}
            Err(TrySendError::Closed(_)) => return Err(AppendError::Busy),
            // A deadline only where there is something to wait for.
            Err(TrySendError::Full(waiting)) => match tokio::time::timeout(PATIENCE, queue.send(waiting)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(AppendError::Busy),
            },
        }
        // The commit itself has no deadline: what it will say is not known before it says it.
        appended.await.unwrap_or(Err(AppendError::Busy))
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

struct Writer {
    connection: Connection,
    /// Id and hash of the newest event.
    id: i64,
    hash: Hash,
    buffer: Vec<u8>,
    health: Arc<Health>,
    followers: Arc<Followers>,
}

/// What was sealed of an event: the hash before it, and its own.
type Seal = (Hash, Hash);

/// An event that is on disk: id, type, actor, payload and what was sealed of it.
type Sealed = (i64, String, String, String, Seal);

impl Writer {
    fn run(mut self, mut waiting: mpsc::Receiver<Waiting>) {
        let mut group = Vec::new();
        let mut last = 1;
        while let Some(first) = waiting.blocking_recv() {
            group.push(first);
            gather(&mut waiting, &mut group, last);
            last = group.len();
            let result = self.commit(&group);
            self.health.failing.store(result.is_err(), Ordering::Relaxed);
            match result {
                Ok((first, ts, seals)) => {
                    let mut events = Vec::with_capacity(seals.len());
                    for ((id, waiting), seal) in (first..).zip(group.drain(..)).zip(seals) {
                        // A caller that hung up does not want to know.
                        let _ = waiting.done.send(Ok(id));
                        events.push((id, waiting.kind, waiting.actor, waiting.payload, seal));
                    }
                    self.tell(&ts, events);
                }
                Err(failure) => {
                    error!(%failure, events = group.len(), "the ledger can't be written");
                    let failure = AppendError::Database(failure.to_string().into());
                    for waiting in group.drain(..) {
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
    fn commit(&mut self, group: &[Waiting]) -> rusqlite::Result<(i64, Arc<str>, Vec<Seal>)> {
        let (mut id, mut hash) = (self.id, self.hash);
        let ts: Arc<str> = now().into();
        let mut seals = Vec::with_capacity(group.len());
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
            for Waiting { kind, actor, payload, .. } in group {
                id += 1;
                let prev = hash;
                hash = event_hash(&mut self.buffer, id, &ts, kind, actor, payload, prev.as_str());
                seals.push((prev, hash));
                insert.execute(params![id, ts, kind, actor, payload, prev.as_str(), hash.as_str()])?;
            }
        }
        transaction.commit()?;
        let first = self.id + 1;
        (self.id, self.hash) = (id, hash);
        self.health.commits.fetch_add(1, Ordering::Relaxed);
        self.health.events.fetch_add(group.len() as u64, Ordering::Relaxed);
        Ok((first, ts, seals))
    }

    /// What costs time for the followers' sake alone is done here, once the callers have their answers.
    fn tell(&mut self, ts: &Arc<str>, events: Vec<Sealed>) {
        let mut followers = self.followers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if followers.is_empty() {
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

/// Takes what waits. Where the group before had many, waits a moment for as many: without this, the first caller to
/// come back would have a commit of its own, and every second commit would carry one event.
fn gather(waiting: &mut mpsc::Receiver<Waiting>, group: &mut Vec<Waiting>, last: usize) {
    let started = Instant::now();
    while group.len() < GROUP {
        match waiting.try_recv() {
            Ok(event) => group.push(event),
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
