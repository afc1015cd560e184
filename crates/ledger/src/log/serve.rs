//! What is asked of the log: proofs, tiles and bundles of entries.

use std::sync::Arc;

use rusqlite::OptionalExtension;

use super::{
    Log,
    error::LogError,
    keeper::{read_entry, signed},
};
use crate::{
    Checkpoint, ProofFile, database,
    tree::{FULL_TILE, Node, TileNodes, TilePath, Tiles, consistency, inclusion, verify_inclusion},
};

impl Log {
    /// A proof that the event is in the ledger, under a checkpoint that covers it; one is signed where none does yet.
    pub fn prove(&self, event: i64) -> Result<ProofFile, LogError> {
        let index = event.checked_sub(1).and_then(|index| u64::try_from(index).ok()).ok_or(LogError::NoEvent(event))?;
        let entry = self.entry(event)?;
        if self.signed()?.size <= index {
            self.sign_now()?;
        }
        let note = self.checkpoint()?;
        // Our own: its signature was made or checked when it was published.
        let checkpoint = Checkpoint::unverified(&note)?;
        let hashes = self.inclusion(index, checkpoint.size)?;
        // What is handed out was checked: the event may have been changed since it was signed.
        verify_inclusion(Node::leaf(&entry), index, checkpoint.size, &hashes, &checkpoint.root)
            .map_err(|_| LogError::Diverged(format!("event {event} is not as it was signed").into()))?;
        Ok(ProofFile { entry, index, hashes, checkpoint: note.to_string() })
    }

    /// The hashes from entry `index` to the root of the tree of `size` entries.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Node>, LogError> {
        self.covered(size)?;
        inclusion(&TileNodes::new(&self.shared.tree), index, size)
    }

    /// The hashes that show that the tree of `second` entries begins with the tree of `first` entries.
    pub fn consistency(&self, first: u64, second: u64) -> Result<Vec<Node>, LogError> {
        self.covered(second)?;
        consistency(&TileNodes::new(&self.shared.tree), first, second)
    }

    /// A tile of hashes, or a bundle of entries, as tlog-tiles writes it.
    pub fn tile(&self, path: &TilePath) -> Result<Vec<u8>, LogError> {
        let size = self.signed()?.size;
        let level = path.level.unwrap_or_default();
        let row = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        let end = path.index.checked_mul(FULL_TILE).and_then(|start| start.checked_add(path.width));
        if end.is_none_or(|end| end > row) {
            return Err(LogError::NoTile);
        }
        match path.level {
            None => self.bundle(path),
            Some(level) => {
                let mut hashes = self.shared.tree.tile(level, path.index)?;
                let wanted = usize::try_from(path.width * 32).unwrap_or(usize::MAX);
                if hashes.len() < wanted {
                    return Err(LogError::NoTile);
                }
                hashes.truncate(wanted);
                Ok(hashes)
            }
        }
    }

    fn covered(&self, size: u64) -> Result<(), LogError> {
        if size <= self.signed()?.size { Ok(()) } else { Err(LogError::NoTile) }
    }

    fn entry(&self, event: i64) -> Result<Vec<u8>, LogError> {
        let connection = database::open_for_reading(&self.shared.events)?;
        let mut entry = Vec::new();
        connection
            .query_row("SELECT id, ts, type, actor, payload, prev_hash FROM events WHERE id = ?1", [event], |row| {
                read_entry(row, &mut entry)
            })
            .optional()?
            .ok_or(LogError::NoEvent(event))?;
        Ok(entry)
    }

    /// Each entry behind its length in two bytes, big end first.
    fn bundle(&self, path: &TilePath) -> Result<Vec<u8>, LogError> {
        let connection = database::open_for_reading(&self.shared.events)?;
        let mut select = connection.prepare(
            "SELECT id, ts, type, actor, payload, prev_hash FROM events WHERE id > ?1 AND id <= ?2 ORDER BY id",
        )?;
        let start = path.index * FULL_TILE;
        let mut rows = select.query([signed(start), signed(start + path.width)])?;
        let (mut bundle, mut entry, mut count) = (Vec::new(), Vec::new(), 0);
        while let Some(row) = rows.next()? {
            read_entry(row, &mut entry)?;
            let length = u16::try_from(entry.len()).map_err(|_| LogError::NoTile)?;
            bundle.extend_from_slice(&length.to_be_bytes());
            bundle.extend_from_slice(&entry);
            count += 1;
        }
        if count == path.width {
            Ok(bundle)
        } else {
            Err(LogError::Diverged(Arc::from("it lacks events that were signed")))
        }
    }
}
