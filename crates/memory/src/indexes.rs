//! One generation of everything derived: catalogue, text index, vectors, and how files come into them.

use std::{
    collections::{BTreeSet, VecDeque},
    fs,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use jiff::Timestamp;

use crate::{
    MemoryError,
    catalog::{Catalog, Indexed, Ready},
    folder::{self, Folder, LARGEST_NOTE, Stamp},
    note::Note,
    text::TextIndex,
    vectors::{Cache, Vectors},
};

/// So much waits for a commit while many files are read.
const BULK: usize = 4000;

/// A generation.
pub(crate) struct Indexes {
    pub(crate) folder: Folder,
    pub(crate) catalog: Catalog,
    pub(crate) text: TextIndex,
    pub(crate) vectors: Vectors,
    pub(crate) cache: Arc<Cache>,
    to_embed: Mutex<VecDeque<u64>>,
    /// How many rows were taken from there and have no vector yet.
    pub(crate) in_hand: AtomicUsize,
    /// Files that changed since another generation began to be made; `None` where none is.
    changed: Mutex<Option<BTreeSet<String>>>,
    /// Set where what is derived lost its place and the files must be read again.
    pub(crate) is_stale: AtomicBool,
}

impl Indexes {
    /// Opens a generation, and brings its text index to what its catalogue says.
    pub(crate) fn open(folder: &Folder, generation: &Path, cache: Arc<Cache>) -> Result<Self, MemoryError> {
        folder::make(generation)?;
        let (catalog, _) = Catalog::open(&generation.join("catalog.db"))?;
        let (text, _) = TextIndex::open(&generation.join("text"))?;
        let indexes = Self {
            folder: folder.clone(),
            catalog,
            text,
            vectors: Vectors::default(),
            cache,
            to_embed: Mutex::default(),
            in_hand: AtomicUsize::new(0),
            changed: Mutex::default(),
            is_stale: AtomicBool::new(true),
        };
        indexes.align()?;
        Ok(indexes)
    }

    /// After a sudden end the text index may lack rows of the catalogue, or have some too many.
    fn align(&self) -> Result<(), MemoryError> {
        let mut missing: std::collections::HashSet<u64> =
            self.catalog.recalled()?.into_iter().map(|(row, _)| row).collect();
        for row in self.text.rows()? {
            if !missing.remove(&row) {
                self.text.remove(row);
            }
        }
        let missing: Vec<u64> = missing.into_iter().collect();
        for rows in missing.chunks(BULK) {
            self.catalog.rows(rows)?.iter().for_each(|row| self.text.add(row.entry()));
            self.text.commit()?;
        }
        Ok(())
    }

    /// Carries a change of the catalogue into the text index and the vectors.
    pub(crate) fn apply(&self, indexed: Indexed) -> Result<(), MemoryError> {
        for row in indexed.removed {
            self.text.remove(row);
            self.vectors.remove(row);
        }
        if indexed.added.is_empty() {
            return Ok(());
        }
        let texts: Vec<_> = indexed.added.iter().map(|row| row.text).collect();
        let kept = self.cache.get(&texts)?;
        for (row, vector) in indexed.added.iter().zip(kept) {
            self.text.add(row.entry());
            match vector {
                Some(vector) => self.vectors.add(row.row, &vector),
                None => self.queue(row.row),
            }
        }
        Ok(())
    }

    fn queue(&self, row: u64) {
        self.to_embed.lock().unwrap_or_else(PoisonError::into_inner).push_back(row);
    }

    /// Takes the next rows without a vector in hand.
    pub(crate) fn next_to_embed(&self, most: usize) -> Vec<u64> {
        let mut queue = self.to_embed.lock().unwrap_or_else(PoisonError::into_inner);
        let most = most.min(queue.len());
        self.in_hand.fetch_add(most, Ordering::AcqRel);
        queue.drain(..most).collect()
    }

    /// Forgets which rows have no vector.
    pub(crate) fn embed_nothing(&self) {
        self.to_embed.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many rows have no vector yet.
    pub(crate) fn waiting(&self) -> usize {
        let queued = self.to_embed.lock().unwrap_or_else(PoisonError::into_inner).len();
        queued + self.in_hand.load(Ordering::Acquire)
    }

    /// Takes the kept vectors of all rows up, and queues the rows without one.
    pub(crate) fn load_vectors(&self) -> Result<(), MemoryError> {
        for rows in self.catalog.recalled()?.chunks(BULK) {
            let texts: Vec<_> = rows.iter().map(|(_, text)| *text).collect();
            for ((row, _), vector) in rows.iter().zip(self.cache.get(&texts)?) {
                match vector {
                    Some(vector) => self.vectors.add(*row, &vector),
                    None => self.queue(*row),
                }
            }
        }
        Ok(())
    }

    /// Brings the indexes to what a file says now, also where it is gone. The path is below the folder.
    pub(crate) fn index_file(&self, file: &str) -> Result<(), MemoryError> {
        self.note_change(file);
        let path = self.folder.root().join(file);
        let Ok(stamp) = Stamp::of(&path) else {
            let indexed = self.catalog.take_out(file)?;
            return self.apply(indexed);
        };
        if self.catalog.has(file, stamp)? {
            return Ok(());
        }
        let Some(note) = read_note(&path, stamp) else { return self.set_aside(file, stamp) };
        // The same id in two files: the first one keeps it.
        if let Some(other) = self.catalog.by_id(&note.id)?.filter(|other| other.file != file)
            && self.folder.root().join(&other.file).exists()
        {
            return self.set_aside(file, stamp);
        }
        let indexed = self.catalog.put(&Ready::new(note, file, stamp))?;
        self.apply(indexed)
    }

    /// The same for a file that was written just now, with this content.
    pub(crate) fn index_written(&self, file: &str, content: &str, stamp: Stamp) -> Result<(), MemoryError> {
        let Some(note) = parse_note(Path::new(file), content, stamp) else { return self.index_file(file) };
        self.note_change(file);
        let indexed = self.catalog.put(&Ready::new(note, file, stamp))?;
        self.apply(indexed)
    }

    fn note_change(&self, file: &str) {
        if let Some(changed) = &mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner) {
            changed.insert(file.to_owned());
        }
    }

    /// Remembers which files change from now on.
    pub(crate) fn note_changes(&self) {
        *self.changed.lock().unwrap_or_else(PoisonError::into_inner) = Some(BTreeSet::new());
    }

    /// The files that changed since.
    pub(crate) fn changes(&self) -> BTreeSet<String> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }

    fn set_aside(&self, file: &str, stamp: Stamp) -> Result<(), MemoryError> {
        tracing::warn!(file, "this file can't be read as a memory");
        let indexed = self.catalog.take_out(file)?;
        self.catalog.damaged(file, stamp)?;
        self.apply(indexed)
    }

    /// Brings the indexes to the files that there are.
    pub(crate) fn sync_notes(&self) -> Result<(), MemoryError> {
        let mut known = self.catalog.files()?;
        let mut changed = Vec::new();
        for file in folder::notes(&self.folder) {
            match (known.remove(&file), Stamp::of(&self.folder.root().join(&file))) {
                (Some(known), Ok(stamp)) if known == stamp => {}
                _ => changed.push(file),
            }
        }
        // What is gone first, so that a file that was moved finds its id free.
        for file in known.keys().chain(&changed) {
            self.index_file(file)?;
            if self.text.pending() >= BULK {
                self.text.commit()?;
            }
        }
        self.is_stale.store(false, Ordering::Release);
        Ok(())
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        folder::size_of(&self.folder.index())
            + ["vectors.db", "vectors.db-wal"]
                .iter()
                .filter_map(|name| fs::metadata(self.folder.root().join(name)).ok())
                .map(|facts| facts.len())
                .sum::<u64>()
    }
}

/// The memory of a file; `None` where it is none.
pub(crate) fn read_note(path: &Path, stamp: Stamp) -> Option<Note> {
    if stamp.size > LARGEST_NOTE {
        return None;
    }
    parse_note(path, &String::from_utf8(fs::read(path).ok()?).ok()?, stamp)
}

fn parse_note(path: &Path, text: &str, stamp: Stamp) -> Option<Note> {
    let modified = Timestamp::from_nanosecond(i128::from(stamp.modified)).unwrap_or_default();
    Note::parse(text, path.file_stem()?.to_str()?, modified)
}
