//! Where the suite's sockets and state are.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use nix::unistd::{Uid, chown};

use crate::caller::socket_group;

/// The folders of one suite. `OSMODA_RUN_DIR` and `OSMODA_STATE_DIR` move the whole suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirs {
    run: PathBuf,
    state: PathBuf,
}

/// A folder could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the folder {} can't be made", .folder.display())]
pub struct NoFolder {
    folder: PathBuf,
    source: io::Error,
}

impl Default for Dirs {
    fn default() -> Self {
        Self::new(None, None)
    }
}

impl Dirs {
    /// These folders, or the installed suite's.
    pub fn new(run: Option<PathBuf>, state: Option<PathBuf>) -> Self {
        Self {
            run: run.unwrap_or_else(|| "/run/osmoda".into()),
            state: state.unwrap_or_else(|| "/var/lib/osmoda".into()),
        }
    }

    /// A suite in a folder of anybody's: `DIR/run` and `DIR/state`.
    pub fn under(dir: &Path) -> Self {
        Self { run: dir.join("run"), state: dir.join("state") }
    }

    /// Where the sockets are.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// Where the state is.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The socket of a daemon.
    pub fn socket(&self, daemon: &str) -> PathBuf {
        self.run.join(format!("{daemon}.sock"))
    }

    /// The file that holds a running daemon's process id, and its lock.
    pub fn pid_file(&self, daemon: &str) -> PathBuf {
        self.run.join(format!("{daemon}.pid"))
    }

    /// Makes both folders: run 0750 for group osmoda, state 0700.
    pub fn prepare(&self) -> Result<(), NoFolder> {
        let make = |folder: &Path, mode: u32| match DirBuilder::new().recursive(true).mode(mode).create(folder) {
            Ok(()) => Ok(()),
            Err(source) => Err(NoFolder { folder: folder.to_owned(), source }),
        };
        let fresh = !self.run.exists();
        make(&self.run, 0o750)?;
        make(&self.state, 0o700)?;
        if fresh && Uid::effective().is_root() {
            let chowned = chown(&self.run, None, socket_group()).map_err(io::Error::from);
            chowned.map_err(|source| NoFolder { folder: self.run.clone(), source })?;
        }
        Ok(())
    }

    /// Whether the suite has a socket of this daemon.
    pub fn has_socket(&self, daemon: &str) -> bool {
        fs::symlink_metadata(self.socket(daemon)).is_ok()
    }
}
