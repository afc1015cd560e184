//! What is in a backup: every file and folder with its sum, mode and owner.

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::BackupError;

/// The form of archives that this version writes and reads.
pub(crate) const FORMAT: u32 = 1;
/// The archive's last entry: sums are known when everything else is packed.
pub(crate) const NAME: &str = "manifest.json";
/// What everything else is below.
pub(crate) const FOLDER: &str = "state";
/// The most files of a backup.
pub(crate) const MOST_FILES: usize = 100_000;
/// The largest manifest in bytes.
pub(crate) const LARGEST: u64 = 64 << 20;

/// The list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    pub(crate) backup_id: String,
    pub(crate) created_at: String,
    pub(crate) entries: Vec<Entry>,
}

/// One file or folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Below the state folder.
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) bytes: u64,
    /// Of a file, from when it is packed; empty for a folder.
    pub(crate) sha256: String,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Folder,
    File,
    Database,
}

impl Manifest {
    /// Refuses what no backup of ours has: above all, a path that leads out of the folder.
    pub(crate) fn check(&self) -> Result<(), BackupError> {
        if self.format != FORMAT {
            return Err(BackupError::Damaged(format!(
                "its format is {}, and this version reads {FORMAT}",
                self.format
            )));
        }
        if self.entries.len() > MOST_FILES {
            return Err(BackupError::TooMany(MOST_FILES));
        }
        match self.entries.iter().find(|entry| !is_below(&entry.path)) {
            Some(entry) => Err(BackupError::Damaged(format!("it names {:?}", entry.path))),
            None => Ok(()),
        }
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.kind != Kind::Folder)
    }
}

/// Whether a path stays in its folder.
pub(crate) fn is_below(path: &str) -> bool {
    let parts = Path::new(path).components();
    !path.is_empty() && !path.contains('\0') && parts.into_iter().all(|part| matches!(part, Component::Normal(_)))
}

/// A sum as it is written.
pub(crate) fn hex(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_the_folder_are_taken() {
        for path in ["a", "a/b", "agentd/ledger.db", "..a", "a..b"] {
            assert!(is_below(path), "{path}");
        }
        for path in ["", "/a", "..", "../a", "a/../b", ".", "./a", "a\0"] {
            assert!(!is_below(path), "{path:?}");
        }
    }
}
