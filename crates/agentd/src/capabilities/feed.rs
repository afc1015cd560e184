//! The feed's file: replaced whole, so that a reader never sees half of one.

use std::{
    fs::{File, OpenOptions, remove_file, rename},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Writes it beside its place, brings it to the disk and moves it in. All may read it who reach the folder.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension("new");
    match remove_file(&fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    rename(&fresh, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
