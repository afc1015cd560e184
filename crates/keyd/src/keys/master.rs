//! The master key: from a systemd credential, from a passphrase, or from a file made at first start.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use argon2::{Algorithm, Argon2, Params, Version};
use osmoda_ipc::daemon::{Guardian, SecretError, read_secret, write_secret};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    KeyError,
    locked::Locked,
    random,
    seal::{Sealed, open, seal},
};

/// The credential's name, as in `LoadCredentialEncrypted=keyd-master-key:...`.
const CREDENTIAL: &str = "keyd-master-key";
/// What the check seals.
const CHECK: &[u8] = b"osmoda-keyd-check-1";

/// Where the master key comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// The systemd credential `keyd-master-key` where there is one, else the key file.
    #[default]
    Auto,
    /// The systemd credential `keyd-master-key` alone.
    Credential,
    /// A passphrase in this file, or in the systemd credential of this name, through Argon2id (64 MiB, 3 passes).
    Passphrase(PathBuf),
    /// `master.key` in keyd's state folder, made at first start with mode 0600.
    File,
}

/// The key that all wallets are sealed under.
#[derive(Debug)]
pub(crate) struct MasterKey(Locked);

impl MasterKey {
    /// Finds or makes it, and checks that it is the one the wallets in `folder` were sealed under.
    pub(crate) fn open(source: &KeySource, folder: &Path) -> Result<Self, KeyError> {
        let credentials = env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let credential = credentials.as_ref().map(|folder| folder.join(CREDENTIAL));
        let mut bytes = match source {
            KeySource::Auto => match credential.filter(|path| path.exists()) {
                Some(path) => of_file(&path, Guardian::Giver)?,
                None => file_or_new(&folder.join("master.key"))?,
            },
            KeySource::Credential => match credential.filter(|path| path.exists()) {
                Some(path) => of_file(&path, Guardian::Giver)?,
                None => return Err(KeyError::NoSource(format!("the systemd credential {CREDENTIAL}"))),
            },
            KeySource::File => file_or_new(&folder.join("master.key"))?,
            KeySource::Passphrase(path) => {
                let path = credentials.map_or_else(|| path.clone(), |folder| folder.join(path));
                of_passphrase(&path, &folder.join("master.salt"))?
            }
        };
        let key = Self(Locked::new(&mut bytes).map_err(KeyError::NoPage)?);
        key.check(&folder.join("master.check"))?;
        Ok(key)
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        self.0.bytes()
    }

    /// Whether the system agreed to keep it out of the swap.
    pub(crate) fn is_locked(&self) -> bool {
        self.0.is_locked()
    }

    /// A wrong key is found at the start, before anything new is sealed under it.
    fn check(&self, path: &Path) -> Result<(), KeyError> {
        match fs::read(path) {
            Ok(bytes) => {
                let (nonce, ciphertext) = bytes.split_first_chunk().ok_or(KeyError::WrongMaster)?;
                let sealed = Sealed { nonce: *nonce, ciphertext: ciphertext.to_vec() };
                open(self.bytes(), CHECK, &sealed).map(|_| ()).ok_or(KeyError::WrongMaster)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let sealed = seal(self.bytes(), CHECK, CHECK)?;
                write_new(path, &[&sealed.nonce[..], &sealed.ciphertext].concat())
            }
            Err(source) => Err(KeyError::Io { path: path.to_owned(), source }),
        }
    }
}

/// A key through Argon2id: 64 MiB, 3 passes, 1 lane.
pub(super) fn stretch(passphrase: &[u8], salt: &[u8; 16]) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let params = Params::new(64 << 10, 3, 1, Some(32)).map_err(|error| KeyError::Derivation(error.to_string()))?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase, salt, key.as_mut())
        .map_err(|error| KeyError::Derivation(error.to_string()))?;
    Ok(key)
}

fn of_passphrase(path: &Path, salt_path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let text = read(path, Guardian::Owner)?;
    let passphrase = text.strip_suffix(b"\n").unwrap_or(&text);
    if passphrase.is_empty() {
        return Err(KeyError::BadFile { path: path.to_owned(), why: "it holds no passphrase".into() });
    }
    if !salt_path.exists() {
        write_new(salt_path, &random::<16>()?)?;
    }
    let salt = fs::read(salt_path).map_err(|source| KeyError::Io { path: salt_path.to_owned(), source })?;
    let salt = <[u8; 16]>::try_from(salt.as_slice())
        .map_err(|_| KeyError::BadFile { path: salt_path.to_owned(), why: "a salt has 16 bytes".into() })?;
    stretch(passphrase, &salt)
}

fn file_or_new(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    if !path.exists() {
        let fresh = Zeroizing::new(random::<32>()?);
        write_new(path, fresh.as_ref())?;
    }
    of_file(path, Guardian::Owner)
}

/// 32 bytes, or 64 hex digits.
fn of_file(path: &Path, guardian: Guardian) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let bytes = read(path, guardian)?;
    if let Ok(raw) = <[u8; 32]>::try_from(bytes.as_slice()) {
        return Ok(Zeroizing::new(raw));
    }
    let mut key = Zeroizing::new([0; 32]);
    let text = bytes.trim_ascii();
    let decoded = text.len() == 64 && alloy_primitives::hex::decode_to_slice(text, key.as_mut()).is_ok();
    if decoded { Ok(key) } else { Err(KeyError::BadFile { path: path.to_owned(), why: "a key has 32 bytes".into() }) }
}

fn read(path: &Path, guardian: Guardian) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    read_secret(path, guardian).map_err(|error| match error {
        SecretError::Io(source) => KeyError::Io { path: path.to_owned(), source },
        SecretError::Unfit(why) => KeyError::BadFile { path: path.to_owned(), why: why.into() },
    })
}

/// A new file, its owner's alone, on disk under its name when this returns.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    write_secret(path, bytes).map_err(|source| KeyError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn a_key_file_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let first = *MasterKey::open(&KeySource::File, folder.path()).unwrap().bytes();
        let path = folder.path().join("master.key");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(*MasterKey::open(&KeySource::File, folder.path()).unwrap().bytes(), first);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(MasterKey::open(&KeySource::File, folder.path()), Err(KeyError::BadFile { .. })));
    }

    #[test]
    fn another_master_key_is_refused_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        drop(MasterKey::open(&KeySource::File, folder.path()).unwrap());
        fs::write(folder.path().join("master.key"), [9; 32]).unwrap();
        assert!(matches!(MasterKey::open(&KeySource::File, folder.path()), Err(KeyError::WrongMaster)));
    }

    #[test]
    fn a_passphrase_gives_the_same_key_with_the_same_salt_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passphrase");
        write_new(&file, b"correct horse battery staple\n").unwrap();
        let source = KeySource::Passphrase(file.clone());
        let first = *MasterKey::open(&source, folder.path()).unwrap().bytes();
        assert_eq!(*MasterKey::open(&source, folder.path()).unwrap().bytes(), first);
        write_new(&file, b"wrong horse\n").unwrap();
        assert!(matches!(MasterKey::open(&source, folder.path()), Err(KeyError::WrongMaster)));
    }
}
