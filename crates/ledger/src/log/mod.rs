//! The ledger as a transparency log: its tree, its signed checkpoints and its proofs, kept beside the events and
//! derivable from them. It may lag behind the events, and never signs what is not on disk.

mod edge;
mod error;
mod keeper;
mod key_file;
mod serve;
mod store;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use tracing::error;

pub use self::{error::LogError, key_file::load_or_make as load_or_make_key};
use self::{
    keeper::{Keeper, Message},
    store::{Store, TreeReader},
};
use crate::{Ledger, SigningKey, VerifyingKey};

/// Events between two checkpoints, at most.
pub(crate) const EVENTS_A_CHECKPOINT: u64 = 1000;
/// Time between two checkpoints while events come, at most.
pub(crate) const TIME_A_CHECKPOINT: Duration = Duration::from_secs(60);
/// How long a caller waits for a checkpoint that it needs.
const PATIENCE: Duration = Duration::from_secs(20);
/// Commits whose leaves may wait; what does not fit is read from the file later.
const QUEUE: usize = 1024;

/// The log of one ledger. Dropping it signs what is there and ends its thread.
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
    key: VerifyingKey,
    messages: mpsc::SyncSender<Message>,
    keeper: Option<JoinHandle<()>>,
}

/// What the keeper and the readers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) events: PathBuf,
    pub(crate) tree: TreeReader,
    pub(crate) signed: Mutex<Signed>,
}

/// The newest checkpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signed {
    pub(crate) note: Arc<str>,
    pub(crate) size: u64,
    /// Why nothing is signed any more.
    pub(crate) diverged: Option<Arc<str>>,
}

impl Shared {
    pub(crate) fn signed(&self) -> Signed {
        self.signed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn publish(&self, signed: Signed) {
        *self.signed.lock().unwrap_or_else(PoisonError::into_inner) = signed;
    }
}

impl Log {
    /// Opens or makes the tree at `path` and follows the ledger from now on. What the tree lacks it reads from the
    /// ledger's file, without holding anybody up.
    ///
    /// Where the ledger does not hold what was signed before, nothing is signed any more: see [`Log::diverged`].
    pub fn open(path: &Path, ledger: &Ledger, key: SigningKey) -> Result<Self, LogError> {
        let store = Store::open(path)?;
        let shared = Arc::new(Shared {
            events: ledger.path().to_owned(),
            tree: TreeReader::new(path),
            signed: Mutex::default(),
        });
        let verifying = key.verifying();
        let mut keeper = Keeper::new(store, shared.clone(), key)?;
        keeper.resume()?;
        let (messages, inbox) = mpsc::sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("tree".into())
            .spawn(move || keeper.run(&inbox))
            .map_err(LogError::Thread)?;
        let leaves = messages.clone();
        ledger.follow(move |commit| {
            let first = commit.events.first().map_or(0, |event| event.id);
            // Where the queue is full the keeper reads these from the file: it sees the gap.
            let _ = leaves.try_send(Message::Leaves(first, commit.events.iter().map(|event| event.leaf).collect()));
        });
        Ok(Self { shared, key: verifying, messages, keeper: Some(thread) })
    }

    /// The key that signs its checkpoints; its name is the log's origin.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The newest checkpoint as a signed note.
    pub fn checkpoint(&self) -> Result<Arc<str>, LogError> {
        self.signed().map(|signed| signed.note)
    }

    /// Why nothing is signed any more, where the ledger does not hold what was signed before.
    pub fn diverged(&self) -> Option<Arc<str>> {
        self.shared.signed().diverged
    }

    /// Signs all that is on disk now, and answers with that checkpoint.
    pub fn sign_now(&self) -> Result<Arc<str>, LogError> {
        let (done, signed) = mpsc::sync_channel(1);
        self.messages.send(Message::Sign(done)).map_err(|_| LogError::Busy)?;
        signed.recv_timeout(PATIENCE).map_err(|_| LogError::Busy)??;
        self.checkpoint()
    }

    fn signed(&self) -> Result<Signed, LogError> {
        let signed = self.shared.signed();
        match signed.diverged {
            Some(why) => Err(LogError::Diverged(why)),
            None if signed.note.is_empty() => Err(LogError::Busy),
            None => Ok(signed),
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = self.messages.send(Message::Stop);
        if let Some(Err(_)) = self.keeper.take().map(JoinHandle::join) {
            error!("the keeper of the ledger's tree panicked");
        }
    }
}
