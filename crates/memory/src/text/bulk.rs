//! A whole text index at once, with one commit.

use std::path::Path;

use tantivy::{IndexWriter, Term};

use super::{Entry, Fields};
use crate::MemoryError;

/// What each thread gathers before it writes.
const THREAD_BYTES: usize = 64 << 20;

/// An index that is being made; nobody searches it yet.
pub(crate) struct Bulk {
    fields: Fields,
    writer: IndexWriter,
}

impl Bulk {
    /// Begins an index where there is none, with so many threads.
    pub(crate) fn begin(folder: &Path, threads: usize) -> Result<Self, MemoryError> {
        let (index, fields, ..) = super::index(folder)?;
        Ok(Self { fields, writer: index.writer_with_num_threads(threads, threads * THREAD_BYTES)? })
    }

    /// Takes an entry in.
    pub(crate) fn add(&self, entry: &Entry) -> Result<(), MemoryError> {
        self.writer.add_document(self.fields.document(entry))?;
        Ok(())
    }

    /// Takes rows out, and brings all of it to the disk.
    pub(crate) fn finish(mut self, removed: &[u64]) -> Result<(), MemoryError> {
        for row in removed {
            self.writer.delete_term(Term::from_field_u64(self.fields.row, *row));
        }
        self.writer.commit()?;
        Ok(self.writer.wait_merging_threads()?)
    }
}
