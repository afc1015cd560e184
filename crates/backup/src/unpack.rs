//! Reads an archive into an empty folder, and takes nothing for granted: every byte is summed, every database checked.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufReader, Read},
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

use age::{Decryptor, Identity};
use rusqlite::{Connection, OpenFlags};

use crate::{
    BackupError,
    collect::sum,
    frames::{Decompressed, decompressed},
    manifest::{self, Entry, Kind, LARGEST, MOST_FILES, Manifest, is_below},
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

fn decompress(from: impl Read + Send, into: &Path, durable: bool) -> Result<Manifest, BackupError> {
    let (list, found) = decompressed(from, |stream| read(stream, into))?;
    for folder in list.entries.iter().filter(|entry| entry.kind == Kind::Folder) {
        let path = into.join(&folder.path);
        fs::create_dir_all(&path).map_err(BackupError::io(&path))?;
    }
    let mut found = found.into_iter();
    for wanted in list.files() {
        match found.next() {
            Some(file) if file.path == wanted.path => verify(&file, wanted, &into.join(&wanted.path), durable)?,
            _ => return Err(BackupError::Damaged(format!("{} is missing", wanted.path))),
        }
    }
    if found.next().is_some() {
        return Err(BackupError::Damaged("it holds more than its manifest names".into()));
    }
    if durable {
        // Folders last: their modes may keep their own files from being made.
        for folder in list.entries.iter().rev().filter(|entry| entry.kind == Kind::Folder) {
            own(folder, &into.join(&folder.path))?;
        }
    }
    Ok(list)
}

/// A file that was unpacked.
struct Found {
    path: String,
    bytes: u64,
    sha256: String,
}

/// Unpacks every file, summed, and answers with the manifest behind them.
fn read(stream: Decompressed, into: &Path) -> Result<(Manifest, Vec<Found>), BackupError> {
    let mut tar = tar::Archive::new(stream);
    let mut found = Vec::new();
    let mut list = None;
    for entry in tar.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let name = entry.path().map_err(damaged)?.into_owned();
        if list.is_some() || found.len() >= MOST_FILES {
            return Err(BackupError::Damaged("it goes on where it should end".into()));
        }
        if name == Path::new(manifest::NAME) {
            list = Some(manifest(&mut entry)?);
        } else {
            let below = name.strip_prefix(manifest::FOLDER).ok().and_then(Path::to_str).filter(|path| is_below(path));
            let path = below.ok_or_else(|| BackupError::Damaged(format!("it holds {}", name.display())))?;
            found.push(take(&mut entry, path, into)?);
        }
    }
    // The compressor's own sum stands behind the last byte, and age's behind that.
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(damaged)?;
    let list = list.ok_or_else(|| BackupError::Damaged("it does not end with its manifest".into()))?;
    Ok((list, found))
}

fn damaged(error: impl std::error::Error) -> BackupError {
    BackupError::Damaged(error.to_string())
}

fn manifest(entry: &mut impl Read) -> Result<Manifest, BackupError> {
    let mut text = Vec::new();
    entry.take(LARGEST).read_to_end(&mut text).map_err(damaged)?;
    let list: Manifest = serde_json::from_slice(&text).map_err(damaged)?;
    list.check()?;
    Ok(list)
}

fn take(from: &mut impl Read, path: &str, into: &Path) -> Result<Found, BackupError> {
    let to = into.join(path);
    let wrong = || BackupError::io(&to);
    fs::create_dir_all(to.parent().unwrap_or(into)).map_err(wrong())?;
    let file = File::create_new(&to).map_err(wrong())?;
    let (bytes, sha256) = sum(from, &file).map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull => wrong()(error),
        _ => damaged(error),
    })?;
    Ok(Found { path: path.to_owned(), bytes, sha256 })
}

fn verify(found: &Found, wanted: &Entry, path: &Path, durable: bool) -> Result<(), BackupError> {
    if (found.bytes, &found.sha256) != (wanted.bytes, &wanted.sha256) {
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
