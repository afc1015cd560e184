//! Keeping memories in order: ingestion, health, the index, junk, the model.

use std::time::Duration;

use osmoda_ipc::{Access, Nothing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::MemoryForgotten;
use crate::{endpoint, osmoda_api_about};

endpoint! {
    /// Remember what the machine already knows: ledger events, incidents, or files of knowledge.
    MemoryIngest = Post "/memory/ingest" as "memory_ingest", Write, MemoryIngestRequest => MemoryIngested, {
        const DEADLINE: Duration = Duration::from_secs(300);

        fn receipt(answer: &MemoryIngested) -> Value {
            json!(answer)
        }
    }
}

/// What is to be remembered. The same thing ingested again is not remembered twice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryIngestRequest {
    /// Where it is.
    pub from: MemorySource,
    /// Of the ledger, only events whose type begins so, such as `service_`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub event_type: Option<String>,
    /// Of the ledger, only events after this one: the `next_cursor` of the call before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<i64>,
    /// At most so many; 1000 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
}

/// Where something to remember is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemorySource {
    /// Events of the ledger, oldest first.
    #[default]
    Ledger,
    /// Incidents with their steps.
    Incidents,
    /// Files of the folder `knowledge` of the memory folder.
    Knowledge,
}

/// What was remembered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryIngested {
    /// How many are new.
    pub stored: u32,
    /// How many were known.
    pub known: u32,
    /// How many could not be read.
    pub skipped: u32,
    /// Where to go on; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<i64>,
}

endpoint! {
    /// How memory is: how much there is, what is still to be embedded, which model, what is damaged.
    MemoryHealth = Get "/memory/health" as "memory_health", Read, Nothing => MemoryHealthReport
}

/// How memory is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryHealthReport {
    /// Memories that can be recalled.
    pub memories: u64,
    /// Memories whose place others took, or that expired.
    pub retired: u64,
    /// Documents.
    pub documents: u64,
    /// Parts of documents that can be recalled.
    pub parts: u64,
    /// What has no vector yet.
    pub to_embed: u64,
    /// The embedding model, where one is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<MemoryModel>,
    /// Why there is none that works, where one should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_trouble: Option<String>,
    /// Files that can't be read as memories, 100 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<String>,
    /// Bytes of the files of memories.
    pub file_bytes: u64,
    /// Bytes of what is derived from them.
    pub index_bytes: u64,
    /// Whether files and index are being brought together.
    pub is_indexing: bool,
}

/// An embedding model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryModel {
    /// Its name, from its folder or its configuration.
    pub name: String,
    /// `transformer` or `static`.
    pub engine: String,
    /// How many numbers a vector has.
    pub dimensions: u32,
    /// The SHA-256 of its weights, which vectors are kept under.
    pub sha256: String,
}

endpoint! {
    /// Build the index again from the files. Recall goes on meanwhile.
    MemoryReindex = Post "/memory/reindex" as "memory_reindex", Write, MemoryReindexRequest => MemoryReindexed, {
        const DEADLINE: Duration = Duration::from_secs(3600);

        fn receipt(answer: &MemoryReindexed) -> Value {
            json!(answer)
        }
    }
}

/// What is to be built again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryReindexRequest {
    /// Compute the vectors again too; they are kept otherwise, since they follow from text and model alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<bool>,
}

/// What the index holds now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryReindexed {
    /// Memories, those whose place others took among them.
    pub memories: u64,
    /// Parts of documents.
    pub parts: u64,
    /// Files that can't be read as memories.
    pub damaged: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
}

endpoint! {
    /// Memories that look like junk, with the reason.
    MemoryJunk = Get "/memory/junk" as "memory_junk", Read, MemoryJunkRequest => MemoryJunkList
}

/// How much junk to show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryJunkRequest {
    /// At most so many; 100 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
}

/// Memories that look like junk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryJunkList {
    /// They, with the reasons.
    pub junk: Vec<MemoryJunkItem>,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryJunkItem {
    /// The memory's id.
    pub id: String,
    /// The memory in a sentence.
    pub summary: String,
    /// When it was last stored (RFC 3339).
    pub ts: String,
    /// Why it looks like junk.
    pub reason: MemoryJunkReason,
    /// The other memory, where the reason names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
}

/// Why a memory looks like junk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemoryJunkReason {
    /// Fewer than two words that could be looked for.
    #[default]
    SaysNothing,
    /// Another took its place.
    Superseded,
    /// Its time is over.
    Expired,
    /// The same words as another, in another order or with others in between.
    NearlyTheSame,
}

endpoint! {
    /// Forget these memories, which looked like junk, and give their space back. Operators only.
    MemoryPrune = Post "/memory/prune" as "memory_prune", Destructive, MemoryPruneRequest => MemoryForgotten, {
        const ACCESS: Access = Access::Operator;
        const DEADLINE: Duration = Duration::from_secs(300);

        fn receipt(answer: &MemoryForgotten) -> Value {
            json!(answer)
        }
    }
}

/// Which memories.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryPruneRequest {
    /// Their ids.
    #[schemars(length(min = 1, max = 1000))]
    pub ids: Vec<String>,
}

endpoint! {
    /// Check an embedding model and install it. Operators only.
    MemoryModelInstall = Post "/memory/model" as "memory_model_install", Destructive, MemoryModelRequest => MemoryModel, {
        const ACCESS: Access = Access::Operator;
        const DEADLINE: Duration = Duration::from_secs(300);

        fn receipt(answer: &MemoryModel) -> Value {
            json!(answer)
        }
    }
}

/// Where the model is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryModelRequest {
    /// An absolute path: a folder in the layout of Hugging Face, or a zip archive, wheel or tar file with one in it.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
}
