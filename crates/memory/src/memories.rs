//! All memories of this machine: storing, forgetting, listing, and keeping the index.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use jiff::Timestamp;
use osmoda_api::agentd::{
    MemoryHealthReport, MemoryItem, MemoryListRequest, MemoryModel, MemoryNew, MemoryPage, MemoryReindexed,
    MemoryStatus, MemoryStored,
};
use osmoda_ipc::Redo;

use crate::{
    MemoryError, Model,
    build::build,
    catalog::Row,
    embed,
    folder::{self, Flush, Folder, Stamp},
    indexes::{Indexes, read_note},
    keeper::Bell,
    note::Note,
    unflushed::Unflushed,
    vectors::Cache,
};

const STRIPES: usize = 64;
/// The file that names the generation in use.
const CURRENT: &str = "CURRENT";

/// All memories of this machine. Every call blocks and may come from any thread.
#[derive(Clone)]
pub struct Memories(Arc<Inner>);

pub(crate) struct Inner {
    folder: Folder,
    indexes: RwLock<Arc<Indexes>>,
    cache: Arc<Cache>,
    model: RwLock<Option<Arc<Model>>>,
    trouble: Mutex<Option<String>>,
    /// Whether the installed model is still being read.
    pub(crate) is_loading: AtomicBool,
    is_reindexing: AtomicBool,
    /// Whoever changes files holds it to read; a new generation takes its place with it held to write.
    gate: RwLock<()>,
    /// Two that store the same wait for each other.
    stripes: [Mutex<()>; STRIPES],
    documents: Mutex<()>,
    pub(crate) unflushed: Unflushed,
    /// Whoever computes the vectors of stored texts holds it.
    pub(crate) embedding: Mutex<()>,
    pub(crate) bell: Bell,
}

impl std::fmt::Debug for Memories {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Memories").field(&self.0.folder).finish()
    }
}

impl Memories {
    /// Opens the folder, or makes it. [`crate::Keeper`] brings files and index together in the background.
    pub fn open(path: &Path) -> Result<Self, MemoryError> {
        let folder = Folder::open(path)?;
        let cache = Arc::new(Cache::open(&folder.vectors())?);
        let generation = current(&folder)?;
        let indexes = Indexes::open(&folder, &generation, cache.clone())?;
        Ok(Self(Arc::new(Inner {
            is_loading: AtomicBool::new(folder.model().exists()),
            folder,
            indexes: RwLock::new(Arc::new(indexes)),
            cache,
            model: RwLock::default(),
            trouble: Mutex::default(),
            is_reindexing: AtomicBool::new(false),
            gate: RwLock::default(),
            stripes: [const { Mutex::new(()) }; STRIPES],
            documents: Mutex::default(),
            unflushed: Unflushed::default(),
            embedding: Mutex::default(),
            bell: Bell::default(),
        })))
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.0.folder
    }

    pub(crate) fn indexes(&self) -> Arc<Indexes> {
        self.0.indexes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn model(&self) -> Option<Arc<Model>> {
        self.0.model.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn gate(&self) -> RwLockReadGuard<'_, ()> {
        self.0.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn documents_lock(&self) -> MutexGuard<'_, ()> {
        self.0.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers something. When this answers it is on disk, and recall finds it.
    pub fn store(&self, new: MemoryNew) -> Result<MemoryStored, MemoryError> {
        self.store_from(new, None)
    }

    /// The same, with where it is from. What is known from there is not stored again.
    pub fn store_from(&self, new: MemoryNew, source: Option<String>) -> Result<MemoryStored, MemoryError> {
        self.put(new, source, Flush::Now, |_, _| {})
    }

    /// The same, but a new memory's file is flushed later: until [`crate::RedoLog::release`] tells of it, the caller
    /// keeps the redo record on disk, and after a sudden end gives it to [`Memories::redo`]. `written` gets it as soon as
    /// the file is written; the index follows, and recall finds the memory when this returns. There is no record where the
    /// store changed a file that was there, which is flushed at once.
    pub fn store_for_redo(
        &self,
        new: MemoryNew,
        written: impl FnOnce(&MemoryStored, Option<Redo>),
    ) -> Result<MemoryStored, MemoryError> {
        self.put(new, None, Flush::Later, written)
    }

    fn put(
        &self,
        new: MemoryNew,
        source: Option<String>,
        flush: Flush,
        written: impl FnOnce(&MemoryStored, Option<Redo>),
    ) -> Result<MemoryStored, MemoryError> {
        let mut note = Note::new(new, source, Timestamp::now())?;
        let print = note.fingerprint();
        let _gate = self.gate();
        let _stripe = self.0.stripes[stripe(&note, &print)].lock().unwrap_or_else(PoisonError::into_inner);
        let indexes = self.indexes();
        if let Some(known) =
            note.source.as_deref().map(|source| indexes.catalog.by_source(source)).transpose()?.flatten()
        {
            let status = MemoryStatus::Repeated;
            return Ok(MemoryStored { id: known.id, status, count: known.count, superseded: None });
        }
        if let Some(id) = &note.supersedes
            && indexes.catalog.by_id(id)?.is_none()
        {
            return Err(MemoryError::Unknown(id.chars().take(80).collect()));
        }
        if let Some(stored) = self.repeat(&indexes, &note, &print)? {
            return Ok(stored);
        }
        if let Some(known) = note.key.as_deref().map(|key| indexes.catalog.by_key(key)).transpose()?.flatten() {
            // Clocks are set back, and two memories have one moment: what came last must say so itself.
            let after = Timestamp::from_millisecond(known.created + 1).unwrap_or(note.created);
            note.created = note.created.max(after);
            note.supersedes.get_or_insert(known.id);
        }
        let older = note.supersedes.clone();
        let file = Folder::place(&note.id, note.created);
        let content = note.print();
        let stamp = folder::create(&self.0.folder.root().join(&file), content.as_bytes(), flush)?;
        if flush == Flush::Later {
            self.0.unflushed.add(file.clone());
        }
        let status = if older.is_some() { MemoryStatus::Superseded } else { MemoryStatus::Stored };
        let stored = MemoryStored { id: note.id, status, count: 1, superseded: older };
        let redo = || Redo { name: file.clone(), content: content.clone().into_bytes() };
        written(&stored, (flush == Flush::Later).then(redo));
        // Nobody is woken: what runs in the background comes round, and would take the time that this answer needs.
        indexes.index_written(&file, &content, stamp)?;
        Ok(stored)
    }

    /// The same fact again is one memory with a count.
    fn repeat(&self, indexes: &Indexes, new: &Note, print: &[u8; 32]) -> Result<Option<MemoryStored>, MemoryError> {
        let Some(known) = indexes.catalog.by_print(print)? else { return Ok(None) };
        let path = self.0.folder.root().join(&known.file);
        // The file is the truth: a person may have changed it since.
        let there =
            Stamp::of(&path).ok().and_then(|stamp| read_note(&path, stamp)).filter(|note| note.fingerprint() == *print);
        let Some(mut note) = there else {
            indexes.index_file(&known.file)?;
            return Ok(None);
        };
        let superseded = new.supersedes.clone().filter(|id| *id != note.id);
        note.count = note.count.saturating_add(1);
        note.updated = new.updated;
        note.expires = new.expires;
        note.supersedes = superseded.clone().or(note.supersedes);
        for tag in &new.tags {
            if !note.tags.contains(tag) {
                note.tags.push(tag.clone());
            }
        }
        let content = note.print();
        let stamp = folder::replace(&path, content.as_bytes())?;
        indexes.index_written(&known.file, &content, stamp)?;
        Ok(Some(MemoryStored { id: note.id, status: MemoryStatus::Repeated, count: note.count, superseded }))
    }

    /// One memory as its file has it.
    pub fn get(&self, id: &str) -> Result<MemoryItem, MemoryError> {
        let row = self.known(id)?;
        item(&self.0.folder, &row).ok_or_else(|| MemoryError::Unknown(row.id))
    }

    fn known(&self, id: &str) -> Result<Row, MemoryError> {
        let row = self.indexes().catalog.by_id(id)?.filter(|row| row.kind == osmoda_api::agentd::MemoryKind::Memory);
        row.ok_or_else(|| MemoryError::Unknown(id.chars().take(80).collect()))
    }

    /// Forgets a memory, and those whose place it had taken: what was wrong before must not come back.
    pub fn forget(&self, id: &str) -> Result<u32, MemoryError> {
        let _gate = self.gate();
        let row = self.known(id)?;
        let indexes = self.indexes();
        let mut forgotten = 0;
        for id in indexes.catalog.history(&row.id)?.iter().chain([&row.id]) {
            let Some(row) = indexes.catalog.by_id(id)? else { continue };
            // The file first: no row may outlive it, and whoever dies here has forgotten it all the same.
            folder::remove(&self.0.folder.root().join(&row.file))?;
            self.0.unflushed.forget(&row.file);
            indexes.index_file(&row.file)?;
            if !indexes.catalog.has_text(&row.text)? {
                self.0.cache.forget(&[row.text])?;
            }
            forgotten += 1;
        }
        Ok(forgotten)
    }

    /// Forgets these, and gives their space back.
    pub fn prune(&self, ids: &[String]) -> Result<u32, MemoryError> {
        let mut forgotten = 0;
        for id in ids {
            match self.forget(id) {
                Ok(count) => forgotten += count,
                // Forgotten with the one that had taken its place.
                Err(MemoryError::Unknown(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.give_space_back()?;
        Ok(forgotten)
    }

    /// Gives the space of what was forgotten back to the file system.
    pub fn give_space_back(&self) -> Result<(), MemoryError> {
        let indexes = self.indexes();
        indexes.text.compact()?;
        indexes.catalog.compact()?;
        self.0.cache.compact()
    }

    /// Memories, newest first.
    pub fn list(&self, request: &MemoryListRequest) -> Result<MemoryPage, MemoryError> {
        let limit = request.limit.unwrap_or(50);
        if !(1..=1000).contains(&limit) {
            return Err(MemoryError::field("limit", "is not in 1..=1000"));
        }
        let rows = self.indexes().catalog.page(request.category.as_deref(), limit, request.cursor)?;
        let full = rows.len() == limit as usize;
        let next_cursor = rows.last().filter(|_| full).and_then(|row| i64::try_from(row.row).ok());
        Ok(MemoryPage { memories: rows.iter().filter_map(|row| item(&self.0.folder, row)).collect(), next_cursor })
    }

    /// How memory is.
    pub fn health(&self) -> Result<MemoryHealthReport, MemoryError> {
        let indexes = self.indexes();
        let counts = indexes.catalog.counts(Timestamp::now().as_millisecond())?;
        let model = self.model().map(|model| model.facts.clone());
        Ok(MemoryHealthReport {
            memories: counts.memories,
            retired: counts.retired,
            documents: counts.documents,
            parts: counts.parts,
            to_embed: if model.is_some() { counts.wanted.saturating_sub(indexes.vectors.len() as u64) } else { 0 },
            model,
            model_trouble: self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            damaged: indexes.catalog.damaged_files(100)?,
            file_bytes: counts.file_bytes,
            index_bytes: indexes.bytes(),
            is_indexing: indexes.is_stale.load(Ordering::Acquire) || self.0.is_reindexing.load(Ordering::Acquire),
        })
    }

    /// Builds the index again from the files. Recall goes on with the old one until the new one is whole.
    pub fn reindex(&self, vectors: bool) -> Result<MemoryReindexed, MemoryError> {
        if self.0.is_reindexing.swap(true, Ordering::AcqRel) {
            return Err(MemoryError::Reindexing);
        }
        let used = self.indexes();
        let result = self.build_anew(&used, vectors);
        used.changes();
        self.0.is_reindexing.store(false, Ordering::Release);
        self.0.bell.ring();
        result
    }

    fn build_anew(&self, used: &Indexes, vectors: bool) -> Result<MemoryReindexed, MemoryError> {
        let started = Instant::now();
        if vectors {
            self.0.cache.clear()?;
        }
        let old = current(&self.0.folder)?;
        let name = format!("g{}", ulid::Ulid::generate());
        let generation = self.0.folder.index().join(&name);
        used.note_changes();
        build(&self.0.folder, &generation)?;
        let fresh = Indexes::open(&self.0.folder, &generation, self.0.cache.clone())?;
        fresh.load_vectors()?;
        fresh.catalog.in_bulk(|| {
            // Not while one is being added: what is not whole is swept away.
            let _one_at_a_time = self.documents_lock();
            fresh.sync_documents()
        })?;
        fresh.text.commit()?;
        {
            // What was stored meanwhile, with nobody storing now.
            let _gate = self.0.gate.write().unwrap_or_else(PoisonError::into_inner);
            used.changes().iter().try_for_each(|file| fresh.index_file(file))?;
            fresh.sync_documents()?;
            folder::replace(&self.0.folder.index().join(CURRENT), name.as_bytes())?;
            *self.0.indexes.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
        }
        // Whoever still reads the old one has its files open.
        fs::remove_dir_all(&old).map_err(MemoryError::io(&old))?;
        let counts = self.indexes().catalog.counts(Timestamp::now().as_millisecond())?;
        let damaged = self.indexes().catalog.damaged_files(u32::MAX)?.len() as u64;
        let (memories, parts) = (counts.memories + counts.retired, counts.parts);
        Ok(MemoryReindexed { memories, parts, damaged, seconds: started.elapsed().as_secs_f64() })
    }

    /// Checks a model and installs it; what another one computed is computed again in the background.
    pub fn install_model(&self, from: &Path) -> Result<MemoryModel, MemoryError> {
        let model = embed::install(from, &self.0.folder.model())?;
        let facts = model.facts.clone();
        self.use_model(Ok(model))?;
        Ok(facts)
    }

    /// Loads the model that is installed, where one is.
    pub fn load_model(&self) -> Result<(), MemoryError> {
        let folder = self.0.folder.model();
        let used = if folder.exists() { self.use_model(Model::load(&folder)) } else { Ok(()) };
        self.0.is_loading.store(false, Ordering::Release);
        used
    }

    fn use_model(&self, model: Result<Model, MemoryError>) -> Result<(), MemoryError> {
        *self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner) = model.as_ref().err().map(ToString::to_string);
        let model = model?;
        self.0.cache.belongs_to(&model.facts.sha256)?;
        *self.0.model.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(model));
        let indexes = self.indexes();
        indexes.vectors.clear();
        indexes.embed_nothing();
        indexes.load_vectors()?;
        self.0.bell.ring();
        Ok(())
    }
}

/// Who stores the same, or for the same key, waits for the other.
fn stripe(note: &Note, print: &[u8; 32]) -> usize {
    let sum = note
        .key
        .as_deref()
        .map(|key| key.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte))));
    sum.unwrap_or_else(|| usize::from(print[0])) % STRIPES
}

fn item(folder: &Folder, row: &Row) -> Option<MemoryItem> {
    let path = folder.root().join(&row.file);
    let note = read_note(&path, Stamp::of(&path).ok()?)?;
    Some(note.item(row.file.clone(), row.retired_by.clone()))
}

/// The generation in use; every other one is what a sudden end left behind.
fn current(folder: &Folder) -> Result<PathBuf, MemoryError> {
    let file = folder.index().join(CURRENT);
    let name = fs::read_to_string(&file).unwrap_or_default();
    let name =
        if name.starts_with('g') && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) { name } else { "g0".into() };
    for entry in fs::read_dir(folder.index()).into_iter().flatten().flatten() {
        let other = entry.file_name();
        if other.to_str() != Some(&name) && other.as_encoded_bytes().starts_with(b"g") {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(folder.index().join(name))
}
