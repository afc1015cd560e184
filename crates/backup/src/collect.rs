//! Collects the state into a scratch folder while everything runs: each database by SQLite's own backup, in one read
//! transaction, then the other files.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, backup::Backup};
use sha2::{Digest, Sha256};

use crate::{
    BackupError,
    manifest::{Entry, Kind, MOST_FILES, hex},
    shelf::FOLDER,
};

/// How a SQLite file begins (its file format, 1.3).
const SQLITE: &[u8] = b"SQLite format 3\0";
/// What belongs to an open database, and is in its copy.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Copies everything below `state` but the backups themselves into `into`. Databases come first.
pub(crate) fn collect(state: &Path, into: &Path) -> Result<Vec<Entry>, BackupError> {
    let mut found = Vec::new();
    walk(state, Path::new(""), &mut found)?;
    found.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    let mut entries = Vec::with_capacity(found.len());
    for kind in [Kind::Folder, Kind::Database, Kind::File] {
        for (path, _, metadata) in found.iter().filter(|(_, of, _)| *of == kind) {
            if let Some(bytes) = copy(&state.join(path), &into.join(path), kind)? {
                let path = path.to_str().ok_or_else(|| not_text(path))?.to_owned();
                let (mode, uid, gid) = (metadata.mode() & 0o7777, metadata.uid(), metadata.gid());
                entries.push(Entry { path, kind, bytes, sha256: String::new(), mode, uid, gid });
            }
        }
    }
    Ok(entries)
}

fn not_text(path: &Path) -> BackupError {
    let why = io::Error::new(io::ErrorKind::InvalidFilename, "its name is not UTF-8");
    BackupError::Io { path: path.to_owned(), source: why }
}

type Found = (PathBuf, Kind, Metadata);

fn walk(state: &Path, below: &Path, found: &mut Vec<Found>) -> Result<(), BackupError> {
    let folder = state.join(below);
    for entry in fs::read_dir(&folder).map_err(BackupError::io(&folder))? {
        let entry = entry.map_err(BackupError::io(&folder))?;
        let path = below.join(entry.file_name());
        // Gone meanwhile: not of the state any more.
        let Ok(metadata) = entry.metadata() else { continue };
        if path == Path::new(FOLDER) || belongs_to_database(state, &path) {
            continue;
        }
        if metadata.is_dir() {
            found.push((path.clone(), Kind::Folder, metadata));
            walk(state, &path, found)?;
        } else if metadata.is_file() {
            let kind = if is_database(&entry.path()) { Kind::Database } else { Kind::File };
            found.push((path, kind, metadata));
        }
        // Links, sockets and pipes are no state.
        if found.len() > MOST_FILES {
            return Err(BackupError::TooMany(MOST_FILES));
        }
    }
    Ok(())
}

fn is_database(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(SQLITE.len() as u64).read_to_end(&mut head));
    // One that was never folded in is empty, with all of it in the log beside it.
    read.is_ok() && (head == SQLITE || head.is_empty() && beside(path, "-wal").exists())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn belongs_to_database(state: &Path, path: &Path) -> bool {
    let Some(text) = path.to_str() else { return false };
    BESIDE.iter().filter_map(|suffix| text.strip_suffix(suffix)).any(|owner| state.join(owner).is_file())
}

/// Size of the copy; nothing where the file has gone meanwhile.
fn copy(from: &Path, to: &Path, kind: Kind) -> Result<Option<u64>, BackupError> {
    match kind {
        Kind::Folder => fs::create_dir_all(to).map_err(BackupError::io(to)).map(|()| Some(0)),
        Kind::Database => {
            copy_database(from, to).map_err(BackupError::database(from))?;
            fs::metadata(to).map(|metadata| Some(metadata.len())).map_err(BackupError::io(to))
        }
        Kind::File => match File::open(from) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => {
                let mut from_file = opened.map_err(BackupError::io(from))?;
                let mut to_file = File::create(to).map_err(BackupError::io(to))?;
                io::copy(&mut from_file, &mut to_file).map(Some).map_err(BackupError::io(from))
            }
        },
    }
}

fn copy_database(from: &Path, to: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags)?;
    source.busy_timeout(Duration::from_secs(10))?;
    let mut copy = Connection::open(to)?;
    // The copy is scratch until its archive is on disk.
    copy.pragma_update(None, "synchronous", "OFF")?;
    // All pages in one step: one read transaction, which no writer waits for and no writer restarts.
    Backup::new(&source, &mut copy)?.run_to_completion(i32::MAX, Duration::from_millis(5), None)?;
    // One file, without a log beside it.
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    copy.close().map_err(|(_, error)| error)
}

/// Copies, and answers with the number of bytes and their sum.
pub(crate) fn sum(mut from: impl Read, mut to: impl Write) -> io::Result<(u64, String)> {
    let (mut digest, mut bytes, mut chunk) = (Sha256::new(), 0, vec![0; 256 << 10]);
    loop {
        match from.read(&mut chunk)? {
            0 => return Ok((bytes, hex(digest))),
            n => {
                let read = chunk.get(..n).unwrap_or_default();
                digest.update(read);
                to.write_all(read)?;
                bytes += n as u64;
            }
        }
    }
}
