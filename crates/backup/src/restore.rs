//! Puts a backup in the state's place. All of it is unpacked and verified beside the state first; then the two folders
//! change places in one step of the file system, so that at any moment the state is the old one or the new one, whole.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use age::{Identity, IdentityFile};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use osmoda_ipc::daemon::{Dirs, SUITE, running_pid};

use crate::{
    BackupError, Shelf,
    collect::sum,
    shelf::{FOLDER, clear, private},
    unpack::unpack,
};

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Which backup is the state now.
    pub backup_id: String,
    /// Where what it replaced is.
    pub kept: PathBuf,
    /// How many files it has.
    pub files: u64,
}

/// Restores a backup of the suite in these folders, none of whose daemons may run. `identity` is a file of age
/// identities, for an encrypted one.
pub fn restore(dirs: &Dirs, id: &str, identity: Option<&Path>) -> Result<Restored, BackupError> {
    if let Some(daemon) = SUITE.into_iter().find(|daemon| running_pid(&dirs.pid_file(daemon)).is_some()) {
        return Err(BackupError::Up(daemon.to_owned()));
    }
    let shelf = Shelf::new(dirs.state());
    shelf.find(id)?;
    // Its name becomes that of what was replaced.
    let fresh = beside(shelf.state(), &format!(".before-{id}"));
    if fresh.join(FOLDER).exists() && fresh.join(DONE).exists() {
        // Kept from an earlier restore of the same backup.
        let aside = beside(shelf.state(), &format!(".before-{id}-{}", ulid::Ulid::generate()));
        fs::rename(&fresh, &aside).map_err(BackupError::io(&fresh))?;
    }
    clear(&fresh)?;
    private(&fresh)?;
    let files = shelf.open(id, identity, &fresh, true)?;
    keep_backups(&shelf, &fresh)?;
    like(shelf.state(), &fresh).map_err(BackupError::io(&fresh))?;
    // Says of the folder that it was the state, once it is no longer.
    let done = shelf.state().join(DONE);
    fs::write(&done, id).map_err(BackupError::io(&done))?;
    let exchanged = renameat2(AT_FDCWD, shelf.state(), AT_FDCWD, &fresh, RenameFlags::RENAME_EXCHANGE);
    exchanged.map_err(|errno| BackupError::io(shelf.state())(errno.into()))?;
    let above = shelf.state().parent().unwrap_or(Path::new("/"));
    File::open(above).and_then(|folder| folder.sync_all()).map_err(BackupError::io(above))?;
    Ok(Restored { backup_id: id.to_owned(), kept: fresh, files })
}

impl Shelf {
    /// Unpacks a backup into an empty folder and verifies all of it, for whoever wants to look into one.
    pub fn extract(&self, id: &str, identity: Option<&Path>, into: &Path) -> Result<u64, BackupError> {
        self.open(id, identity, into, false)
    }

    fn open(&self, id: &str, identity: Option<&Path>, into: &Path, durable: bool) -> Result<u64, BackupError> {
        let backup = self.find(id)?;
        let archive = Path::new(&backup.path);
        let file = File::open(archive).map_err(BackupError::io(archive))?;
        let (_, sha256) = sum(file, io::sink()).map_err(BackupError::io(archive))?;
        if sha256 != backup.sha256 {
            return Err(BackupError::Damaged("the archive is not what was written".into()));
        }
        let identities = identity.map(identities).transpose()?.unwrap_or_default();
        let identities: Vec<&dyn Identity> = identities.iter().map(|one| &**one as &dyn Identity).collect();
        Ok(unpack(archive, &identities, into, durable)?.files().count() as u64)
    }
}

/// In what was the state before a restore.
const DONE: &str = ".replaced-by";

fn beside(state: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = state.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The backups are the new state's too: the same files, under both names.
fn keep_backups(shelf: &Shelf, fresh: &Path) -> Result<(), BackupError> {
    let folder = fresh.join(FOLDER);
    private(&folder)?;
    for entry in fs::read_dir(shelf.folder()).map_err(BackupError::io(&shelf.folder()))? {
        let entry = entry.map_err(BackupError::io(&shelf.folder()))?;
        if entry.metadata().is_ok_and(|metadata| metadata.is_file()) {
            let link = folder.join(entry.file_name());
            fs::hard_link(entry.path(), &link).map_err(BackupError::io(&link))?;
        }
    }
    File::open(&folder).and_then(|folder| folder.sync_all()).map_err(BackupError::io(&folder))
}

/// Owner and mode of one folder for another, and the disk.
fn like(one: &Path, other: &Path) -> io::Result<()> {
    let metadata = fs::metadata(one)?;
    if nix::unistd::Uid::effective().is_root() {
        chown(other, Some(metadata.uid()), Some(metadata.gid()))?;
    }
    fs::set_permissions(other, fs::Permissions::from_mode(metadata.mode() & 0o7777))?;
    File::open(other)?.sync_all()
}

fn identities(file: &Path) -> Result<Vec<Box<dyn Identity + Send + Sync>>, BackupError> {
    let text = File::open(file).map_err(BackupError::io(file))?;
    let read = IdentityFile::from_buffer(io::BufReader::new(text)).map_err(BackupError::io(file))?;
    read.into_identities().map_err(|error| BackupError::Locked(format!("the identity file can't be used: {error}")))
}
