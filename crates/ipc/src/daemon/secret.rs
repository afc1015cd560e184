//! Files that hold a secret: a key, a passphrase.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use nix::{libc::O_NOFOLLOW, unistd::Uid};
use zeroize::Zeroizing;

/// A page: longer than any secret.
const LARGEST: u64 = 4096;

/// Who looks after a secret's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guardian {
    /// Its owner, who is this account or root: nobody else may read or write it.
    Owner,
    /// Whoever handed it in: systemd sets its own rights on a credential.
    Giver,
}

/// A secret's file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It can't be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What it is, or whose, is not what a secret's file must be.
    #[error("{0}")]
    Unfit(String),
}

impl SecretError {
    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == ErrorKind::NotFound)
    }
}

/// The first 4096 bytes of a secret's file, which is no link.
pub fn read_secret(path: &Path, guardian: Guardian) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let file = OpenOptions::new().read(true).custom_flags(O_NOFOLLOW).open(path)?;
    let facts = file.metadata()?;
    let unfit = |why: String| Err(SecretError::Unfit(why));
    if !facts.is_file() {
        return unfit("it is no regular file".into());
    }
    if guardian == Guardian::Owner {
        if facts.mode() & 0o077 != 0 {
            let mode = facts.mode() & 0o777;
            return unfit(format!("others may read it (mode {mode:o}); it must be 600, and it may be known to them"));
        }
        if facts.uid() != Uid::effective().as_raw() && facts.uid() != 0 {
            return unfit("it belongs to another account".into());
        }
    }
    // As large as it can become: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST as usize + 1));
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes or replaces a secret's file, its owner's alone. Whole or not at all, and on disk under its name when this returns:
/// a key of which a power cut left half would be a lost one.
pub fn write_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unready = path.with_extension("new");
    match fs::remove_file(&unready) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unready)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unready, path)?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_secret_is_written_for_its_owner_alone_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        assert!(read_secret(&path, Guardian::Owner).unwrap_err().is_missing());
        // Left behind by a power cut, and readable by all.
        fs::write(path.with_extension("new"), "half").unwrap();
        for secret in ["first", "second"] {
            write_secret(&path, secret.as_bytes()).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
            assert_eq!(read_secret(&path, Guardian::Owner).unwrap().as_slice(), secret.as_bytes());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_others_may_read_is_no_secret_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        write_secret(&path, b"x").unwrap();
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = read_secret(&path, Guardian::Owner).unwrap_err().to_string();
            assert!(refused.contains(&format!("{mode:o}")), "{refused}");
            assert_eq!(read_secret(&path, Guardian::Giver).unwrap().as_slice(), b"x");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let link = folder.path().join("b.key");
        symlink(&path, &link).unwrap();
        for path in [&link, folder.path()] {
            for guardian in [Guardian::Owner, Guardian::Giver] {
                assert!(read_secret(path, guardian).is_err(), "{}", path.display());
            }
        }
    }
}
