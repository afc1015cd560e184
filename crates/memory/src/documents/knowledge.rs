//! Knowledge: files that people put into the folder `knowledge`, taken into the library.

use std::fs;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use osmoda_api::agentd::{MemoryDocumentNew, MemoryIngested, MemoryStatus};

use crate::{Memories, MemoryError, folder};

const LARGEST: u64 = 10 << 20;
const MOST_FILES: usize = 10_000;

impl Memories {
    /// Takes every file of the folder in. A changed one takes its old one's place.
    pub fn ingest_knowledge(&self) -> Result<MemoryIngested, MemoryError> {
        let root = self.folder().knowledge();
        let mut files = Vec::new();
        folder::walk(&root, 0, &mut |path| {
            if files.len() < MOST_FILES {
                files.push(path.to_owned());
            }
        });
        files.sort();
        let mut ingested = MemoryIngested::default();
        for path in files {
            let name = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().into_owned();
            let size = fs::metadata(&path).map_or(u64::MAX, |facts| facts.len());
            let Some(content) = fs::read(&path).ok().filter(|_| size <= LARGEST) else {
                ingested.skipped += 1;
                continue;
            };
            let new = MemoryDocumentNew {
                name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                content_base64: BASE64_STANDARD.encode(content),
                source: Some(format!("knowledge/{name}")),
                tags: None,
            };
            match self.add_document(new).map(|added| added.status) {
                Ok(MemoryStatus::Repeated) => ingested.known += 1,
                Ok(_) => ingested.stored += 1,
                // One bad file keeps no good one out.
                Err(MemoryError::Unreadable { name, why }) => {
                    tracing::warn!(name, why, "this file of knowledge can't be read");
                    ingested.skipped += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(ingested)
    }
}
