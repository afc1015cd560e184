//! The library: documents beside memories. The original is kept; what is searched is made from it.

mod chunk;
mod extract;
mod knowledge;

use std::{fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use osmoda_api::agentd::{
    MemoryDocument, MemoryDocumentAdded, MemoryDocumentContent, MemoryDocumentNew, MemoryDocuments, MemoryStatus,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    Memories, MemoryError,
    catalog::DocumentRow,
    folder::{self, Stamp},
    front_matter,
    indexes::Indexes,
    note,
};

const LARGEST: usize = 10 << 20;
const LONGEST_NAME: usize = 255;
const LONGEST_SOURCE: usize = 4096;
/// The file with the text and what is known of the document.
const TEXT: &str = "document.md";
const ORIGINAL: &str = "original";

impl Memories {
    /// Adds a document. One from the same place takes the old one's; the same bytes again change nothing.
    pub fn add_document(&self, new: MemoryDocumentNew) -> Result<MemoryDocumentAdded, MemoryError> {
        let name = Path::new(&new.name).file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if name.is_empty() {
            return Err(MemoryError::field("name", "is no file name"));
        }
        note::within("name", &name, LONGEST_NAME)?;
        note::within("source", new.source.as_deref().unwrap_or_default(), LONGEST_SOURCE)?;
        let tags = note::tags(new.tags)?;
        let content = BASE64_STANDARD.decode(&new.content_base64);
        let content = content.map_err(|_| MemoryError::field("content_base64", "is not base64"))?;
        if content.len() > LARGEST {
            return Err(MemoryError::field("content_base64", "holds more than 10 MiB"));
        }
        let sha256: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        let _gate = self.gate();
        let _one_at_a_time = self.documents_lock();
        let old = match &new.source {
            Some(source) => self.indexes().catalog.document_from(source)?,
            None => self.indexes().catalog.document_of(&sha256)?,
        };
        if let Some(document) = old.as_ref().filter(|old| old.sha256 == sha256 && old.name == name && old.tags == tags)
        {
            return Ok(MemoryDocumentAdded { document: document.clone(), status: MemoryStatus::Repeated });
        }
        let text = extract::text(&name, content.clone())?;
        let row = DocumentRow {
            id: format!("doc_{}", ulid::Ulid::generate()),
            title: chunk::title(&text).unwrap_or_else(|| name.clone()),
            name,
            source: new.source,
            tags,
            added: Timestamp::now().as_millisecond(),
            bytes: content.len() as u64,
            sha256,
            stamp: Stamp::default(),
        };
        self.write_document(&row, &content, &text)?;
        let document = self.indexes().index_document(&row.id)?;
        let status = match old {
            Some(old) => {
                self.drop_document(&old.id)?;
                MemoryStatus::Superseded
            }
            None => MemoryStatus::Stored,
        };
        Ok(MemoryDocumentAdded { document, status })
    }

    /// The library.
    pub fn documents(&self) -> Result<MemoryDocuments, MemoryError> {
        Ok(MemoryDocuments { documents: self.indexes().catalog.documents()? })
    }

    /// A document with its content.
    pub fn export_document(&self, id: &str) -> Result<MemoryDocumentContent, MemoryError> {
        let document = self.known_document(id)?;
        let folder = self.folder().documents().join(&document.id);
        let read = |name: &str| fs::read(folder.join(name)).map_err(MemoryError::io(&folder.join(name)));
        let file = String::from_utf8_lossy(&read(TEXT)?).into_owned();
        let text = front_matter::parse(&file).map_or(file.as_str(), |(_, text)| text).to_owned();
        Ok(MemoryDocumentContent { document, content_base64: BASE64_STANDARD.encode(read(ORIGINAL)?), text })
    }

    /// Reads a document's original again.
    pub fn reindex_document(&self, id: &str) -> Result<MemoryDocument, MemoryError> {
        let document = self.known_document(id)?;
        let _gate = self.gate();
        let _one_at_a_time = self.documents_lock();
        let original = self.folder().documents().join(id).join(ORIGINAL);
        let content = fs::read(&original).map_err(MemoryError::io(&original))?;
        let text = extract::text(&document.name, content.clone())?;
        let added = document.added_at.parse::<Timestamp>().unwrap_or_default().as_millisecond();
        let row = DocumentRow {
            title: chunk::title(&text).unwrap_or_else(|| document.name.clone()),
            id: document.id,
            name: document.name,
            source: document.source,
            tags: document.tags,
            added,
            bytes: document.size_bytes,
            sha256: document.sha256,
            stamp: Stamp::default(),
        };
        self.write_text(&row, &text)?;
        self.indexes().index_document(id)
    }

    /// Removes a document.
    pub fn remove_document(&self, id: &str) -> Result<(), MemoryError> {
        let document = self.known_document(id)?;
        let _gate = self.gate();
        let _one_at_a_time = self.documents_lock();
        self.drop_document(&document.id)?;
        self.give_space_back()
    }

    fn known_document(&self, id: &str) -> Result<MemoryDocument, MemoryError> {
        self.indexes().catalog.document(id)?.ok_or_else(|| MemoryError::UnknownDocument(id.chars().take(80).collect()))
    }

    fn write_document(&self, row: &DocumentRow, content: &[u8], text: &str) -> Result<(), MemoryError> {
        let folder = self.folder().documents().join(&row.id);
        folder::make(&folder)?;
        folder::create(&folder.join(ORIGINAL), content, folder::Flush::Now)?;
        // The text comes last: a folder without it is one that was cut off, and is swept away.
        self.write_text(row, text)
    }

    fn write_text(&self, row: &DocumentRow, text: &str) -> Result<(), MemoryError> {
        let keys = [
            ("id", json!(row.id)),
            ("name", json!(row.name)),
            ("title", json!(row.title)),
            ("source", json!(row.source)),
            ("tags", json!(row.tags)),
            ("added", json!(crate::recall::time_text(row.added))),
            ("bytes", json!(row.bytes)),
            ("sha256", json!(row.sha256)),
        ];
        let file = self.folder().documents().join(&row.id).join(TEXT);
        folder::replace(&file, front_matter::print(&keys, text).as_bytes()).map(drop)
    }

    fn drop_document(&self, id: &str) -> Result<(), MemoryError> {
        // The file first: an index row must not outlive it.
        let folder = self.folder().documents().join(id);
        folder::remove(&folder.join(TEXT))?;
        let indexes = self.indexes();
        indexes.apply(indexes.catalog.take_document_out(id)?)?;
        fs::remove_dir_all(&folder).map_err(MemoryError::io(&folder))
    }
}

impl Indexes {
    /// Brings the indexes to what the document's file says.
    pub(crate) fn index_document(&self, id: &str) -> Result<MemoryDocument, MemoryError> {
        let file = self.folder.documents().join(id).join(TEXT);
        let stamp = Stamp::of(&file).map_err(MemoryError::io(&file))?;
        let content = fs::read_to_string(&file).map_err(MemoryError::io(&file))?;
        let damaged = || MemoryError::Unreadable {
            name: format!("documents/{id}/{TEXT}"),
            why: "its front matter is damaged".into(),
        };
        let (keys, text) = front_matter::parse(&content).ok_or_else(damaged)?;
        let word = |key: &str| keys.get(key).and_then(Value::as_str).map(str::to_owned);
        let tags = keys.get("tags").and_then(Value::as_array).into_iter().flatten();
        let row = DocumentRow {
            id: id.to_owned(),
            name: word("name").ok_or_else(damaged)?,
            title: word("title").ok_or_else(damaged)?,
            source: word("source"),
            tags: tags.filter_map(Value::as_str).map(str::to_owned).collect(),
            added: word("added").and_then(|time| time.parse::<Timestamp>().ok()).unwrap_or_default().as_millisecond(),
            bytes: keys.get("bytes").and_then(Value::as_u64).unwrap_or_default(),
            sha256: word("sha256").ok_or_else(damaged)?,
            stamp,
        };
        let indexed = self.catalog.put_document(&row, &chunk::parts(&row.title, text))?;
        self.apply(indexed)?;
        self.catalog.document(id)?.ok_or_else(damaged)
    }

    /// Brings the catalogue to what documents there are on disk.
    pub(crate) fn sync_documents(&self) -> Result<(), MemoryError> {
        let mut known = self.catalog.document_stamps()?;
        for entry in fs::read_dir(self.folder.documents()).into_iter().flatten().flatten() {
            let Some(id) = entry.file_name().to_str().map(str::to_owned) else { continue };
            match Stamp::of(&entry.path().join(TEXT)) {
                Ok(stamp) => {
                    if known.remove(&id) != Some(stamp)
                        && let Err(error) = self.index_document(&id)
                    {
                        tracing::warn!(%error, id, "a document can't be read");
                    }
                }
                Err(_) if !id.starts_with("doc_") => {}
                Err(_) => {
                    tracing::info!(id, "a document that was never whole is swept away");
                    let _ = fs::remove_dir_all(entry.path());
                }
            }
        }
        for id in known.into_keys() {
            let indexed = self.catalog.take_document_out(&id)?;
            self.apply(indexed)?;
        }
        Ok(())
    }
}
