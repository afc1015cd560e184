//! Why something could not be remembered, found or forgotten.

use std::{
    io,
    path::{Path, PathBuf},
};

use osmoda_ipc::{Fault, StatusCode, chain};

/// Memory could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The redo records.
    #[error("the redo records of memories can't be read: {0}")]
    Redo(String),
    /// There is none of this id.
    #[error("there is no memory {0}; memory_recall and memory_list show those that there are")]
    Unknown(String),
    /// There is no such document.
    #[error("there is no document {0}; GET /memory/documents shows those that there are")]
    UnknownDocument(String),
    /// A field is too long, empty, or not of its form.
    #[error("{field}: {why}")]
    Field {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The query has nothing in it that could be looked for.
    #[error("the query holds no word to look for; say what you want to find in a few words")]
    EmptyQuery,
    /// Semantic recall without a model.
    #[error(
        "semantic recall needs an embedding model and {0}; ask with mode keyword, or an operator installs one with: agentctl memory model install FOLDER"
    )]
    NoModel(&'static str),
    /// A folder holds no model that can be loaded.
    #[error("{} holds no embedding model that can be used: {why}", .path.display())]
    BadModel {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A document can't be read.
    #[error("{name} can't be read: {why}")]
    Unreadable {
        /// Which.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// A file can't be read or written.
    #[error("{} can't be used", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The catalogue.
    #[error("the memory catalogue can't be used")]
    Database(#[from] rusqlite::Error),
    /// The text index.
    #[error("the text index can't be used")]
    Text(#[from] tantivy::TantivyError),
    /// The model failed on a text.
    #[error("the embedding model failed: {0}")]
    Embedding(String),
    /// The index is being rebuilt already.
    #[error("the index is being rebuilt already; GET /memory/health says when it is done")]
    Reindexing,
    /// The daemon ends.
    #[error("memory is being closed")]
    Closed,
}

impl MemoryError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn field(field: &'static str, why: impl Into<String>) -> Self {
        Self::Field { field, why: why.into() }
    }
}

impl From<MemoryError> for Fault {
    fn from(error: MemoryError) -> Self {
        let message = error.to_string();
        match error {
            MemoryError::Unknown(_) => Self::not_found("memory_unknown", message),
            MemoryError::UnknownDocument(_) => Self::not_found("document_unknown", message),
            MemoryError::Field { .. } => Self::bad_request("invalid_field", message),
            MemoryError::EmptyQuery => Self::bad_request("empty_query", message),
            MemoryError::NoModel(_) => Self::conflict("no_model", message),
            MemoryError::BadModel { .. } => Self::bad_request("bad_model", message),
            MemoryError::Unreadable { .. } => Self::bad_request("document_unreadable", message),
            MemoryError::Io { ref source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", format!("{message}: the disk is full"))
            }
            MemoryError::Io { .. } | MemoryError::Database(_) | MemoryError::Text(_) => Self::failed(
                "memory_failed",
                format!("{message}; the files are untouched, and agentctl memory reindex makes the rest anew"),
            )
            .with_private(chain(&error)),
            MemoryError::Redo(_) => Self::failed("redo_unreadable", message),
            MemoryError::Embedding(_) => Self::failed("embedding_failed", message),
            MemoryError::Reindexing => Self::conflict("reindexing", message),
            MemoryError::Closed => Self::unavailable("memory_closed", message),
        }
    }
}
