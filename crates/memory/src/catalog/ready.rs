//! A memory on its way into the catalogue.

use osmoda_api::agentd::MemoryKind;
use rusqlite::{Connection, params};

use crate::{
    filter::kind_name,
    folder::Stamp,
    note::Note,
    text::Entry,
    vectors::{TextHash, text_hash},
};

/// A memory's file, taken apart as the catalogue wants it. That needs no database, and is done on any thread.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) note: Note,
    pub(crate) file: String,
    pub(crate) stamp: Stamp,
    print: [u8; 32],
    text: String,
    text_hash: TextHash,
}

impl Ready {
    pub(crate) fn new(note: Note, file: &str, stamp: Stamp) -> Self {
        let text = note.text();
        Self { print: note.fingerprint(), text_hash: text_hash(&text), note, file: file.to_owned(), stamp, text }
    }

    /// As the text index takes it, under its row.
    pub(crate) fn entry(self, row: u64) -> Entry {
        Entry {
            row,
            text: self.text,
            time: self.note.updated.as_millisecond(),
            kind: kind_name(MemoryKind::Memory),
            category: self.note.category,
            tags: self.note.tags,
        }
    }
}

pub(super) fn damaged(connection: &Connection, file: &str, stamp: Stamp) -> rusqlite::Result<()> {
    connection.prepare_cached("INSERT OR REPLACE INTO damaged VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        file,
        stamp.modified,
        stamp.size,
        stamp.inode
    ])?;
    Ok(())
}

/// Whether a row is left out where another has its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrIgnore {
    Yes,
    No,
}

/// Inserts a memory's row; `false` where it was left out.
pub(super) fn insert(step: &Connection, ready: &Ready, or: OrIgnore) -> rusqlite::Result<bool> {
    let Ready { note, file, stamp, .. } = ready;
    let or = if or == OrIgnore::Yes { "OR IGNORE " } else { "" };
    let inserted = step
        .prepare_cached(&format!(
            "INSERT {or}INTO rows (id, kind, file, modified, size, inode, created, time, category, tags, key, supersedes, expires, source, count, summary, detail, print, text)
             VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        ))?
        .execute(params![
            note.id,
            file,
            stamp.modified,
            stamp.size,
            stamp.inode,
            note.created.as_millisecond(),
            note.updated.as_millisecond(),
            note.category,
            serde_json::to_string(&note.tags).unwrap_or_default(),
            note.key,
            note.supersedes,
            note.expires.map(jiff::Timestamp::as_millisecond),
            note.source,
            note.count,
            note.summary,
            note.detail,
            ready.print,
            ready.text_hash,
        ])?;
    Ok(inserted > 0)
}
