//! The signing key's file: made at the first start, readable by its owner alone.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use zeroize::Zeroizing;

use super::error::LogError;
use crate::SigningKey;

/// Longer than any key.
const LARGEST: u64 = 4096;

/// The key at `path`, or a new one that is on disk before anything is signed with it.
pub fn load_or_make(path: &Path) -> Result<SigningKey, LogError> {
    let broken = |why: String| LogError::KeyFile { path: path.to_owned(), why };
    match File::open(path) {
        Ok(file) => {
            let mode = file.metadata().map_err(|error| broken(error.to_string()))?.mode();
            if mode & 0o077 != 0 {
                return Err(broken(format!(
                    "others may read it (mode {:o}); it must be 600, and it may be known to them",
                    mode & 0o777
                )));
            }
            let mut text = Zeroizing::new(String::new());
            file.take(LARGEST).read_to_string(&mut text).map_err(|error| broken(error.to_string()))?;
            SigningKey::parse(&text).map_err(|error| broken(error.to_string()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = SigningKey::generate()?;
            write(path, &key).map_err(|error| broken(error.to_string()))?;
            Ok(key)
        }
        Err(error) => Err(broken(error.to_string())),
    }
}

/// Whole or not at all: a key of which a power cut left half would be a lost identity.
fn write(path: &Path, key: &SigningKey) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(key.to_secret_text().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.key");
        let first = load_or_make(&path).unwrap().verifying();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(load_or_make(&path).unwrap().verifying(), first);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(load_or_make(&path).unwrap_err().to_string().contains("640"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "nonsense").unwrap();
        // A key that is broken is never replaced: whoever has its checkpoints would not know the new one.
        assert!(matches!(load_or_make(&path), Err(LogError::KeyFile { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "nonsense");
    }
}
