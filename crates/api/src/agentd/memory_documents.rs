//! Documents that are recalled beside memories: taken apart by heading and size, with the source kept.

use std::time::Duration;

use osmoda_ipc::{Access, Nothing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::MemoryForgotten;
use crate::{endpoint, osmoda_api_about};

/// 10 MiB in base64, and what stands around it.
const DOCUMENT_LIMIT: usize = 15 << 20;

endpoint! {
    /// Add a document to the library: markdown, text, HTML, or the text layer of a PDF.
    MemoryDocumentAdd = Post "/memory/documents" as "memory_document_add", Write, MemoryDocumentNew => MemoryDocumentAdded, {
        const BODY_LIMIT: usize = DOCUMENT_LIMIT;
        const DEADLINE: Duration = Duration::from_secs(120);

        fn audit(request: &MemoryDocumentNew) -> Value {
            json!({ "name": request.name, "tags": request.tags, "source": request.source, "content": { "base64_bytes": request.content_base64.len() } })
        }

        fn receipt(answer: &MemoryDocumentAdded) -> Value {
            json!({ "id": answer.document.id, "status": answer.status, "parts": answer.document.parts })
        }
    }
}

/// A document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryDocumentNew {
    /// Its file name; its ending says what it is: md, txt, html, pdf.
    #[schemars(length(min = 1, max = 255))]
    pub name: String,
    /// Its bytes in base64; 10 MiB at most.
    pub content_base64: String,
    /// Where it is from: a path or a URL. A document from the same place takes the old one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub source: Option<String>,
    /// Words to filter by; 32 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub tags: Option<Vec<String>>,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryDocumentAdded {
    /// The document.
    pub document: MemoryDocument,
    /// Whether it is new.
    pub status: super::MemoryStatus,
}

/// A document of the library.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryDocument {
    /// `doc_` and a ULID.
    pub id: String,
    /// Its file name.
    pub name: String,
    /// Its title: its first heading, or its name.
    pub title: String,
    /// Where it is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// When it was added (RFC 3339).
    pub added_at: String,
    /// The original's size in bytes.
    pub size_bytes: u64,
    /// The original's SHA-256.
    pub sha256: String,
    /// How many parts it was taken into.
    pub parts: u32,
}

endpoint! {
    /// The documents of the library, newest first.
    MemoryDocumentList = Get "/memory/documents" as "memory_document_list", Read, Nothing => MemoryDocuments
}

/// The library.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryDocuments {
    /// The documents.
    pub documents: Vec<MemoryDocument>,
}

endpoint! {
    /// A document as it was added, and the text that was read from it.
    MemoryDocumentExport = Get "/memory/documents/{id}" as "memory_document_export", Read, MemoryDocumentId => MemoryDocumentContent
}

/// Which document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryDocumentId {
    /// Its id.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
}

/// A document with its content.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryDocumentContent {
    /// The document.
    pub document: MemoryDocument,
    /// The original's bytes in base64.
    pub content_base64: String,
    /// The text that was read from it, as markdown.
    pub text: String,
}

endpoint! {
    /// Read a document's original again and take it apart anew.
    MemoryDocumentReindex = Post "/memory/documents/{id}/reindex" as "memory_document_reindex", Write, MemoryDocumentId => MemoryDocument, {
        const DEADLINE: Duration = Duration::from_secs(120);

        fn receipt(answer: &MemoryDocument) -> Value {
            json!({ "id": answer.id, "parts": answer.parts })
        }
    }
}

endpoint! {
    /// Remove a document with all its parts. Operators only.
    MemoryDocumentRemove = Delete "/memory/documents/{id}" as "memory_document_remove", Destructive, MemoryDocumentId => MemoryForgotten, {
        const ACCESS: Access = Access::Operator;

        fn receipt(answer: &MemoryForgotten) -> Value {
            json!(answer)
        }
    }
}
