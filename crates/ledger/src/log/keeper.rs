//! The thread that grows the tree behind the commits and signs checkpoints.

use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use rusqlite::{Connection, Row};
use tracing::{error, info};

use super::{
    EVENTS_A_CHECKPOINT, Shared, Signed, TIME_A_CHECKPOINT,
    edge::{Edge, Tile},
    error::LogError,
    store::Store,
};
use crate::{
    Checkpoint, SigningKey,
    chain::tree_entry,
    database,
    tree::{Node, TileNodes, Tiles, root},
};

/// Events that are read from the file at a time.
const STRETCH: u64 = 16_384;
/// How long the keeper waits before it tries again what failed.
const RETRY: Duration = Duration::from_secs(5);

/// What the keeper is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// The leaves of a commit, from the event with this id on.
    Leaves(i64, Vec<Node>),
    /// Sign what is on disk, and say how it went.
    Sign(mpsc::SyncSender<Result<(), LogError>>),
    /// End.
    Stop,
}

pub(crate) struct Keeper {
    store: Store,
    shared: Arc<Shared>,
    key: SigningKey,
    edge: Edge,
    full: Vec<Tile>,
    signed_at: Instant,
}

impl Keeper {
    pub(crate) fn new(store: Store, shared: Arc<Shared>, key: SigningKey) -> Result<Self, LogError> {
        Ok(Self { store, shared, key, edge: Edge::default(), full: Vec::new(), signed_at: Instant::now() })
    }

    /// Takes up the stored tree where it is still the ledger's; else says so, and signs nothing any more.
    pub(crate) fn resume(&mut self) -> Result<(), LogError> {
        let diverged = |why: String| Signed { diverged: Some(why.into()), ..Signed::default() };
        let (edge, note) = match self.store.load() {
            Ok(loaded) => loaded,
            Err(LogError::NoTile) => {
                self.shared.publish(diverged("the tree beside it lacks what was signed".into()));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        match self.compare(&edge, &note)? {
            None => {
                let size = Checkpoint::unverified(&note).map_or(0, |checkpoint| checkpoint.size);
                self.edge = edge;
                // A checkpoint of a key that is gone is not ours to show.
                if Checkpoint::open(&note, &self.key.verifying()).is_ok() {
                    self.shared.publish(Signed { note: note.into(), size, diverged: None });
                } else {
                    self.sign()?;
                }
            }
            Some(why) => {
                error!(why, "the ledger is not the one that was signed");
                self.shared.publish(diverged(why));
            }
        }
        Ok(())
    }

    /// What of the stored tree contradicts its checkpoint or the events.
    fn compare(&self, edge: &Edge, note: &str) -> Result<Option<String>, LogError> {
        let size = edge.size();
        if !note.is_empty() {
            let signed = Checkpoint::unverified(note)?;
            let nodes = TileNodes::new(&self.shared.tree);
            let is_whole = signed.size <= size && root(&nodes, signed.size).is_ok_and(|root| root == signed.root);
            if !is_whole {
                return Ok(Some("the tree beside it is not the one that was signed".into()));
            }
        }
        let Some(index) = size.checked_sub(1) else { return Ok(None) };
        let mut last = Edge::default();
        let read = read_leaves(&database::open_for_reading(&self.shared.events)?, index, 1, |node| {
            last.push(node, &mut Vec::new());
        })?;
        if read == 0 {
            return Ok(Some(format!("it ends before event {size}, which was signed")));
        }
        let tile = self.shared.tree.tile(0, index / 256)?;
        let from = usize::try_from(index % 256).unwrap_or_default() * 32;
        let same = tile.get(from..from + 32).and_then(Node::from_slice) == Some(last.root());
        Ok((!same).then(|| format!("its event {size} is another one than the one that was signed")))
    }

    pub(crate) fn run(mut self, inbox: &mpsc::Receiver<Message>) {
        if self.is_stopped() {
            return answer_that_it_diverged(inbox, &self.shared);
        }
        let mut wait = Duration::ZERO;
        loop {
            let result = match inbox.recv_timeout(wait) {
                Ok(Message::Leaves(first, leaves)) => self.take(first, leaves),
                Ok(Message::Sign(done)) => {
                    let result = self.catch_up().and_then(|()| self.sign());
                    let failed = result.is_err();
                    let _ = done.send(result);
                    if failed { Err(LogError::Busy) } else { Ok(()) }
                }
                Ok(Message::Stop) | Err(mpsc::RecvTimeoutError::Disconnected) => {
                    if let Err(error) = self.catch_up().and_then(|()| self.sign()) {
                        error!(%error, "the ledger's last checkpoint could not be written");
                    }
                    return;
                }
                // Nothing comes: time to look whether something was missed.
                Err(mpsc::RecvTimeoutError::Timeout) => self.catch_up(),
            };
            wait = match result.and_then(|()| self.sign_if_due()) {
                Ok(()) => TIME_A_CHECKPOINT.saturating_sub(self.signed_at.elapsed()).max(Duration::from_millis(50)),
                Err(error) => {
                    error!(error = osmoda_ipc::chain(&error), "the ledger's tree could not be continued");
                    self.forget();
                    RETRY
                }
            };
        }
    }

    fn is_stopped(&self) -> bool {
        self.shared.signed().diverged.is_some()
    }

    /// Goes back to what is stored, after a write that failed.
    fn forget(&mut self) {
        self.full.clear();
        if let Ok((edge, _)) = self.store.load() {
            self.edge = edge;
        }
    }

    fn take(&mut self, first: i64, leaves: Vec<Node>) -> Result<(), LogError> {
        let first = u64::try_from(first).unwrap_or_default();
        if first > self.edge.size() + 1 {
            return self.catch_up();
        }
        let known = usize::try_from(self.edge.size() + 1 - first).unwrap_or(usize::MAX);
        for leaf in leaves.into_iter().skip(known) {
            self.edge.push(leaf, &mut self.full);
        }
        self.save_full()
    }

    /// Reads from the ledger's file what the tree lacks.
    fn catch_up(&mut self) -> Result<(), LogError> {
        let connection = database::open_for_reading(&self.shared.events)?;
        loop {
            let (edge, full) = (&mut self.edge, &mut self.full);
            let read = read_leaves(&connection, edge.size(), STRETCH, |leaf| edge.push(leaf, full))?;
            self.save_full()?;
            if read < STRETCH {
                return Ok(());
            }
            self.sign_if_due()?;
        }
    }

    fn save_full(&mut self) -> Result<(), LogError> {
        if self.full.is_empty() {
            return Ok(());
        }
        self.store.save(&self.full, &self.edge, &self.shared.signed().note)?;
        self.full.clear();
        Ok(())
    }

    fn sign_if_due(&mut self) -> Result<(), LogError> {
        let signed = self.shared.signed();
        let new = self.edge.size().saturating_sub(signed.size);
        let is_due = signed.note.is_empty()
            || new >= EVENTS_A_CHECKPOINT
            || (new > 0 && self.signed_at.elapsed() >= TIME_A_CHECKPOINT);
        if is_due { self.sign() } else { Ok(()) }
    }

    /// Signs the tree as it is. Every leaf of it came from a commit that is on disk.
    fn sign(&mut self) -> Result<(), LogError> {
        let signed = self.shared.signed();
        self.signed_at = Instant::now();
        if !signed.note.is_empty() && signed.size == self.edge.size() {
            return Ok(());
        }
        let checkpoint = Checkpoint {
            origin: self.key.verifying().name().to_owned(),
            size: self.edge.size(),
            root: self.edge.root(),
        };
        let note = checkpoint.sign(&self.key);
        self.store.save(&self.full, &self.edge, &note)?;
        self.full.clear();
        info!(size = checkpoint.size, root = ?checkpoint.root, "signed a checkpoint of the ledger");
        self.shared.publish(Signed { note: note.into(), size: checkpoint.size, diverged: None });
        Ok(())
    }
}

fn answer_that_it_diverged(inbox: &mpsc::Receiver<Message>, shared: &Shared) {
    while let Ok(message) = inbox.recv() {
        match message {
            Message::Leaves(..) => {}
            Message::Sign(done) => {
                let _ = done.send(Err(LogError::Diverged(shared.signed().diverged.unwrap_or_default())));
            }
            Message::Stop => return,
        }
    }
}

/// The leaves of at most `count` events behind the first `after`; how many there were. A gap ends them.
fn read_leaves(connection: &Connection, after: u64, count: u64, mut each: impl FnMut(Node)) -> Result<u64, LogError> {
    let mut select = connection.prepare_cached(
        "SELECT id, ts, type, actor, payload, prev_hash FROM events WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut rows = select.query([signed(after), signed(count)])?;
    let (mut read, mut entry) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        if read_entry(row, &mut entry)? != signed(after + read + 1) {
            break;
        }
        each(Node::leaf(&entry));
        read += 1;
    }
    Ok(read)
}

/// The tree's entry of a row of id, ts, type, actor, payload and previous hash; its id.
pub(crate) fn read_entry(row: &Row<'_>, entry: &mut Vec<u8>) -> rusqlite::Result<i64> {
    let id = row.get(0)?;
    let mut columns = [""; 5];
    for (n, column) in columns.iter_mut().enumerate() {
        *column = row.get_ref(n + 1)?.as_str()?;
    }
    tree_entry(entry, id, columns.map(str::as_bytes));
    Ok(id)
}

/// As SQLite counts.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
