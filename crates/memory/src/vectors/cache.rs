//! Every vector under the hash of its text. Derived, but dear: a reindex and a renamed file keep them.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::MemoryError;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS model (sha256 TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS vectors (text BLOB PRIMARY KEY, vector BLOB NOT NULL) STRICT, WITHOUT ROWID;
";

/// What a vector is kept under.
pub(crate) type TextHash = [u8; 16];

pub(crate) fn text_hash(text: &str) -> TextHash {
    let mut hash = TextHash::default();
    hash.copy_from_slice(&Sha256::digest(text)[..16]);
    hash
}

/// The vectors of one model.
#[derive(Debug)]
pub(crate) struct Cache(Mutex<Connection>);

impl Cache {
    /// Opens the file, or makes it anew where it is none.
    pub(crate) fn open(path: &Path) -> Result<Self, MemoryError> {
        let connection = match Self::connect(path) {
            Ok(connection) => connection,
            Err(error) => {
                tracing::warn!(%error, "the kept vectors can't be read and are computed again");
                crate::catalog::discard(path)?;
                Self::connect(path)?
            }
        };
        Ok(Self(Mutex::new(connection)))
    }

    fn connect(path: &Path) -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        // Takes effect only before the first table.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(SCHEMA)?;
        Ok(connection)
    }

    /// Drops what another model computed.
    pub(crate) fn belongs_to(&self, model: &str) -> Result<(), MemoryError> {
        let mut connection = self.lock();
        let step = connection.transaction()?;
        let known: Option<String> = step.query_row("SELECT sha256 FROM model", [], |row| row.get(0)).optional()?;
        if known.as_deref() != Some(model) {
            step.execute_batch("DELETE FROM vectors; DELETE FROM model;")?;
            step.execute("INSERT INTO model VALUES (?1)", [model])?;
        }
        Ok(step.commit()?)
    }

    /// Keeps vectors.
    pub(crate) fn keep(&self, vectors: &[(TextHash, Vec<f32>)]) -> Result<(), MemoryError> {
        let mut connection = self.lock();
        let step = connection.transaction()?;
        {
            let mut insert = step.prepare_cached("INSERT OR REPLACE INTO vectors VALUES (?1, ?2)")?;
            for (text, vector) in vectors {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                insert.execute(params![text, bytes])?;
            }
        }
        Ok(step.commit()?)
    }

    /// The vectors of these texts, as far as there are any.
    pub(crate) fn get(&self, texts: &[TextHash]) -> Result<Vec<Option<Vec<f32>>>, MemoryError> {
        let connection = self.lock();
        let mut select = connection.prepare_cached("SELECT vector FROM vectors WHERE text = ?1")?;
        let mut found = Vec::with_capacity(texts.len());
        for text in texts {
            let bytes: Option<Vec<u8>> = select.query_row([text], |row| row.get(0)).optional()?;
            found.push(bytes.map(|bytes| bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()));
        }
        Ok(found)
    }

    /// Forgets the vectors of these texts.
    pub(crate) fn forget(&self, texts: &[TextHash]) -> Result<(), MemoryError> {
        let mut connection = self.lock();
        let step = connection.transaction()?;
        for text in texts {
            step.execute("DELETE FROM vectors WHERE text = ?1", [text])?;
        }
        Ok(step.commit()?)
    }

    /// Forgets all.
    pub(crate) fn clear(&self) -> Result<(), MemoryError> {
        Ok(self.lock().execute_batch("DELETE FROM vectors")?)
    }

    /// Gives the space of what was forgotten back.
    pub(crate) fn compact(&self) -> Result<(), MemoryError> {
        crate::catalog::give_space_back(&self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
