//! Junk: memories that can't help anybody.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use osmoda_api::agentd::{MemoryJunkItem, MemoryJunkList, MemoryJunkReason, MemoryJunkRequest};

use crate::{Memories, MemoryError, recall::time_text, text::is_stop_word};

/// So many memories are looked through at a time.
const PAGE: u32 = 1000;
/// So many are looked through in all: what is remembered last is looked at first.
const MOST: usize = 200_000;

impl Memories {
    /// Memories that look like junk, with the reason.
    pub fn junk(&self, request: &MemoryJunkRequest) -> Result<MemoryJunkList, MemoryError> {
        let limit = request.limit.unwrap_or(100);
        if !(1..=1000).contains(&limit) {
            return Err(MemoryError::field("limit", "is not in 1..=1000"));
        }
        let indexes = self.indexes();
        let mut junk = indexes.catalog.retired(Timestamp::now().as_millisecond(), limit)?;
        let known: HashSet<String> = junk.iter().map(|item| item.id.clone()).collect();
        let mut seen: HashMap<Vec<String>, String> = HashMap::new();
        let mut cursor = None;
        let mut looked = 0;
        while junk.len() < limit as usize && looked < MOST {
            let rows = indexes.catalog.page(None, PAGE, cursor)?;
            let Some(last) = rows.last() else { break };
            cursor = i64::try_from(last.row).ok();
            looked += rows.len();
            for row in rows.into_iter().filter(|row| !known.contains(&row.id)) {
                let mut words = Vec::new();
                indexes.text.words().each(&row.text(), |word| words.push(word.to_owned()));
                words.retain(|word| !is_stop_word(word));
                words.sort_unstable();
                words.dedup();
                let (reason, other) = if words.len() < 2 && row.key.is_none() {
                    (MemoryJunkReason::SaysNothing, None)
                } else if let Some(other) = seen.get(&words) {
                    (MemoryJunkReason::NearlyTheSame, Some(other.clone()))
                } else {
                    seen.insert(words, row.id);
                    continue;
                };
                junk.push(MemoryJunkItem { id: row.id, summary: row.summary, ts: time_text(row.time), reason, other });
            }
        }
        junk.truncate(limit as usize);
        Ok(MemoryJunkList { junk })
    }
}
