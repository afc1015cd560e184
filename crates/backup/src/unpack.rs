//! Reads an archive into an empty folder, and takes nothing for granted: every byte is summed, every database checked.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufReader, Read},
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

use age::{Decryptor, Identity};
use rusqlite::{Connection, OpenFlags};
use ruzstd::decoding::StreamingDecoder;

use crate::{
    BackupError,
    collect::sum,
    manifest::{self, Entry, Kind, LARGEST, Manifest},
};

/// Unpacks and verifies. With `durable`, all of it is on disk afterwards and has its owners; without, it is scratch.
pub(crate) fn unpack(
    archive: &Path,
    identities: &[&dyn Identity],
    into: &Path,
    durable: bool,
) -> Result<Manifest, BackupError> {
    let file = BufReader::with_capacity(256 << 10, File::open(archive).map_err(BackupError::io(archive))?);
    if archive.extension().is_some_and(|extension| extension == "age") {
        let locked = |error: age::DecryptError| BackupError::Locked(format!("can't be opened: {error}"));
        if identities.is_empty() {
            return Err(BackupError::Locked("no identity was given".into()));
        }
        let decryptor = Decryptor::new_buffered(file).map_err(locked)?;
        let opened = decryptor.decrypt(identities.iter().copied()).map_err(locked)?;
        decompress(opened, into, durable)
    } else {
        decompress(file, into, durable)
    }
}

fn decompress(from: impl Read, into: &Path, durable: bool) -> Result<Manifest, BackupError> {
    let decoder = StreamingDecoder::new(from).map_err(|error| BackupError::Damaged(error.to_string()))?;
    let mut tar = tar::Archive::new(decoder);
    let damaged = |error: io::Error| BackupError::Damaged(error.to_string());
    let mut entries = tar.entries().map_err(damaged)?;
    let mut first = entries.next().ok_or_else(|| BackupError::Damaged("it is empty".into()))?.map_err(damaged)?;
    if first.path().map_err(damaged)?.as_ref() != Path::new(manifest::NAME) || first.size() > LARGEST {
        return Err(BackupError::Damaged("it does not begin with its manifest".into()));
    }
    let mut list = Vec::new();
    first.read_to_end(&mut list).map_err(damaged)?;
    let list: Manifest = serde_json::from_slice(&list).map_err(|error| BackupError::Damaged(error.to_string()))?;
    list.check()?;
    for folder in list.entries.iter().filter(|entry| entry.kind == Kind::Folder) {
        let path = into.join(&folder.path);
        fs::create_dir_all(&path).map_err(BackupError::io(&path))?;
    }
    for wanted in list.files() {
        let missing = || BackupError::Damaged(format!("{} is missing", wanted.path));
        let mut entry = entries.next().ok_or_else(missing)?.map_err(damaged)?;
        if entry.path().map_err(damaged)?.as_ref() != Path::new("state").join(&wanted.path) {
            return Err(missing());
        }
        take(&mut entry, wanted, &into.join(&wanted.path), durable)?;
    }
    if entries.next().is_some() {
        return Err(BackupError::Damaged("it holds more than its manifest names".into()));
    }
    // The compressor's own sum stands behind the last byte, and age's behind that.
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(damaged)?;
    if durable {
        // Folders last: their modes may keep their own files from being made.
        for folder in list.entries.iter().rev().filter(|entry| entry.kind == Kind::Folder) {
            own(folder, &into.join(&folder.path))?;
        }
    }
    Ok(list)
}

fn take(from: &mut impl Read, wanted: &Entry, path: &Path, durable: bool) -> Result<(), BackupError> {
    let mut file = File::create_new(path).map_err(BackupError::io(path))?;
    let (bytes, sha256) = sum(from, &mut file).map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull => BackupError::Io { path: path.to_owned(), source: error },
        _ => BackupError::Damaged(error.to_string()),
    })?;
    if (bytes, &sha256) != (wanted.bytes, &wanted.sha256) {
        return Err(BackupError::Damaged(format!("{} is not what was written", wanted.path)));
    }
    if wanted.kind == Kind::Database {
        check_database(path)?;
    }
    if durable {
        own(wanted, path)?;
    }
    Ok(())
}

fn check_database(path: &Path) -> Result<(), BackupError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags);
    let said: String = opened
        .and_then(|database| database.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)))
        .map_err(BackupError::database(path))?;
    if said == "ok" { Ok(()) } else { Err(BackupError::Damaged(format!("{}: {said}", path.display()))) }
}

/// Mode, owner, and the disk.
fn own(entry: &Entry, path: &Path) -> Result<(), BackupError> {
    if nix::unistd::Uid::effective().is_root() {
        chown(path, Some(entry.uid), Some(entry.gid)).map_err(BackupError::io(path))?;
    }
    fs::set_permissions(path, Permissions::from_mode(entry.mode)).map_err(BackupError::io(path))?;
    File::open(path).and_then(|file| file.sync_all()).map_err(BackupError::io(path))
}
