//! Which limits an ended command came up against, as far as they can be seen from inside.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nix::sys::statvfs::statvfs;

use crate::{
    limits::Limit,
    plan::Ended,
    view::{HOME, WORK},
};

/// How many files are looked at.
const MOST_FILES: usize = 2000;

/// The limits that show.
pub(super) fn hits(ended: Ended, largest: u64) -> Vec<Limit> {
    let mut hits = Vec::new();
    // A shell passes on how its last command ended.
    match ended.code() - 128 {
        libc::SIGXCPU => hits.push(Limit::CpuTime),
        libc::SIGXFSZ => hits.push(Limit::FileSize),
        _ => {}
    }
    let folders = [WORK, HOME, "/tmp", "/dev/shm"].map(Path::new);
    let room = |folder: &Path| statvfs(folder).ok();
    if folders
        .iter()
        .any(|folder| room(folder).is_some_and(|stat| stat.blocks_available() == 0 || stat.files_available() == 0))
    {
        hits.push(Limit::Disk);
    }
    // A program that goes on without the signal has left a file as large as may be.
    if !hits.contains(&Limit::FileSize) && folders.iter().any(|folder| holds_file_of(folder, largest)) {
        hits.push(Limit::FileSize);
    }
    hits
}

/// Whether a file of this size is somewhere below.
fn holds_file_of(folder: &Path, size: u64) -> bool {
    let (mut folders, mut seen) = (vec![PathBuf::from(folder)], 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            seen += 1;
            if seen > MOST_FILES {
                return false;
            }
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => folders.push(entry.path()),
                Ok(meta) if meta.is_file() && meta.len() >= size => return true,
                _ => {}
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_grew_to_the_limit_is_found_also_below() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/b"), [0; 100]).unwrap();
        assert!(holds_file_of(folder.path(), 100));
        assert!(!holds_file_of(folder.path(), 101));
        assert!(hits(Ended::Signal(libc::SIGXFSZ), u64::MAX).contains(&Limit::FileSize));
        assert!(hits(Ended::Exit(128 + libc::SIGXCPU), u64::MAX).contains(&Limit::CpuTime));
        assert!(!hits(Ended::Exit(0), u64::MAX).contains(&Limit::CpuTime));
    }
}
