//! Backups: consistent copies of the suite's state.

use std::time::Duration;

use osmoda_ipc::Nothing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{endpoint, osmoda_api_about};

endpoint! {
    /// A consistent copy of all state while everything runs, restored into a scratch folder and verified before it counts.
    BackupCreate = Post "/backup/create" as "backup_create", Write, Nothing => Backup, {
        const DEADLINE: Duration = Duration::from_secs(1800);

        fn receipt(answer: &Backup) -> Value {
            json!({ "backup_id": answer.backup_id, "sha256": answer.sha256, "size_bytes": answer.size_bytes, "carried": answer.carried })
        }
    }
}

/// A copy of all state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Backup {
    /// `bkp_` and a ULID.
    pub backup_id: String,
    /// Where it is.
    pub path: String,
    /// The archive's size in bytes.
    pub size_bytes: u64,
    /// The archive's SHA-256.
    pub sha256: String,
    /// When (RFC 3339).
    pub created_at: String,
    /// How many files are in it, databases among them.
    pub files: u64,
    /// How many bytes they have.
    pub content_bytes: u64,
    /// Whether only an age identity opens it.
    pub encrypted: bool,
    /// Whether the hook of the configuration carried it away; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<bool>,
}

endpoint! {
    /// What can be restored, newest first.
    BackupList = Get "/backup/list" as "backup_list", Read, Nothing => Backups
}

/// Backups, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Backups {
    /// The backups.
    pub backups: Vec<Backup>,
}
