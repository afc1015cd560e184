//! How much there is, told without looking at each.

use rusqlite::Connection;

use super::Catalog;
use crate::MemoryError;

/// What a catalogue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Memories that are recalled.
    pub(crate) memories: u64,
    /// Memories whose place others took, or whose time is over.
    pub(crate) retired: u64,
    /// Documents.
    pub(crate) documents: u64,
    /// Parts of documents.
    pub(crate) parts: u64,
    /// Rows that want a vector.
    pub(crate) wanted: u64,
    /// What all files weigh, in bytes.
    pub(crate) file_bytes: u64,
}

impl Catalog {
    /// How much there is; `now` in milliseconds since 1970 tells what has expired.
    pub(crate) fn counts(&self, now: i64) -> Result<Counts, MemoryError> {
        let connection = self.lock();
        let sum = |condition: &str| counted(&connection, condition);
        let ((recalled, recalled_bytes), (retired, retired_bytes)) =
            (sum("kind = 0 AND retired = 0")?, sum("kind = 0 AND retired = 1")?);
        let (parts, _) = sum("kind = 1")?;
        let expired: u64 = connection
            .prepare_cached("SELECT COUNT(*) FROM rows WHERE expires <= ?1 AND kind = 0 AND retired_by IS NULL")?
            .query_row([now], |row| row.get(0))?;
        let (documents, document_bytes): (u64, u64) = connection
            .prepare_cached("SELECT COUNT(*), coalesce(sum(bytes + size), 0) FROM documents")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Counts {
            memories: recalled.saturating_sub(expired),
            retired: retired + expired,
            documents,
            parts,
            wanted: recalled + parts,
            file_bytes: recalled_bytes + retired_bytes + document_bytes,
        })
    }
}

fn counted(connection: &Connection, condition: &str) -> rusqlite::Result<(u64, u64)> {
    connection
        .prepare_cached(&format!(
            "SELECT coalesce(sum(rows), 0), coalesce(sum(bytes), 0) FROM counts WHERE {condition}"
        ))?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
}
