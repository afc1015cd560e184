//! Where backups are kept: `backups` in the state folder, each an archive with a small file beside it that says what it
//! is. The small file is written last: an archive without one does not count.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Mutex, TryLockError},
    time::Duration,
};

use age::x25519;
use jiff::{SignedDuration, Timestamp};
use osmoda_api::agentd::Backup;

use crate::{
    BackupError, archive,
    collect::{collect, sum},
    manifest::{FORMAT, Manifest},
    unpack::unpack,
};

/// The folder's name below the state.
pub(crate) const FOLDER: &str = "backups";
/// What is being made, or was cut off.
const SCRATCH: &str = "scratch";

/// The backups of one suite.
#[derive(Debug)]
pub struct Shelf {
    state: PathBuf,
    taking: Mutex<()>,
}

/// What was taken, and what was thrown away for it.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The new one.
    pub backup: Backup,
    /// Ids of those that were too old.
    pub expired: Vec<String>,
}

impl Shelf {
    /// The backups of the state in this folder.
    pub fn new(state: &Path) -> Self {
        Self { state: state.to_owned(), taking: Mutex::new(()) }
    }

    /// Takes a backup while everything runs, unpacks and verifies it, and then throws away what is older than `keep`;
    /// the newest always stays. Blocks for as long as it takes to read the state three times.
    pub fn take(&self, recipient: Option<&str>, keep: Duration) -> Result<Taken, BackupError> {
        let _one = match self.taking.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(BackupError::Running),
            taken => taken,
        };
        let recipient =
            recipient.map(|text| x25519::Recipient::from_str(text).map_err(|_| BackupError::BadRecipient(text.into())));
        let recipient = recipient.transpose()?;
        let folder = self.folder();
        let scratch = folder.join(SCRATCH);
        clear(&scratch)?;
        private(&scratch)?;
        let taken = self.take_into(&scratch, recipient.as_ref());
        clear(&scratch)?;
        let backup = taken?;
        let expired = self.expire(keep)?;
        Ok(Taken { backup, expired })
    }

    /// Copies the state, each database as it is at one moment, and writes the archive in this empty folder: all of a
    /// backup but the check that makes it count. Answers with how many bytes it holds.
    pub fn pack(&self, into: &Path) -> Result<u64, BackupError> {
        let collected = into.join("collected");
        private(&collected)?;
        let manifest = archive::write(self.collect(&collected)?, &collected, &into.join("archive.tar.zst"), &[])?;
        clear(&collected)?;
        Ok(manifest.files().map(|entry| entry.bytes).sum())
    }

    fn collect(&self, into: &Path) -> Result<Manifest, BackupError> {
        let created_at = Timestamp::now().to_string();
        let backup_id = format!("bkp_{}", ulid::Ulid::generate());
        Ok(Manifest { format: FORMAT, backup_id, created_at, entries: collect(&self.state, into)? })
    }

    fn take_into(&self, scratch: &Path, recipient: Option<&x25519::Recipient>) -> Result<Backup, BackupError> {
        let (collected, checked) = (scratch.join("collected"), scratch.join("checked"));
        private(&collected)?;
        private(&checked)?;
        let manifest = self.collect(&collected)?;
        // A second recipient of this moment alone: it opens the archive for the check, and is forgotten.
        let once = x25519::Identity::generate();
        let once_to = once.to_public();
        let recipients: Vec<&x25519::Recipient> = recipient.into_iter().chain(recipient.map(|_| &once_to)).collect();
        let name = format!("{}.tar.zst{}", manifest.backup_id, if recipient.is_some() { ".age" } else { "" });
        let unready = scratch.join(&name);
        let manifest = archive::write(manifest, &collected, &unready, &recipients)?;
        // Room for the check.
        clear(&collected)?;
        let read = unpack(&unready, &[&once], &checked, false)?;
        if read != manifest {
            return Err(BackupError::Damaged("it reads back as something else".into()));
        }
        let path = self.folder().join(name);
        let file = File::open(&unready).map_err(BackupError::io(&unready))?;
        let (size_bytes, sha256) = sum(file, io::sink()).map_err(BackupError::io(&unready))?;
        fs::rename(&unready, &path).map_err(BackupError::io(&path))?;
        let backup = Backup {
            backup_id: manifest.backup_id.clone(),
            path: path.to_string_lossy().into_owned(),
            size_bytes,
            sha256,
            created_at: manifest.created_at.clone(),
            files: manifest.files().count() as u64,
            content_bytes: manifest.files().map(|entry| entry.bytes).sum(),
            encrypted: recipient.is_some(),
            carried: None,
        };
        self.note(&backup)?;
        Ok(backup)
    }

    /// Every backup that counts, newest first.
    pub fn list(&self) -> Result<Vec<Backup>, BackupError> {
        let folder = self.folder();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(BackupError::io(&folder))?,
        };
        let mut backups: Vec<Backup> = entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let text = (path.extension()? == "json").then(|| fs::read(&path).ok())??;
                let mut backup: Backup = serde_json::from_slice(&text).ok()?;
                // The folder may have moved.
                let archive = folder.join(Path::new(&backup.path).file_name()?);
                backup.path = archive.to_string_lossy().into_owned();
                archive.is_file().then_some(backup)
            })
            .collect();
        backups.sort_by(|a, b| (&b.created_at, &b.backup_id).cmp(&(&a.created_at, &a.backup_id)));
        Ok(backups)
    }

    /// The one of this id.
    pub fn find(&self, id: &str) -> Result<Backup, BackupError> {
        let found = self.list()?.into_iter().find(|backup| backup.backup_id == id);
        found.ok_or_else(|| BackupError::Unknown(id.chars().take(64).collect()))
    }

    /// Writes what a backup is beside it.
    pub fn note(&self, backup: &Backup) -> Result<(), BackupError> {
        let folder = self.folder();
        let path = folder.join(format!("{}.json", backup.backup_id));
        let unready = path.with_extension("new");
        let wrong = |error| BackupError::io(&path)(error);
        let written = (|| {
            let mut file = File::create(&unready)?;
            file.write_all(&serde_json::to_vec(backup)?)?;
            file.sync_all()?;
            fs::rename(&unready, &path)?;
            File::open(&folder)?.sync_all()
        })();
        written.map_err(wrong)
    }

    fn expire(&self, keep: Duration) -> Result<Vec<String>, BackupError> {
        let keep = SignedDuration::try_from(keep).unwrap_or(SignedDuration::MAX);
        let mut expired = Vec::new();
        for backup in self.list()?.into_iter().skip(1) {
            let Ok(created) = backup.created_at.parse::<Timestamp>() else { continue };
            if Timestamp::now().duration_since(created) > keep {
                // The small file first: what is left of one that is cut off here does not count.
                for path in [self.folder().join(format!("{}.json", backup.backup_id)), backup.path.clone().into()] {
                    fs::remove_file(&path).map_err(BackupError::io(&path))?;
                }
                expired.push(backup.backup_id);
            }
        }
        Ok(expired)
    }

    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.state.join(FOLDER)
    }
}

/// An empty folder of ours alone.
pub(crate) fn private(folder: &Path) -> Result<(), BackupError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(BackupError::io(folder))
}

/// Removes a folder with everything in it; one that is not there is fine.
pub(crate) fn clear(folder: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(BackupError::io(folder)(error)),
        _ => Ok(()),
    }
}
