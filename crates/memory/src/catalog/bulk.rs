//! A whole catalogue at once: rows first, and what follows from all of them in the end.

use std::{
    collections::HashMap,
    fs::File,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{
    COUNTING, LATE_INDEXES, VERSION,
    ready::{OrIgnore, Ready, insert},
};
use crate::{MemoryError, folder::Stamp};

/// What is read and sorted at once, in KiB.
const CACHE_KIB: i64 = 65_536;

/// A catalogue that is being made. Nobody else has it, and one that is not finished is thrown away: no log is written beside it.
pub(crate) struct Bulk {
    connection: Connection,
    path: PathBuf,
    tied: Vec<Tied>,
}

/// A memory that may take another's place.
struct Tied {
    id: String,
    created: i64,
    key: Option<String>,
    supersedes: Option<String>,
}

impl Bulk {
    /// Begins a catalogue where there is none.
    pub(crate) fn begin(path: &Path) -> Result<Self, MemoryError> {
        let connection = super::bare(path)?;
        connection.pragma_update(None, "journal_mode", "OFF")?;
        connection.pragma_update(None, "synchronous", "OFF")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.execute_batch("BEGIN")?;
        connection.execute_batch(super::TABLES)?;
        Ok(Self { connection, path: path.to_owned(), tied: Vec::new() })
    }

    /// Takes a memory in; `None` where another file has its id.
    pub(crate) fn put(&mut self, ready: &Ready) -> Result<Option<u64>, MemoryError> {
        if !insert(&self.connection, ready, OrIgnore::Yes)? {
            return Ok(None);
        }
        let note = &ready.note;
        if note.key.is_some() || note.supersedes.is_some() {
            self.tied.push(Tied {
                id: note.id.clone(),
                created: note.created.as_millisecond(),
                key: note.key.clone(),
                supersedes: note.supersedes.clone(),
            });
        }
        Ok(u64::try_from(self.connection.last_insert_rowid()).ok())
    }

    /// Notes a file that can't be read as a memory.
    pub(crate) fn damaged(&self, file: &str, stamp: Stamp) -> Result<(), MemoryError> {
        Ok(super::ready::damaged(&self.connection, file, stamp)?)
    }

    /// Finds out who took whose place, makes the indexes, and brings all of it to the disk; the rows that are not to be found.
    pub(crate) fn finish(self) -> Result<Vec<u64>, MemoryError> {
        let retired = self.retire()?;
        let connection = self.connection;
        connection.execute_batch(LATE_INDEXES)?;
        connection.execute_batch(
            "INSERT OR REPLACE INTO counts
             SELECT kind, retired_by IS NOT NULL, COUNT(*), sum(size) FROM rows GROUP BY kind, retired_by IS NOT NULL",
        )?;
        connection.execute_batch(COUNTING)?;
        connection.pragma_update(None, "user_version", VERSION)?;
        connection.execute_batch("COMMIT")?;
        connection.close().map_err(|(_, error)| error)?;
        File::open(&self.path).and_then(|file| file.sync_all()).map_err(MemoryError::io(&self.path))?;
        Ok(retired)
    }

    /// As [`super::Catalog::put`] does it one by one: a memory's place is taken by the first that names it, or by the next of
    /// its key.
    fn retire(&self) -> Result<Vec<u64>, MemoryError> {
        let mut keys: HashMap<&str, Vec<(i64, &str)>> = HashMap::new();
        let mut by: HashMap<&str, (i64, &str)> = HashMap::new();
        let mut take = |id, other: (i64, _)| {
            by.entry(id).and_modify(|first| *first = other.min(*first)).or_insert(other);
        };
        for tied in &self.tied {
            let own = (tied.created, tied.id.as_str());
            if let Some(key) = &tied.key {
                keys.entry(key).or_default().push(own);
            }
            if let Some(older) = tied.supersedes.as_deref().filter(|older| *older != tied.id) {
                take(older, own);
            }
        }
        for group in keys.values_mut() {
            group.sort_unstable();
            for pair in group.windows(2) {
                take(pair[0].1, pair[1]);
            }
        }
        let mut update =
            self.connection.prepare("UPDATE rows SET retired_by = ?2 WHERE id = ?1 AND kind = 0 RETURNING row")?;
        let mut retired = Vec::with_capacity(by.len());
        for (id, (_, other)) in by {
            for row in update.query_map([id, other], |row| row.get(0))? {
                retired.push(row?);
            }
        }
        Ok(retired)
    }
}
