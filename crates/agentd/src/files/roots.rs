//! Operators' files: below the allowed roots, and nowhere else, whatever links lie in between.

use std::{
    fs,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use nix::{
    fcntl::{RenameFlags, renameat2},
    sys::stat::{Mode, mkdirat},
    unistd::{UnlinkatFlags, unlinkat},
};
use osmoda_api::agentd::{
    Directory, DirectoryRequest, Encoding, FileChanged, FileContent, FileDelete, FileDownload, FileReadRequest,
    FileRename, FileUpload, FileWriteRequest, Written,
};

use super::{
    FileError, list, place,
    place::{Place, absolute},
    read,
    read::read_whole,
    write,
};

/// The folders below which operators' clients may work.
#[derive(Clone, Debug)]
pub(crate) struct Roots(Vec<PathBuf>);

impl Roots {
    /// As configured; one that does not exist allows nothing.
    pub(crate) fn new(configured: &[PathBuf]) -> Self {
        Self(configured.iter().filter_map(|root| fs::canonicalize(root).ok()).collect())
    }

    /// A real path below a root, or a root itself.
    fn holds(&self, path: &Path) -> Result<(), FileError> {
        if self.0.iter().any(|root| path.starts_with(root)) {
            Ok(())
        } else {
            Err(FileError::OutsideRoots(path.into()))
        }
    }

    pub(crate) fn list(&self, request: &DirectoryRequest) -> Result<Directory, FileError> {
        let asked = absolute(&request.path)?;
        let real = fs::canonicalize(asked).map_err(FileError::of(asked))?;
        self.holds(&real)?;
        let listed = list(&DirectoryRequest { path: real.to_string_lossy().into_owned(), ..request.clone() })?;
        // The path may have been led elsewhere between the look and the act.
        self.holds(Path::new(&listed.path))?;
        Ok(listed)
    }

    pub(crate) fn read(&self, request: &FileReadRequest) -> Result<FileContent, FileError> {
        read(request, |path| self.holds(path))
    }

    pub(crate) fn write(&self, request: &FileWriteRequest) -> Result<Written, FileError> {
        write(request, |path| self.holds(path))
    }

    pub(crate) fn upload(&self, request: FileUpload) -> Result<Written, FileError> {
        let FileUpload { path, content, mode } = request;
        let encoding = Some(Encoding::Base64);
        self.write(&FileWriteRequest { path, content, mode, encoding, ..FileWriteRequest::default() })
    }

    pub(crate) fn download(&self, path: &str) -> Result<FileDownload, FileError> {
        let (path, bytes) = read_whole(absolute(path)?, |path| self.holds(path))?;
        let size = bytes.len() as u64;
        Ok(FileDownload { path: path.to_string_lossy().into_owned(), content: BASE64_STANDARD.encode(bytes), size })
    }

    pub(crate) fn mkdir(&self, path: &str) -> Result<FileChanged, FileError> {
        let place = self.entry(path)?;
        let made = mkdirat(&place.folder, place.name.as_os_str(), Mode::from_bits_truncate(0o755));
        made.map_err(|errno| FileError::of(&place.path)(errno.into()))?;
        changed(&place)
    }

    pub(crate) fn rename(&self, request: &FileRename) -> Result<FileChanged, FileError> {
        let (from, to) = (self.entry(&request.path)?, self.entry(&request.to)?);
        let flags = RenameFlags::RENAME_NOREPLACE;
        let renamed = renameat2(&from.folder, from.name.as_os_str(), &to.folder, to.name.as_os_str(), flags);
        renamed.map_err(|errno| FileError::of(&to.path)(errno.into()))?;
        changed(&from)?;
        changed(&to)
    }

    pub(crate) fn delete(&self, request: &FileDelete) -> Result<FileChanged, FileError> {
        let place = self.entry(&request.path)?;
        let fail = FileError::of(&place.path);
        // By way of the folder that is held open: nobody can lead the path elsewhere meanwhile.
        let held = PathBuf::from(format!("/proc/self/fd/{}", place.folder.as_raw_fd())).join(&place.name);
        let metadata = fs::symlink_metadata(&held).map_err(&fail)?;
        if metadata.is_dir() && request.recursive.unwrap_or(false) {
            fs::remove_dir_all(&held).map_err(&fail)?;
        } else {
            let flags = if metadata.is_dir() { UnlinkatFlags::RemoveDir } else { UnlinkatFlags::NoRemoveDir };
            unlinkat(&place.folder, place.name.as_os_str(), flags).map_err(|errno| fail(errno.into()))?;
        }
        changed(&place)
    }

    /// An entry of a folder below a root, itself no root; a link at the end is the entry.
    fn entry(&self, path: &str) -> Result<Place, FileError> {
        let place = place::entry(absolute(path)?)?;
        self.holds(&place.path)?;
        if self.0.contains(&place.path) { Err(FileError::IsRoot(place.path)) } else { Ok(place) }
    }
}

/// On disk before anybody is told.
fn changed(place: &Place) -> Result<FileChanged, FileError> {
    place.folder.sync_all().map_err(FileError::of(&place.path))?;
    Ok(FileChanged { path: place.path.to_string_lossy().into_owned() })
}
