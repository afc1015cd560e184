//! Files that are their daemon's alone, whatever folder and umask they meet.

use std::{
    fs::{self, OpenOptions, Permissions},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use tracing::warn;

/// Only the owner reads and writes.
const MODE: u32 = 0o600;

/// Makes the database at `path`, empty where it is missing, its owner's alone; SQLite gives what it puts beside it the
/// same rights. Where that can't be, whoever opens it next says so.
pub fn keep_private(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        let kept = match fs::metadata(&name) {
            Ok(there) if there.permissions().mode() & 0o777 == MODE => Ok(()),
            // By its name: to open and close a database that this process has open elsewhere would drop the locks on it
            // (fcntl_locking(2)).
            Ok(_) => fs::set_permissions(&name, Permissions::from_mode(MODE)),
            Err(_) if end.is_empty() => {
                OpenOptions::new().write(true).create_new(true).mode(MODE).open(&name).map(drop)
            }
            Err(_) => Ok(()),
        };
        if let Err(error) = kept {
            warn!(%error, file = %name.display(), "a file can't be made private");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_and_old_files_are_their_owners_alone_and_keep_their_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        keep_private(&path);
        assert_eq!((mode(&path), fs::read(&path).unwrap().len()), (0o600, 0));
        let log = folder.path().join("a.db-wal");
        for path in [&path, &log] {
            fs::write(path, "content").unwrap();
            fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
        }
        keep_private(&path);
        assert_eq!((mode(&path), mode(&log)), (0o600, 0o600));
        assert_eq!(fs::read_to_string(&path).unwrap(), "content");
        assert!(!folder.path().join("a.db-shm").exists());
        keep_private(Path::new("/nonexistent/a.db"));
    }
}
