//! Files that are written and not flushed yet. Whoever stored them keeps their content on disk with something that had to be
//! flushed anyway, such as the event of a ledger, until it is told that the file itself is on disk: a redo record. A store
//! then waits for one flush and not for two.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Component, Path},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use crate::{
    Memories, MemoryError,
    folder::{self, is_note},
};

/// More files than this are flushed with their whole file system at once.
const FEW: usize = 16;

/// Who keeps redo records on disk.
pub trait RedoLog: Send + Sync {
    /// The names of those that are on disk.
    fn names(&self) -> Result<Vec<String>, MemoryError>;
    /// These may go, also one that is still on its way to the disk. Called on threads that may block.
    fn release(&self, names: Vec<String>);
}

/// The files of stores with a redo record that may still be kept.
#[derive(Default)]
pub(crate) struct Unflushed {
    /// Below the folder of memories.
    files: Mutex<BTreeSet<String>>,
    log: OnceLock<Box<dyn RedoLog>>,
}

impl Unflushed {
    pub(crate) fn add(&self, file: String) {
        self.files().insert(file);
    }

    /// The file was removed for good: what is kept of it must not bring it back.
    pub(crate) fn forget(&self, file: &str) {
        let was_kept = self.files().remove(file);
        if let Some(log) = self.log.get().filter(|_| was_kept) {
            log.release(vec![file.to_owned()]);
        }
    }

    fn files(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memories {
    /// Who keeps the redo records of [`Memories::store_for_redo`]. Set once, where agentd starts.
    pub fn keep_redo_in(&self, log: impl RedoLog + 'static) {
        // A second one would be told of what it does not keep.
        let _ = self.inner().unflushed.log.set(Box::new(log));
    }

    /// Flushes the files whose redo records are on disk, and lets the records go. [`crate::Keeper`] does it in the background.
    pub fn flush(&self) -> Result<(), MemoryError> {
        let unflushed = &self.inner().unflushed;
        let Some(log) = unflushed.log.get().filter(|_| !unflushed.files().is_empty()) else { return Ok(()) };
        // Those on disk and no others: a record that comes later must find its file unflushed.
        let names = log.names()?;
        if names.is_empty() {
            return Ok(());
        }
        flush(self.folder().root(), &names)?;
        let mut files = unflushed.files();
        for name in &names {
            files.remove(name);
        }
        drop(files);
        log.release(names);
        Ok(())
    }

    /// Writes a memory's file again that a sudden end may have kept from the disk. One that is whole stays as it is: a person
    /// may have edited it since. To be called before [`crate::Keeper::start`].
    pub fn redo(&self, file: &str, content: &[u8]) -> Result<(), MemoryError> {
        let path = Path::new(file);
        let is_below = path.components().all(|part| matches!(part, Component::Normal(_))) && path.starts_with("notes");
        if !is_below || !is_note(path) {
            tracing::warn!(file, "a redo record has the name of no memory's file, and is passed over");
            return Ok(());
        }
        let path = self.folder().root().join(path);
        match fs::read(&path) {
            Ok(there) if !is_torn(&there, content) => return Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(MemoryError::io(&path)(error)),
            _ => folder::make(path.parent().unwrap_or(&path))?,
        }
        folder::replace(&path, content).map(drop)
    }
}

/// What a cut of power leaves of a file that was not flushed: nothing, its beginning, or zeros.
fn is_torn(there: &[u8], content: &[u8]) -> bool {
    (there.len() < content.len() && content.starts_with(there)) || there.contains(&0)
}

fn flush(root: &Path, files: &[String]) -> Result<(), MemoryError> {
    if files.len() > FEW {
        let root_folder = File::open(root).map_err(MemoryError::io(root))?;
        return nix::unistd::syncfs(root_folder).map_err(|error| MemoryError::io(root)(error.into()));
    }
    let mut folders = BTreeSet::new();
    for file in files {
        let path = root.join(file);
        folders.extend(path.parent().map(Path::to_owned));
        match File::open(&path).and_then(|file| file.sync_all()) {
            // Moved or removed by hand since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            flushed => flushed.map_err(MemoryError::io(&path))?,
        }
    }
    folders.iter().try_for_each(|folder| match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        flushed => flushed.map_err(MemoryError::io(folder)),
    })
}

#[cfg(test)]
mod tests {
    use super::is_torn;

    #[test]
    fn what_a_cut_of_power_leaves_is_told_from_what_a_person_wrote() {
        let content = b"---\nid: mem_1\n---\n# It was seen\n";
        for (there, torn) in [
            (&b""[..], true),
            (&content[..9], true),
            (&[0; 32][..], true),
            (&content[..], false),
            (b"---\nid: mem_1\n---\n# It was heard\n", false),
            (b"---\nid: mem_1\n---\n# It was seen\nand more\n", false),
        ] {
            assert_eq!(is_torn(there, content), torn, "{there:?}");
        }
    }
}
