//! The signing key's file: made at the first start, readable by its owner alone.

use std::path::Path;

use osmoda_ipc::daemon::{Guardian, read_secret, write_secret};
use zeroize::Zeroizing;

use super::error::LogError;
use crate::SigningKey;

/// The key at `path`, or a new one that is on disk before anything is signed with it.
pub fn load_or_make(path: &Path) -> Result<SigningKey, LogError> {
    let broken = |why: String| LogError::KeyFile { path: path.to_owned(), why };
    match read_secret(path, Guardian::Owner) {
        Ok(text) => SigningKey::parse(&String::from_utf8_lossy(&text)).map_err(|error| broken(error.to_string())),
        Err(error) if error.is_missing() => {
            let key = SigningKey::generate()?;
            let text = Zeroizing::new(format!("{}\n", key.to_secret_text().as_str()));
            write_secret(path, text.as_bytes()).map_err(|error| broken(error.to_string()))?;
            Ok(key)
        }
        Err(error) => Err(broken(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

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
