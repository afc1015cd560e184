//! Files and links that change whole or not at all, and are on disk when that returns.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, symlink},
    path::Path,
};

/// What is written and not yet in its place.
fn unready(path: &Path) -> std::path::PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.osmoda-new"))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What stands in the folder is on disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// The link leads there: before, or from now on.
pub(super) fn lead(link: &Path, to: &Path) -> io::Result<()> {
    let new = unready(link);
    remove(&new)?;
    symlink(to, &new)?;
    fs::rename(&new, link)?;
    sync_folder(link)
}

/// The file holds this: all of it, or what it held. `finish` sets owner and permissions before it is seen.
pub(super) fn write(path: &Path, content: &[u8], finish: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let new = unready(path);
    remove(&new)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(content)?;
    finish(&file)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_folder(path)
}

/// The file is gone.
pub(super) fn delete(path: &Path) -> io::Result<()> {
    remove(&unready(path))?;
    remove(path)?;
    sync_folder(path)
}

/// What a crash left half written is gone.
pub(super) fn tidy(path: &Path) {
    let _ = remove(&unready(path));
}
