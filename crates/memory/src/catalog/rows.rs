//! Rows: one a memory, one a part of a document.

use std::collections::HashMap;

use osmoda_api::agentd::{MemoryJunkItem, MemoryJunkReason, MemoryKind};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Catalog,
    ready::{OrIgnore, Ready, damaged, insert},
};
use crate::{
    MemoryError,
    filter::{Filter, kind_name},
    folder::Stamp,
    note::searched,
    text::Entry,
    vectors::TextHash,
};

/// What a row says.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) row: u64,
    pub(crate) id: String,
    pub(crate) kind: MemoryKind,
    pub(crate) file: String,
    pub(crate) time: i64,
    pub(crate) retired_by: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) key: Option<String>,
    pub(crate) expires: Option<i64>,
    pub(crate) source: Option<String>,
    pub(crate) count: u32,
    pub(crate) summary: String,
    pub(crate) detail: Option<String>,
    pub(crate) text: TextHash,
    pub(crate) stamp: Stamp,
    pub(crate) created: i64,
}

const COLUMNS: &str = "row, id, kind, file, time, retired_by, category, tags, key, expires, source, count, summary, detail, text, modified, size, inode, created";

impl Row {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let kind = if row.get::<_, u8>(2)? == 0 { MemoryKind::Memory } else { MemoryKind::Document };
        let tags: String = row.get(7)?;
        Ok(Self {
            row: row.get(0)?,
            id: row.get(1)?,
            kind,
            file: row.get(3)?,
            time: row.get(4)?,
            retired_by: row.get(5)?,
            category: row.get(6)?,
            tags: serde_json::from_str(&tags).unwrap_or_default(),
            key: row.get(8)?,
            expires: row.get(9)?,
            source: row.get(10)?,
            count: row.get(11)?,
            summary: row.get(12)?,
            detail: row.get(13)?,
            text: row.get(14)?,
            stamp: Stamp { modified: row.get(15)?, size: row.get(16)?, inode: row.get(17)? },
            created: row.get(18)?,
        })
    }

    /// What is searched of it; the same as [`Note::text`] says of its file.
    pub(crate) fn text(&self) -> String {
        let parts = [self.detail.as_deref(), self.category.as_deref(), self.key.as_deref()];
        searched(&self.summary, parts, &self.tags)
    }

    /// As the text index takes it.
    pub(crate) fn entry(&self) -> Entry {
        Entry {
            row: self.row,
            text: self.text(),
            time: self.time,
            kind: kind_name(self.kind),
            category: self.category.clone(),
            tags: self.tags.clone(),
        }
    }
}

/// What a change of the catalogue asks of the other indexes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Indexed {
    /// Rows that are to be found now.
    pub(crate) added: Vec<Row>,
    /// Rows that are to be found no longer.
    pub(crate) removed: Vec<u64>,
}

impl Catalog {
    /// Takes a memory's file in, in place of what was known of it.
    pub(crate) fn put(&self, ready: &Ready) -> Result<Indexed, MemoryError> {
        let Ready { note, stamp, .. } = ready;
        let file = ready.file.as_str();
        let mut connection = self.lock();
        let step = connection.savepoint()?;
        let known: Option<(u64, Stamp)> = step
            .prepare_cached("SELECT row, modified, size, inode FROM rows WHERE file = ?1 AND kind = 0")?
            .query_row([file], |row| {
                Ok((row.get(0)?, Stamp { modified: row.get(1)?, size: row.get(2)?, inode: row.get(3)? }))
            })
            .optional()?;
        if known.is_some_and(|(_, known)| known == *stamp) {
            return Ok(Indexed::default());
        }
        let mut indexed = Indexed::default();
        if known.is_some() {
            indexed = take_out(&step, file)?;
        }
        step.prepare_cached("DELETE FROM damaged WHERE file = ?1")?.execute([file])?;
        // A file that was moved: the same id under another name.
        if let Some(moved) = step
            .prepare_cached("SELECT file FROM rows WHERE id = ?1")?
            .query_row([&note.id], |row| row.get::<_, String>(0))
            .optional()?
        {
            indexed.removed.extend(take_out(&step, &moved)?.removed);
        }
        insert(&step, ready, OrIgnore::No)?;
        let row = step.last_insert_rowid();
        retire(&step, &note.id, &mut indexed)?;
        // What it supersedes, and what older memories of its key there are.
        let older: Vec<String> = step
            .prepare_cached(
                "SELECT id FROM rows WHERE retired_by IS NULL AND row != ?1 AND kind = 0 AND (id = ?2 OR (key = ?3 AND (created, id) < (?4, ?5)))",
            )?
            .query_map(params![row, note.supersedes, note.key, note.created.as_millisecond(), note.id], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for id in older {
            retire(&step, &id, &mut indexed)?;
        }
        step.commit()?;
        Ok(indexed)
    }

    /// Takes out what is known of a file, also of a document's parts.
    pub(crate) fn take_out(&self, file: &str) -> Result<Indexed, MemoryError> {
        let mut connection = self.lock();
        let step = connection.savepoint()?;
        let indexed = take_out(&step, file)?;
        step.execute("DELETE FROM damaged WHERE file = ?1", [file])?;
        step.commit()?;
        Ok(indexed)
    }

    /// Notes a file that can't be read as a memory.
    pub(crate) fn damaged(&self, file: &str, stamp: Stamp) -> Result<(), MemoryError> {
        Ok(damaged(&self.lock(), file, stamp)?)
    }

    /// The damaged files.
    pub(crate) fn damaged_files(&self, most: u32) -> Result<Vec<String>, MemoryError> {
        let connection = self.lock();
        let mut select = connection.prepare_cached("SELECT file FROM damaged ORDER BY file LIMIT ?1")?;
        Ok(select.query_map([most], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Whether a memory's file is known as it is now.
    pub(crate) fn has(&self, file: &str, stamp: Stamp) -> Result<bool, MemoryError> {
        let connection = self.lock();
        let mut select = connection.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM rows WHERE file = ?1 AND kind = 0 AND modified = ?2 AND size = ?3 AND inode = ?4)",
        )?;
        Ok(select.query_row(params![file, stamp.modified, stamp.size, stamp.inode], |row| row.get(0))?)
    }

    /// Every file that is known, and how it was.
    pub(crate) fn files(&self) -> Result<HashMap<String, Stamp>, MemoryError> {
        let connection = self.lock();
        let mut select = connection.prepare(
            "SELECT file, modified, size, inode FROM rows WHERE kind = 0 UNION ALL SELECT file, modified, size, inode FROM damaged",
        )?;
        let files = select.query_map([], |row| {
            Ok((row.get(0)?, Stamp { modified: row.get(1)?, size: row.get(2)?, inode: row.get(3)? }))
        })?;
        Ok(files.collect::<Result<_, _>>()?)
    }

    /// These rows, in this order, without those that are no longer there.
    pub(crate) fn rows(&self, rows: &[u64]) -> Result<Vec<Row>, MemoryError> {
        let connection = self.lock();
        let mut select = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM rows WHERE row = ?1"))?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            found.extend(select.query_row([row], Row::read).optional()?);
        }
        Ok(found)
    }

    /// The row of an id.
    pub(crate) fn by_id(&self, id: &str) -> Result<Option<Row>, MemoryError> {
        self.one("id = ?1", &[&id])
    }

    /// The memory that says the same and is still recalled.
    pub(crate) fn by_print(&self, print: &[u8; 32]) -> Result<Option<Row>, MemoryError> {
        self.one("print = ?1 AND kind = 0 AND retired_by IS NULL", &[print])
    }

    /// What was taken in from this source.
    pub(crate) fn by_source(&self, source: &str) -> Result<Option<Row>, MemoryError> {
        self.one("source = ?1", &[&source])
    }

    /// The memory that is recalled for this key.
    pub(crate) fn by_key(&self, key: &str) -> Result<Option<Row>, MemoryError> {
        self.one("key = ?1 AND retired_by IS NULL", &[&key])
    }

    fn one(&self, condition: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Option<Row>, MemoryError> {
        let connection = self.lock();
        let mut select = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM rows WHERE {condition} LIMIT 1"))?;
        Ok(select.query_row(values, Row::read).optional()?)
    }

    /// All memories whose place `id` took, and those whose place they had taken.
    pub(crate) fn history(&self, id: &str) -> Result<Vec<String>, MemoryError> {
        let connection = self.lock();
        let mut select = connection.prepare_cached(
            "WITH RECURSIVE older (id) AS (VALUES (?1) UNION SELECT rows.id FROM rows JOIN older ON rows.retired_by = older.id)
             SELECT id FROM older WHERE id != ?1",
        )?;
        Ok(select.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Memories, newest first, and where the next page begins.
    pub(crate) fn page(
        &self,
        category: Option<&str>,
        limit: u32,
        cursor: Option<i64>,
    ) -> Result<Vec<Row>, MemoryError> {
        let connection = self.lock();
        let mut select = connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM rows WHERE kind = 0 AND retired_by IS NULL AND (?1 IS NULL OR category = ?1)
             AND (?2 IS NULL OR row < ?2) ORDER BY row DESC LIMIT ?3"
        ))?;
        Ok(select.query_map(params![category, cursor, limit], Row::read)?.collect::<Result<_, _>>()?)
    }

    /// Every row that is recalled, and the hash of its text.
    pub(crate) fn recalled(&self) -> Result<Vec<(u64, TextHash)>, MemoryError> {
        let connection = self.lock();
        let mut select = connection.prepare("SELECT row, text FROM rows WHERE retired_by IS NULL")?;
        Ok(select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
    }

    /// The rows that a filter lets pass.
    pub(crate) fn passing(&self, filter: &Filter) -> Result<std::collections::HashSet<u64>, MemoryError> {
        let connection = self.lock();
        let mut select = connection.prepare_cached(
            "SELECT row, kind, time, category, tags FROM rows WHERE retired_by IS NULL AND (?1 IS NULL OR time >= ?1)
             AND (?2 IS NULL OR time < ?2) AND (?3 IS NULL OR category = ?3)",
        )?;
        let mut passing = std::collections::HashSet::new();
        let mut rows = select.query(params![filter.from, filter.until, filter.category])?;
        while let Some(row) = rows.next()? {
            let kind = if row.get::<_, u8>(1)? == 0 { MemoryKind::Memory } else { MemoryKind::Document };
            let tags: Vec<String> = match filter.tags.is_empty() {
                true => Vec::new(),
                false => serde_json::from_str(&row.get::<_, String>(4)?).unwrap_or_default(),
            };
            if filter.passes(kind_name(kind), row.get(2)?, row.get::<_, Option<String>>(3)?.as_deref(), &tags) {
                passing.insert(row.get(0)?);
            }
        }
        Ok(passing)
    }

    /// Whether no memory is known.
    pub(crate) fn is_empty(&self) -> Result<bool, MemoryError> {
        let connection = self.lock();
        Ok(!connection.query_row("SELECT EXISTS (SELECT 1 FROM rows WHERE kind = 0)", [], |row| row.get(0))?)
    }

    /// Whether any row still has this text.
    pub(crate) fn has_text(&self, text: &TextHash) -> Result<bool, MemoryError> {
        let connection = self.lock();
        let mut select = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM rows WHERE text = ?1)")?;
        Ok(select.query_row([text], |row| row.get(0))?)
    }

    /// Memories whose place others took, or whose time is over.
    pub(crate) fn retired(&self, now: i64, limit: u32) -> Result<Vec<MemoryJunkItem>, MemoryError> {
        let connection = self.lock();
        let mut select = connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM rows WHERE kind = 0 AND (retired_by IS NOT NULL OR expires <= ?1) ORDER BY row LIMIT ?2"
        ))?;
        let found = select.query_map(params![now, limit], Row::read)?;
        let junk = found.map(|row| {
            row.map(|row| {
                let reason =
                    if row.retired_by.is_some() { MemoryJunkReason::Superseded } else { MemoryJunkReason::Expired };
                let ts = crate::recall::time_text(row.time);
                MemoryJunkItem { id: row.id, summary: row.summary, ts, reason, other: row.retired_by }
            })
        });
        Ok(junk.collect::<Result<_, _>>()?)
    }
}

/// Finds out anew who took a memory's place, and tells whether it is to be found.
fn retire(step: &Connection, id: &str, indexed: &mut Indexed) -> rusqlite::Result<()> {
    let row = step
        .prepare_cached(&format!("SELECT {COLUMNS} FROM rows WHERE id = ?1"))?
        .query_row([id], Row::read)
        .optional()?;
    let Some(mut row) = row else { return Ok(()) };
    let by: Option<String> = step
        .prepare_cached(
            "SELECT id FROM rows WHERE kind = 0 AND id != ?1 AND (supersedes = ?1
             OR (key = (SELECT key FROM rows WHERE id = ?1) AND (created, id) > (SELECT created, id FROM rows WHERE id = ?1)))
             ORDER BY created, id LIMIT 1",
        )?
        .query_row([id], |row| row.get(0))
        .optional()?;
    if row.retired_by != by {
        step.prepare_cached("UPDATE rows SET retired_by = ?2 WHERE id = ?1")?.execute(params![id, by])?;
    }
    match by {
        Some(_) => {
            indexed.added.retain(|added| added.row != row.row);
            indexed.removed.push(row.row);
        }
        None => {
            row.retired_by = None;
            indexed.removed.retain(|removed| *removed != row.row);
            indexed.added.push(row);
        }
    }
    Ok(())
}

fn take_out(step: &Connection, file: &str) -> rusqlite::Result<Indexed> {
    let mut indexed = Indexed::default();
    let gone: Vec<(u64, String)> = step
        .prepare_cached("SELECT row, id FROM rows WHERE file = ?1")?
        .query_map([file], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    step.prepare_cached("DELETE FROM rows WHERE file = ?1")?.execute([file])?;
    for (row, id) in gone {
        indexed.removed.push(row);
        // Those whose place it had taken come back, unless another took theirs too.
        let back: Vec<String> = step
            .prepare_cached("SELECT id FROM rows WHERE retired_by = ?1")?
            .query_map([&id], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for id in back {
            retire(step, &id, &mut indexed)?;
        }
    }
    Ok(indexed)
}
