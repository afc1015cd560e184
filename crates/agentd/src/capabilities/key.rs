//! The signing key's file: made at the first start, readable by its owner alone.

use std::path::Path;

use osmoda_capability::SigningKey;
use osmoda_ipc::daemon::{Guardian, read_secret, write_secret};
use zeroize::Zeroizing;

use super::CapabilityError;

/// The key at `path`, or a new one that is on disk before anything is signed with it. A key that is broken is never
/// replaced: every token that is out would fall.
pub(super) fn load_or_make(path: &Path) -> Result<SigningKey, CapabilityError> {
    match read_secret(path, Guardian::Owner) {
        Ok(text) => {
            SigningKey::parse(&String::from_utf8_lossy(&text)).map_err(|error| CapabilityError::key(path, &error))
        }
        Err(error) if error.is_missing() => {
            let key = SigningKey::generate().map_err(|error| CapabilityError::key(path, &error))?;
            let text = Zeroizing::new(format!("{}\n", key.to_secret_text().as_str()));
            write_secret(path, text.as_bytes()).map_err(|error| CapabilityError::key(path, &error))?;
            Ok(key)
        }
        Err(error) => Err(CapabilityError::key(path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::Permissions,
        os::unix::fs::{MetadataExt, PermissionsExt},
    };

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
