//! Where a path leads: the folder it is in, held open, so that nobody can move it between the look and the act.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    os::{
        fd::AsRawFd,
        unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    },
    path::{Component, Path, PathBuf},
};

use nix::{
    errno::Errno,
    sys::stat::{Mode, mkdirat},
};

use super::FileError;

/// The most symbolic links that a last path component may lead through (as many as the kernel allows).
const MOST_LINKS: usize = 40;

/// A name in a folder that is held open.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) folder: File,
    pub(super) name: OsString,
    /// The whole path as the kernel knows it.
    pub(super) path: PathBuf,
}

/// The path, checked for form alone.
pub(super) fn absolute(path: &str) -> Result<&Path, FileError> {
    if path.starts_with('/') && path.len() <= 4096 && !path.contains('\0') {
        Ok(Path::new(path))
    } else {
        Err(FileError::BadPath(path.chars().take(256).collect()))
    }
}

impl Place {
    /// Follows every link of `path`, also the last one. Missing folders are made where `make` says so; before the first
    /// is made, `check` is asked about the whole path.
    pub(super) fn find(
        path: &Path,
        make: bool,
        check: &impl Fn(&Path) -> Result<(), FileError>,
    ) -> Result<Self, FileError> {
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS {
            let (parent, name) = split(&path)?;
            let folder = open_folder(&parent, &name, make, check)?;
            let real = real_path(&folder, &path)?;
            let whole = real.join(&name);
            match fs::read_link(&whole) {
                Ok(target) => path = real.join(target),
                Err(_) => return Ok(Self { folder, name, path: whole }),
            }
        }
        Err(FileError::Loop(path))
    }
}

/// An entry of a folder that is held open; a link at the end is the entry itself.
pub(super) fn entry(path: &Path) -> Result<Place, FileError> {
    let (parent, name) = split(path)?;
    let folder = open_dir(&parent)?;
    let path = real_path(&folder, path)?.join(&name);
    Ok(Place { folder, name, path })
}

fn split(path: &Path) -> Result<(PathBuf, OsString), FileError> {
    let not_file = || FileError::WrongKind { path: path.to_owned(), wanted: "the path of a file" };
    // `a/.` and `a/` name a folder though Path::file_name says `a`.
    if path.as_os_str().as_bytes().ends_with(b"/") || path.as_os_str().as_bytes().ends_with(b"/.") {
        return Err(not_file());
    }
    match path.components().next_back() {
        Some(Component::Normal(name)) => Ok((path.parent().unwrap_or(Path::new("/")).to_owned(), name.to_owned())),
        _ => Err(not_file()),
    }
}

fn open_folder(
    parent: &Path,
    name: &OsStr,
    make: bool,
    check: &impl Fn(&Path) -> Result<(), FileError>,
) -> Result<File, FileError> {
    match open_dir(parent) {
        Err(FileError::Missing(_)) if make => {}
        opened => return opened,
    }
    // The deepest folder that is there, and what must be made below it.
    let mut missing = Vec::new();
    let mut there = parent;
    let mut folder = loop {
        match (open_dir(there), there.file_name(), there.parent()) {
            (Err(FileError::Missing(_)), Some(step), Some(above)) => {
                missing.push(step.to_owned());
                there = above;
            }
            (opened, _, _) => break opened?,
        }
    };
    let mut whole = real_path(&folder, there)?;
    whole.extend(missing.iter().rev());
    check(&whole.join(name))?;
    for step in missing.iter().rev() {
        match mkdirat(&folder, step.as_os_str(), Mode::from_bits_truncate(0o755)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(FileError::of(parent)(errno.into())),
        }
        let opened = nix::fcntl::openat(
            &folder,
            step.as_os_str(),
            nix::fcntl::OFlag::O_DIRECTORY | nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_CLOEXEC,
            Mode::empty(),
        );
        let made = File::from(opened.map_err(|errno| FileError::of(parent)(errno.into()))?);
        // The name of a folder just made must outlive a power cut as its file does.
        folder.sync_all().map_err(FileError::of(parent))?;
        folder = made;
    }
    Ok(folder)
}

fn open_dir(path: &Path) -> Result<File, FileError> {
    OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(path).map_err(FileError::of(path))
}

/// What the kernel calls an open file.
pub(super) fn real_path(file: &File, asked: &Path) -> Result<PathBuf, FileError> {
    fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(FileError::of(asked))
}
