//! A generation from all files at once: they are read on every core, and the indexes are written beside.

use std::{
    collections::BTreeMap,
    fs::File,
    num::NonZero,
    path::Path,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use crate::{
    MemoryError,
    catalog::{self, Ready},
    folder::{self, Folder, Stamp},
    indexes::read_note,
    text,
};

/// Files that a thread reads before it hands them over.
const BATCH: usize = 256;
const MOST_THREADS: usize = 8;

/// What came of a file.
enum Taken {
    Memory(Box<Ready>),
    Damaged(String, Stamp),
}

/// Makes the catalogue and the text index of a generation that is not there yet, and flushes both. The folder is a generation
/// only once somebody names it.
pub(crate) fn build(folder: &Folder, generation: &Path) -> Result<(), MemoryError> {
    folder::make(generation)?;
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    let mut files = folder::notes(folder);
    // Ids tell the time: those of one moment lie together in the index, and the oldest have the lowest rows.
    files.sort_unstable();
    let mut rows = catalog::Bulk::begin(&generation.join("catalog.db"))?;
    let words = text::Bulk::begin(&generation.join("text"), threads)?;
    let next = AtomicUsize::new(0);
    let (done, batches) = mpsc::sync_channel(2 * threads);
    thread::scope(|scope| {
        for _ in 0..threads {
            let (done, next, files) = (done.clone(), &next, &files);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(batch) = files.chunks(BATCH).nth(number) else { return };
                    let taken: Vec<Taken> = batch.iter().filter_map(|file| take(folder, file)).collect();
                    // Whoever took it met an error and is gone.
                    if done.send((number, taken)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        let mut early = BTreeMap::new();
        let mut expected = 0;
        for (number, taken) in batches {
            early.insert(number, taken);
            while let Some(taken) = early.remove(&expected) {
                put(&mut rows, &words, taken)?;
                expected += 1;
            }
        }
        Ok::<_, MemoryError>(())
    })?;
    words.finish(&rows.finish()?)?;
    File::open(generation).and_then(|folder| folder.sync_all()).map_err(MemoryError::io(generation))
}

/// Reads a file; `None` where it is gone by now.
fn take(folder: &Folder, file: &str) -> Option<Taken> {
    let path = folder.root().join(file);
    let stamp = Stamp::of(&path).ok()?;
    Some(match read_note(&path, stamp) {
        Some(note) => Taken::Memory(Box::new(Ready::new(note, file, stamp))),
        None => Taken::Damaged(file.to_owned(), stamp),
    })
}

fn put(rows: &mut catalog::Bulk, words: &text::Bulk, taken: Vec<Taken>) -> Result<(), MemoryError> {
    for one in taken {
        match one {
            Taken::Memory(ready) => match rows.put(&ready)? {
                Some(row) => words.add(&ready.entry(row))?,
                // The same id in two files: the first one keeps it.
                None => set_aside(rows, &ready.file, ready.stamp)?,
            },
            Taken::Damaged(file, stamp) => set_aside(rows, &file, stamp)?,
        }
    }
    Ok(())
}

fn set_aside(rows: &catalog::Bulk, file: &str, stamp: Stamp) -> Result<(), MemoryError> {
    tracing::warn!(file, "this file can't be read as a memory");
    rows.damaged(file, stamp)
}
