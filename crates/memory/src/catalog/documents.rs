//! Documents and their parts.

use std::collections::HashMap;

use osmoda_api::agentd::MemoryDocument;
use rusqlite::{OptionalExtension, params};

use super::{Catalog, Indexed};
use crate::{MemoryError, folder::Stamp, note::searched, recall::time_text, vectors::text_hash};

/// A document as the catalogue has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct DocumentRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) source: Option<String>,
    pub(crate) tags: Vec<String>,
    /// Milliseconds since 1970.
    pub(crate) added: i64,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) stamp: Stamp,
}

/// A part of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartRow {
    /// The title and the headings above it.
    pub(crate) heading: String,
    pub(crate) text: String,
}

const SELECT: &str = "SELECT id, name, title, source, tags, added, bytes, sha256,
    (SELECT COUNT(*) FROM rows WHERE kind = 1 AND file = 'documents/' || documents.id) FROM documents";

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<MemoryDocument> {
    let tags: String = row.get(4)?;
    Ok(MemoryDocument {
        id: row.get(0)?,
        name: row.get(1)?,
        title: row.get(2)?,
        source: row.get(3)?,
        tags: serde_json::from_str(&tags).unwrap_or_default(),
        added_at: time_text(row.get(5)?),
        size_bytes: row.get(6)?,
        sha256: row.get(7)?,
        parts: row.get(8)?,
    })
}

impl Catalog {
    /// Takes a document in with its parts, in place of what was known of it.
    pub(crate) fn put_document(&self, document: &DocumentRow, parts: &[PartRow]) -> Result<Indexed, MemoryError> {
        let file = format!("documents/{}", document.id);
        let mut connection = self.lock();
        let step = connection.savepoint()?;
        let mut indexed = Indexed::default();
        {
            let mut gone = step.prepare_cached("DELETE FROM rows WHERE file = ?1 RETURNING row")?;
            indexed.removed = gone.query_map([&file], |row| row.get(0))?.collect::<Result<_, _>>()?;
        }
        let tags = serde_json::to_string(&document.tags).unwrap_or_default();
        let stamp = document.stamp;
        step.prepare_cached("INSERT OR REPLACE INTO documents VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?
            .execute(params![
                document.id,
                document.name,
                document.title,
                document.source,
                tags,
                document.added,
                document.bytes,
                document.sha256,
                stamp.modified,
                stamp.size,
                stamp.inode
            ])?;
        let mut rows = Vec::with_capacity(parts.len());
        for (number, part) in parts.iter().enumerate() {
            let id = format!("{}#{}", document.id, number + 1);
            let text = searched(&part.heading, [Some(&part.text), None, None], &document.tags);
            step.prepare_cached(
                "INSERT INTO rows (id, kind, file, modified, size, inode, created, time, tags, source, count, summary, detail, print, text)
                 VALUES (?1, 1, ?2, 0, 0, 0, ?3, ?3, ?4, ?5, 1, ?6, ?7, x'', ?8)",
            )?
            .execute(params![id, file, document.added, tags, document.source, part.heading, part.text, text_hash(&text)])?;
            rows.push(u64::try_from(step.last_insert_rowid()).unwrap_or_default());
        }
        step.commit()?;
        drop(connection);
        indexed.added = self.rows(&rows)?;
        Ok(indexed)
    }

    /// Takes a document out with its parts.
    pub(crate) fn take_document_out(&self, id: &str) -> Result<Indexed, MemoryError> {
        let indexed = self.take_out(&format!("documents/{id}"))?;
        self.lock().execute("DELETE FROM documents WHERE id = ?1", [id])?;
        Ok(indexed)
    }

    /// One document.
    pub(crate) fn document(&self, id: &str) -> Result<Option<MemoryDocument>, MemoryError> {
        Ok(self.lock().query_row(&format!("{SELECT} WHERE id = ?1"), [id], read).optional()?)
    }

    /// The document from this place.
    pub(crate) fn document_from(&self, source: &str) -> Result<Option<MemoryDocument>, MemoryError> {
        Ok(self.lock().query_row(&format!("{SELECT} WHERE source = ?1"), [source], read).optional()?)
    }

    /// The document with these bytes.
    pub(crate) fn document_of(&self, sha256: &str) -> Result<Option<MemoryDocument>, MemoryError> {
        Ok(self.lock().query_row(&format!("{SELECT} WHERE sha256 = ?1"), [sha256], read).optional()?)
    }

    /// All documents, newest first.
    pub(crate) fn documents(&self) -> Result<Vec<MemoryDocument>, MemoryError> {
        let connection = self.lock();
        let mut select = connection.prepare(&format!("{SELECT} ORDER BY added DESC, id DESC LIMIT 10000"))?;
        Ok(select.query_map([], read)?.collect::<Result<_, _>>()?)
    }

    /// Every document that is known, and how its file was.
    pub(crate) fn document_stamps(&self) -> Result<HashMap<String, Stamp>, MemoryError> {
        let connection = self.lock();
        let mut select = connection.prepare("SELECT id, modified, size, inode FROM documents")?;
        let stamps = select.query_map([], |row| {
            Ok((row.get(0)?, Stamp { modified: row.get(1)?, size: row.get(2)?, inode: row.get(3)? }))
        })?;
        Ok(stamps.collect::<Result<_, _>>()?)
    }
}
