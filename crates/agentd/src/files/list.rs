//! Lists a folder.

use std::{
    fs::{self, FileType, Metadata},
    path::{Path, PathBuf},
    time::SystemTime,
};

use jiff::Timestamp;
use osmoda_api::agentd::{Directory, DirectoryRequest, Entry, EntryKind};

use super::{FileError, place::absolute};

/// The most entries that are shown.
const MOST: usize = 10_000;
/// The deepest that a recursive list goes.
const DEEPEST: usize = 64;

/// The entries by name; with `recursive`, also what is below, without following links.
pub(crate) fn list(request: &DirectoryRequest) -> Result<Directory, FileError> {
    let asked = absolute(&request.path)?;
    let path = fs::canonicalize(asked).map_err(FileError::of(asked))?;
    if !path.is_dir() {
        return Err(FileError::WrongKind { path, wanted: "a folder" });
    }
    let mut found = Found { entries: Vec::new(), truncated: false, recursive: request.recursive.unwrap_or(false) };
    found.folder(&path, &PathBuf::new(), 0).map_err(FileError::of(asked))?;
    let Found { mut entries, truncated, .. } = found;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Directory { path: path.to_string_lossy().into_owned(), entries, truncated })
}

struct Found {
    entries: Vec<Entry>,
    truncated: bool,
    recursive: bool,
}

impl Found {
    fn folder(&mut self, folder: &Path, below: &Path, depth: usize) -> std::io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if self.entries.len() == MOST {
                self.truncated = true;
                return Ok(());
            }
            let name = below.join(entry.file_name());
            // Gone since the folder was read: not an entry any more.
            let Ok(metadata) = entry.metadata() else { continue };
            self.entries.push(describe(&name, &metadata));
            if self.recursive && metadata.is_dir() {
                if depth == DEEPEST {
                    self.truncated = true;
                } else if self.folder(&entry.path(), &name, depth + 1).is_err() {
                    // A folder below that may not be read is an entry without entries of its own.
                    continue;
                }
            }
        }
        Ok(())
    }
}

fn describe(name: &Path, metadata: &Metadata) -> Entry {
    Entry {
        name: name.to_string_lossy().into_owned(),
        kind: kind(metadata.file_type()),
        size: metadata.len(),
        mtime: time(metadata.modified().ok()),
    }
}

fn kind(kind: FileType) -> EntryKind {
    if kind.is_file() {
        EntryKind::File
    } else if kind.is_dir() {
        EntryKind::Directory
    } else if kind.is_symlink() {
        EntryKind::Symlink
    } else {
        EntryKind::Other
    }
}

fn time(time: Option<SystemTime>) -> String {
    time.and_then(|time| Timestamp::try_from(time).ok()).unwrap_or_default().to_string()
}
