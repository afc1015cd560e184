//! The signing key's file: made at the first start, readable by its owner alone.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use osmoda_capability::SigningKey;
use zeroize::Zeroizing;

use super::CapabilityError;

/// Longer than any key.
const LARGEST: u64 = 256;

/// The key at `path`, or a new one that is on disk before anything is signed with it. A key that is broken is never
/// replaced: every token that is out would fall.
pub(super) fn load_or_make(path: &Path) -> Result<SigningKey, CapabilityError> {
    match File::open(path) {
        Ok(file) => {
            let mode = file.metadata().map_err(|error| CapabilityError::key(path, &error))?.mode();
            if mode & 0o077 != 0 {
                let why = format!("others may read it (mode {:o}); it must be 600", mode & 0o777);
                return Err(CapabilityError::key(path, &why));
            }
            let mut text = Zeroizing::new(String::new());
            file.take(LARGEST).read_to_string(&mut text).map_err(|error| CapabilityError::key(path, &error))?;
            SigningKey::parse(&text).map_err(|error| CapabilityError::key(path, &error))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = SigningKey::generate().map_err(|error| CapabilityError::no_key(path, &error))?;
            write(path, &key).map_err(|error| CapabilityError::key(path, &error))?;
            Ok(key)
        }
        Err(error) => Err(CapabilityError::key(path, &error)),
    }
}

/// Whole or not at all.
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
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("capability.key");
        let first = load_or_make(&path).unwrap().public();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(load_or_make(&path).unwrap().public(), first);
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(load_or_make(&path).unwrap_err().to_string().contains("640"));
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "nonsense").unwrap();
        assert!(load_or_make(&path).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "nonsense");
    }
}
