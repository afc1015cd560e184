//! Writes a file: replaced whole and durably, or appended to.

use std::{
    fs::{File, Metadata, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, fchown},
    path::Path,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use nix::{
    errno::Errno,
    fcntl::{OFlag, openat, renameat},
    sys::stat::Mode,
    unistd::{UnlinkatFlags, unlinkat},
};
use osmoda_api::agentd::{Encoding, FileWriteRequest, LARGEST_FILE, Written};

use super::{
    FileError,
    place::{Place, absolute},
};

/// Writes what is asked. `check` is asked about where the path really leads, before anything is made there.
pub(crate) fn write(
    request: &FileWriteRequest,
    check: impl Fn(&Path) -> Result<(), FileError>,
) -> Result<Written, FileError> {
    let asked = absolute(&request.path)?;
    let mode = request.mode.as_deref().map(parse_mode).transpose()?;
    let content = match request.encoding.unwrap_or_default() {
        Encoding::Utf8 => request.content.as_bytes().to_vec(),
        Encoding::Base64 => BASE64_STANDARD.decode(&request.content).map_err(|_| FileError::BadBase64)?,
    };
    if content.len() as u64 > LARGEST_FILE {
        return Err(FileError::TooLarge { path: asked.to_owned(), size: content.len() as u64 });
    }
    let place = Place::find(asked, true, &check)?;
    check(&place.path)?;
    let existing = existing(&place)?;
    if request.append.unwrap_or(false) {
        append(&place, &content, mode)?;
    } else {
        replace(&place, &content, mode, existing.as_ref())?;
    }
    Ok(Written { path: place.path.to_string_lossy().into_owned(), bytes: content.len() as u64 })
}

fn parse_mode(text: &str) -> Result<u32, FileError> {
    let bad = || FileError::BadMode(text.chars().take(16).collect());
    if !(3..=5).contains(&text.len()) || !text.bytes().all(|digit| (b'0'..=b'7').contains(&digit)) {
        return Err(bad());
    }
    u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777).ok_or_else(bad)
}

/// What is there now; anything but a regular file is no place to write.
fn existing(place: &Place) -> Result<Option<Metadata>, FileError> {
    match std::fs::symlink_metadata(&place.path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata)),
        Ok(_) => Err(FileError::WrongKind { path: place.path.clone(), wanted: "a regular file" }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::of(&place.path)(error)),
    }
}

/// A new file beside the old one takes its mode and owner, is on disk before it takes its name, and its name is on disk
/// before anybody is told: a power cut leaves the old content or the new, whole.
fn replace(place: &Place, content: &[u8], mode: Option<u32>, existing: Option<&Metadata>) -> Result<(), FileError> {
    let fail = FileError::of(&place.path);
    let unfinished = format!(".osmoda-{}.tmp", ulid::Ulid::generate());
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let opened = openat(&place.folder, unfinished.as_str(), flags, Mode::from_bits_truncate(0o600));
    let mut file = File::from(opened.map_err(|errno| fail(errno.into()))?);
    let mut finish = || -> io::Result<()> {
        file.write_all(content)?;
        if let Some(existing) = existing {
            // Not root, and not ours: the new file stays ours then.
            match fchown(&file, Some(existing.uid()), Some(existing.gid())) {
                Err(error) if error.raw_os_error() != Some(libc::EPERM) => return Err(error),
                _ => {}
            }
        }
        let kept = existing.map(|existing| existing.mode() & 0o7777);
        file.set_permissions(Permissions::from_mode(mode.or(kept).unwrap_or(0o644)))?;
        file.sync_all()?;
        renameat(&place.folder, unfinished.as_str(), &place.folder, place.name.as_os_str())?;
        place.folder.sync_all()
    };
    finish().map_err(|error| {
        // Gone already where only the last sync failed; left behind only where even this fails.
        let _ = unlinkat(&place.folder, unfinished.as_str(), UnlinkatFlags::NoRemoveDir);
        fail(error)
    })
}

/// All of it, or the file as it was.
fn append(place: &Place, content: &[u8], mode: Option<u32>) -> Result<(), FileError> {
    let fail = FileError::of(&place.path);
    let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let (opened, is_new) = match openat(&place.folder, place.name.as_os_str(), flags, Mode::empty()) {
        Err(Errno::ENOENT) => (
            openat(
                &place.folder,
                place.name.as_os_str(),
                flags | OFlag::O_CREAT | OFlag::O_EXCL,
                Mode::from_bits_truncate(0o644),
            ),
            true,
        ),
        opened => (opened, false),
    };
    let mut file = File::from(opened.map_err(|errno| fail(errno.into()))?);
    let before = file.metadata().map_err(&fail)?;
    let mut finish = || -> io::Result<()> {
        if let Some(mode) = mode {
            file.set_permissions(Permissions::from_mode(mode))?;
        }
        file.write_all(content)?;
        file.sync_all()?;
        if is_new { place.folder.sync_all() } else { Ok(()) }
    };
    finish().map_err(|error| {
        let _ = file.set_len(before.len());
        if is_new {
            let _ = unlinkat(&place.folder, place.name.as_os_str(), UnlinkatFlags::NoRemoveDir);
        }
        fail(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal_and_nothing_else() {
        for (text, mode) in [("644", 0o644), ("0640", 0o640), ("4755", 0o4755), ("00600", 0o600)] {
            assert_eq!(parse_mode(text).unwrap(), mode);
        }
        for text in ["", "6", "68", "899", "rw-", "+644", "-644", "17777", "000644"] {
            assert!(parse_mode(text).is_err(), "{text}");
        }
    }
}
