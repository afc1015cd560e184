//! What happens in the background: files that people change are noticed, the text index is committed, vectors are computed.

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    Memories, MemoryError, Model,
    catalog::Row,
    folder,
    indexes::Indexes,
    watch::{Changes, Watch},
};

/// How long something may wait for a commit.
const COMMIT_AFTER: Duration = Duration::from_secs(2);
/// How long a file may wait for its flush.
const FLUSH_AFTER: Duration = Duration::from_secs(2);
/// How much may wait for one: what waits is searched one by one.
const COMMIT_AT: usize = 512;
/// So many files of which nothing is known are read faster all at once than one by one.
const MANY: usize = 2000;
/// How often files are looked after where nothing rings.
const TURN: Duration = Duration::from_millis(250);

/// Wakes the background threads.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<u64>,
    waiting: Condvar,
}

impl Bell {
    pub(crate) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.waiting.notify_all();
    }

    /// Waits until it rings after `heard`, or for a while; answers with what was heard now.
    fn wait(&self, heard: u64, most: Duration) -> u64 {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let (rung, _) =
            self.waiting.wait_timeout_while(rung, most, |rung| *rung == heard).unwrap_or_else(PoisonError::into_inner);
        *rung
    }
}

/// The background threads; they end when this is dropped.
#[derive(Debug)]
pub struct Keeper {
    memories: Memories,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Keeper {
    /// Starts them.
    pub fn start(memories: &Memories) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut keeper = Self { memories: memories.clone(), stop: stop.clone(), threads: Vec::new() };
        let (files, end) = (memories.clone(), stop.clone());
        keeper
            .threads
            .push(thread::Builder::new().name("memory-files".into()).spawn(move || keep_files(&files, &end))?);
        let vectors = memories.clone();
        keeper
            .threads
            .push(thread::Builder::new().name("memory-vectors".into()).spawn(move || keep_vectors(&vectors, &stop))?);
        Ok(keeper)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.memories.inner().bell.ring();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn keep_files(memories: &Memories, stop: &AtomicBool) {
    let mut watch = Watch::start(memories.folder());
    let (mut last_commit, mut last_flush) = (Instant::now(), Instant::now());
    let mut heard = 0;
    while !stop.load(Ordering::Acquire) {
        if let Err(error) = look_after_files(memories, watch.as_mut()) {
            tracing::warn!(
                error = osmoda_ipc::chain(&error),
                "files and index could not be brought together; tried again"
            );
        }
        let indexes = memories.indexes();
        let pending = indexes.text.pending();
        if pending >= COMMIT_AT || (pending > 0 && last_commit.elapsed() >= COMMIT_AFTER) {
            if let Err(error) = indexes.text.commit() {
                tracing::warn!(error = osmoda_ipc::chain(&error), "the text index could not be committed; tried again");
            }
            last_commit = Instant::now();
        }
        drop(indexes);
        if last_flush.elapsed() >= FLUSH_AFTER {
            flush(memories);
            last_flush = Instant::now();
        }
        heard = memories.inner().bell.wait(heard, TURN);
    }
    flush(memories);
    let _ = memories.indexes().text.commit();
}

fn flush(memories: &Memories) {
    if let Err(error) = memories.flush() {
        tracing::warn!(error = osmoda_ipc::chain(&error), "memories' files could not be flushed; tried again");
    }
}

fn look_after_files(memories: &Memories, watch: Option<&mut Watch>) -> Result<(), MemoryError> {
    let changes = watch.map_or(Changes::default(), Watch::changes);
    let indexes = memories.indexes();
    if changes.is_empty() && !indexes.is_stale.load(Ordering::Acquire) {
        return Ok(());
    }
    let is_stale = indexes.is_stale.load(Ordering::Acquire);
    if is_stale && indexes.catalog.is_empty()? && folder::notes(memories.folder()).len() > MANY {
        return memories.reindex(false).map(drop);
    }
    let _gate = memories.gate();
    if changes.lost || is_stale {
        indexes.sync_notes()?;
    }
    for file in &changes.notes {
        indexes.index_file(file)?;
    }
    if changes.lost || changes.documents {
        let _one_at_a_time = memories.documents_lock();
        indexes.sync_documents()?;
    }
    Ok(())
}

fn keep_vectors(memories: &Memories, stop: &AtomicBool) {
    if let Err(error) = memories.load_model() {
        tracing::warn!(error = osmoda_ipc::chain(&error), "recall works on words alone until a model is installed");
    }
    let mut heard = 0;
    while !stop.load(Ordering::Acquire) {
        let indexes = memories.indexes();
        match embed_some(memories, &indexes) {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(error = osmoda_ipc::chain(&error), "memories could not be embedded"),
        }
        drop(indexes);
        heard = memories.inner().bell.wait(heard, TURN);
    }
}

impl Memories {
    /// Computes the vectors of what was stored last, a batch at a time; `false` where all have one. [`Keeper`] does it in the
    /// background.
    pub fn embed_some(&self) -> Result<bool, MemoryError> {
        embed_some(self, &self.indexes())
    }
}

/// Computes the vectors of the next rows; `false` where there is nothing to do.
pub(crate) fn embed_some(memories: &Memories, indexes: &Indexes) -> Result<bool, MemoryError> {
    let Some(model) = memories.model() else { return Ok(false) };
    let _one_at_a_time = memories.inner().embedding.lock().unwrap_or_else(PoisonError::into_inner);
    let rows = indexes.next_to_embed(model.engine.batch());
    let embedded = if rows.is_empty() { Ok(()) } else { embed(&model, indexes, &rows) };
    indexes.in_hand.fetch_sub(rows.len(), Ordering::AcqRel);
    embedded.map(|()| !rows.is_empty())
}

fn embed(model: &Model, indexes: &Indexes, rows: &[u64]) -> Result<(), MemoryError> {
    let rows = indexes.catalog.rows(rows)?;
    let texts: Vec<String> = rows.iter().map(Row::text).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vectors = model.engine.embed(&texts)?;
    let kept: Vec<_> = rows.iter().map(|row| row.text).zip(vectors).collect();
    indexes.cache.keep(&kept)?;
    for (row, (_, vector)) in rows.iter().zip(&kept) {
        indexes.vectors.add(row.row, vector);
    }
    // What was forgotten or retired meanwhile must not come back by its meaning.
    let still: std::collections::HashSet<u64> = indexes
        .catalog
        .rows(&rows.iter().map(|row| row.row).collect::<Vec<_>>())?
        .into_iter()
        .filter(|row| row.retired_by.is_none())
        .map(|row| row.row)
        .collect();
    rows.iter().filter(|row| !still.contains(&row.row)).for_each(|row| indexes.vectors.remove(row.row));
    Ok(())
}
