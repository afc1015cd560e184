//! Which paths are guarded.

use std::path::{Path, PathBuf};

use super::{GuardConfig, Reason};

/// Where the suite's own things are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPaths {
    /// The folder of the sockets.
    pub run: PathBuf,
    /// The folder of the state.
    pub state: PathBuf,
    /// The configuration file, where it is not in /etc/osmoda.
    pub config: Option<PathBuf>,
    /// The folder or file of the suite's programs, such as the parent of the current executable.
    pub binaries: Vec<PathBuf>,
}

/// The guarded paths of this machine and of this suite.
#[derive(Clone, Debug)]
pub struct GuardedPaths {}

impl GuardedPaths {
    /// The built-in rules, what the configuration adds, and the suite's own paths.
    pub fn new(_config: &GuardConfig, _own: &OwnPaths) -> Self {
        Self {}
    }

    /// Why writing, creating or removing this file needs leave. A path that is not absolute always does.
    pub fn judge_write(&self, path: &Path) -> Option<Reason> {
        Some(Reason::new("guarded_path", format!("{} is not judged yet", path.display())))
    }

    /// Why reading this file needs leave. A path that is not absolute always does.
    pub fn judge_read(&self, path: &Path) -> Option<Reason> {
        Some(Reason::new("secret_read", format!("{} is not judged yet", path.display())))
    }
}
