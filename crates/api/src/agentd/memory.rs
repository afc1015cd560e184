//! Memories: stored once, found by words and by meaning.

use osmoda_ipc::Access;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{endpoint, osmoda_api_about};

endpoint! {
    /// A lasting, searchable memory; also a markdown file, which is the ground truth.
    MemoryStore = Post "/memory/store" as "memory_store", Write, MemoryNew => MemoryStored, {
        fn audit(request: &MemoryNew) -> Value {
            json!({ "category": request.category, "tags": request.tags, "key": request.key, "supersedes": request.supersedes,
                "summary": { "bytes": request.summary.len() }, "detail": { "bytes": request.detail.as_deref().map_or(0, str::len) } })
        }

        fn receipt(answer: &MemoryStored) -> Value {
            json!({ "id": answer.id, "status": answer.status, "superseded": answer.superseded })
        }
    }
}

/// What is to be remembered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryNew {
    /// The memory in a sentence that stands by itself.
    #[schemars(length(min = 1, max = 2000))]
    pub summary: String,
    /// Everything else about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub detail: Option<String>,
    /// One word for its kind, such as preference, fact, decision, event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub category: Option<String>,
    /// Words to filter by; 32 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub tags: Option<Vec<String>>,
    /// What it is about, such as `web-server.port`: a later memory of the same key takes this one's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub key: Option<String>,
    /// The id of the memory that this one corrects: it is not recalled again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub supersedes: Option<String>,
    /// When it stops being true (RFC 3339); not recalled after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryStored {
    /// `mem_` and a ULID; the old one's where the same is known already.
    pub id: String,
    /// Whether it is new.
    pub status: MemoryStatus,
    /// How often it was stored.
    pub count: u32,
    /// The memory whose place it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded: Option<String>,
}

/// Whether a memory is new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemoryStatus {
    /// It was not known.
    #[default]
    Stored,
    /// The same was known; it was counted.
    Repeated,
    /// It took an older one's place.
    Superseded,
}

endpoint! {
    /// Memories and documents that are meant by the query, best first: words (BM25) and meaning (vectors) together.
    MemoryRecall = Post "/memory/recall" as "memory_recall", Read, MemoryQuery => MemoryResults
}

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryQuery {
    /// A question or words, in any form.
    #[schemars(length(min = 1, max = 100000))]
    pub query: String,
    /// At most so many; 10 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub max_results: Option<u32>,
    /// Only what is from this time: `7d`, `24h`, `2026-11`, `2026-11-01..2026-11-08`, `today`, `yesterday`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub timeframe: Option<String>,
    /// Only this category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub category: Option<String>,
    /// Only what has all of these tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub tags: Option<Vec<String>>,
    /// How to look; hybrid by default, and keyword where no model is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<MemoryMode>,
    /// Only memories, or only documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<MemoryKind>,
    /// How much newer counts more: 0 not at all, 1 as much as the match itself; the configuration's by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub recency: Option<f64>,
    /// Say for each result how it was ranked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<bool>,
}

/// How to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemoryMode {
    /// By words and by meaning.
    #[default]
    Hybrid,
    /// By words alone.
    Keyword,
    /// By meaning alone.
    Semantic,
}

/// What a result is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemoryKind {
    /// A memory.
    #[default]
    Memory,
    /// A part of a document.
    Document,
}

/// What was found, best first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryResults {
    /// The results.
    pub results: Vec<MemoryResult>,
    /// How was looked.
    pub mode: MemoryMode,
    /// Why it is another mode than the one that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryResult {
    /// The memory's id, or the document's with `#` and the number of the part.
    pub id: String,
    /// What it is.
    pub kind: MemoryKind,
    /// The memory in a sentence; a document's title and heading.
    pub summary: String,
    /// Everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The part of it that matches; matching words stand between `**`.
    pub snippet: String,
    /// Its kind in a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// When it was last stored (RFC 3339).
    pub ts: String,
    /// From 0 to 1: how much of the query it answers, comparable between results and queries of one mode.
    pub score: f64,
    /// Its place by words, from 1; absent where words did not find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyword_rank: Option<u32>,
    /// Its place by meaning, from 1; absent where meaning did not find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector_rank: Option<u32>,
    /// How often it was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Where it is from: a ledger event, an incident, a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Others that say nearly the same and are left out for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub duplicates: Vec<String>,
    /// How it was ranked, where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<MemoryWhy>,
}

/// How a result was ranked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryWhy {
    /// The BM25 score.
    pub bm25: f64,
    /// The cosine of the angle between its vector and the query's.
    pub cosine: f64,
    /// What the words gave to the score before recency.
    pub keyword_part: f64,
    /// What the meaning gave to it.
    pub vector_part: f64,
    /// What resemblance to the first results gave to it.
    pub feedback_part: f64,
    /// What the scores of texts that say nearly the same gave to it, or took from it.
    pub neighbours_part: f64,
    /// What the best text of the same conversation gave to it.
    pub session_part: f64,
    /// By what recency multiplied it.
    pub recency_factor: f64,
    /// The query's words that stand in it, as they are indexed.
    pub matched: Vec<String>,
}

endpoint! {
    /// Memories, newest first.
    MemoryList = Get "/memory/list" as "memory_list", Read, MemoryListRequest => MemoryPage
}

/// Which memories.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryListRequest {
    /// Only this category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub category: Option<String>,
    /// At most so many; 50 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// Where the page begins: the `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<i64>,
}

/// Memories, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryPage {
    /// The memories.
    pub memories: Vec<MemoryItem>,
    /// Where the next page begins; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<i64>,
}

/// A memory as its file has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryItem {
    /// `mem_` and a ULID.
    pub id: String,
    /// The memory in a sentence.
    pub summary: String,
    /// Everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Its kind in a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// When it was first stored (RFC 3339).
    pub created_at: String,
    /// When it was last stored (RFC 3339).
    pub ts: String,
    /// How often it was stored.
    pub count: u32,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The memory whose place it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
    /// The memory that took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
    /// When it stops being true (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Where it is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Its file, below the memory folder.
    pub file: String,
}

endpoint! {
    /// One memory, also one whose place another took.
    MemoryGet = Get "/memory/item/{id}" as "memory_get", Read, MemoryId => MemoryItem
}

endpoint! {
    /// Forget a memory: its file, its vector and its place in the index go. Operators only.
    MemoryForget = Delete "/memory/item/{id}" as "memory_forget", Destructive, MemoryId => MemoryForgotten, {
        const ACCESS: Access = Access::Operator;

        fn receipt(answer: &MemoryForgotten) -> Value {
            json!(answer)
        }
    }
}

/// Which memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryId {
    /// Its id.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
}

/// What was forgotten.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryForgotten {
    /// How many memories.
    pub forgotten: u32,
}
