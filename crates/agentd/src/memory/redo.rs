//! A new memory goes to disk with the ledger's event that records it: one flush does for both.

use std::sync::Arc;

use osmoda_ipc::chain;
use osmoda_ledger::{Ledger, ReadError};
use osmoda_memory::{Memories, MemoryError, RedoLog};

/// The ledger's redo records can't be redone.
#[derive(Debug, thiserror::Error)]
pub enum RedoError {
    /// They can't be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// Their memories can't be written.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// Whoever did it broke down.
    #[error(transparent)]
    Lost(#[from] tokio::task::JoinError),
}

/// Writes what a sudden end kept from the disk, and lets the ledger know from now on what is there.
pub(crate) async fn keep_in_ledger(ledger: &Arc<Ledger>, memories: &Memories) -> Result<(), RedoError> {
    let (redone, into) = (ledger.clone(), memories.clone());
    tokio::task::spawn_blocking(move || redo(&redone, &into)).await??;
    memories.keep_redo_in(InLedger(ledger.clone()));
    Ok(())
}

struct InLedger(Arc<Ledger>);

impl RedoLog for InLedger {
    fn names(&self) -> Result<Vec<String>, MemoryError> {
        self.0.redo_names().map_err(|error| MemoryError::Redo(chain(&error)))
    }

    fn release(&self, names: Vec<String>) {
        self.0.release(names);
    }
}

fn redo(ledger: &Ledger, memories: &Memories) -> Result<(), RedoError> {
    let records = ledger.redo()?;
    records.iter().try_for_each(|record| memories.redo(&record.name, &record.content))?;
    if !records.is_empty() {
        ledger.release(records.into_iter().map(|record| record.name).collect());
    }
    Ok(())
}
