//! The folder that memories are kept in, and how its files are written so that none is ever half there.
//!
//! ```text
//! notes/2026-11/mem_….md     one file a memory
//! documents/doc_…/           one folder a document: document.md and the original
//! knowledge/                 files that people put there for ingestion
//! model/                     the embedding model
//! index/                     derived: the catalogue, the text index
//! vectors.db                 derived, but dear: every vector under the hash of its text
//! ```

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::{
        fd::AsRawFd,
        unix::fs::{DirBuilderExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use nix::{
    fcntl::{AT_FDCWD, AtFlags},
    unistd::linkat,
};

use crate::MemoryError;

/// No memory's file is larger.
pub(crate) const LARGEST_NOTE: u64 = 256 << 10;

/// Where things are.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Self, MemoryError> {
        let folder = Self(path.to_owned());
        for part in [folder.notes(), folder.documents(), folder.knowledge(), folder.index()] {
            make(&part)?;
        }
        Ok(folder)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    pub(crate) fn notes(&self) -> PathBuf {
        self.0.join("notes")
    }

    pub(crate) fn documents(&self) -> PathBuf {
        self.0.join("documents")
    }

    pub(crate) fn knowledge(&self) -> PathBuf {
        self.0.join("knowledge")
    }

    pub(crate) fn model(&self) -> PathBuf {
        self.0.join("model")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.0.join("index")
    }

    pub(crate) fn vectors(&self) -> PathBuf {
        self.0.join("vectors.db")
    }

    /// Where a new memory's file goes, below the folder.
    pub(crate) fn place(id: &str, created: Timestamp) -> String {
        format!("notes/{}/{id}.md", created.strftime("%Y-%m"))
    }
}

/// A private folder, with those above it.
pub(crate) fn make(folder: &Path) -> Result<(), MemoryError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(MemoryError::io(folder))
}

/// When a file goes to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    Now,
    /// Whoever writes it sees to that.
    Later,
}

/// Writes a file that was not there: whole, under its name. With [`Flush::Now`] it is on disk when this returns; with one
/// flush, because a file without a name gets its content and then its name, and ext4, XFS and Btrfs flush both with the
/// file. Answers with what tells whether it changed since.
pub(crate) fn create(path: &Path, content: &[u8], flush: Flush) -> Result<Stamp, MemoryError> {
    let folder = path.parent().unwrap_or(path);
    let nameless = OpenOptions::new()
        .write(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_TMPFILE | nix::libc::O_CLOEXEC)
        .open(folder);
    let mut file = match nameless {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(folder)?;
            return create(path, content, flush);
        }
        // Some file systems have no files without a name.
        Err(_) => return replace(path, content),
    };
    let named = file.write_all(content).and_then(|()| {
        // While nobody else can have it open.
        let stamp = Stamp::of_facts(&file.metadata()?)?;
        let own = format!("/proc/self/fd/{}", file.as_raw_fd());
        linkat(AT_FDCWD, own.as_str(), AT_FDCWD, path, AtFlags::AT_SYMLINK_FOLLOW)?;
        Ok(stamp)
    });
    match named {
        Ok(stamp) if flush == Flush::Later => Ok(stamp),
        Ok(stamp) => file.sync_all().map(|()| stamp).map_err(MemoryError::io(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(MemoryError::io(path)(error)),
        Err(_) => replace(path, content),
    }
}

/// Writes a file in place of the one that is there: who reads it sees the old one or the new one.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<Stamp, MemoryError> {
    let folder = path.parent().unwrap_or(path);
    // Hidden, so that nobody takes it for a memory.
    let beside = folder.join(format!(".{}.new", path.file_name().unwrap_or_default().to_string_lossy()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        let stamp = Stamp::of_facts(&file.metadata()?)?;
        fs::rename(&beside, path)?;
        File::open(folder)?.sync_all()?;
        Ok(stamp)
    };
    write().map_err(MemoryError::io(path))
}

/// Removes a file so that it stays removed; fine where it is gone already.
pub(crate) fn remove(path: &Path) -> Result<(), MemoryError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(MemoryError::io(path)(error)),
        _ => {
            let folder = path.parent().unwrap_or(path);
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(MemoryError::io(folder))
        }
    }
}

/// What tells whether a file changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Nanoseconds since 1970.
    pub(crate) modified: i64,
    pub(crate) size: u64,
    /// A file put in another's place has another number.
    pub(crate) inode: u64,
}

impl Stamp {
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        Self::of_facts(&fs::symlink_metadata(path)?)
    }

    fn of_facts(facts: &fs::Metadata) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        if !facts.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let modified = facts.mtime().saturating_mul(1_000_000_000).saturating_add(facts.mtime_nsec());
        Ok(Self { modified, size: facts.size(), inode: facts.ino() })
    }
}

/// Every file of a memory below `notes`, as paths below the folder.
pub(crate) fn notes(folder: &Folder) -> Vec<String> {
    let mut found = Vec::new();
    walk(&folder.notes(), 0, &mut |path| {
        if let (true, Ok(below)) = (is_note(path), path.strip_prefix(folder.root())) {
            found.extend(below.to_str().map(str::to_owned));
        }
    });
    found
}

/// Whether a path is that of a memory's file.
pub(crate) fn is_note(path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && path.extension().is_some_and(|ending| ending == "md")
}

/// Every regular file below a folder, 4 folders deep at most; symbolic links are not followed.
pub(crate) fn walk(folder: &Path, depth: u32, found: &mut impl FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth < 4 {
            walk(&entry.path(), depth + 1, found);
        } else if kind.is_file() {
            found(&entry.path());
        }
    }
}

/// The bytes of all files below a folder.
pub(crate) fn size_of(folder: &Path) -> u64 {
    let mut bytes = 0;
    walk(folder, 0, &mut |path| bytes += fs::symlink_metadata(path).map_or(0, |facts| facts.len()));
    bytes
}
