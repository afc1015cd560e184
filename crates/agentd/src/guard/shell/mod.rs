//! Judges a shell command on its parse.

use std::path::Path;

use super::{GuardConfig, GuardedPaths, Reason, Verdict};

/// Where a command would run, and what is guarded there.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The folder it starts in; absolute.
    pub cwd: &'a Path,
    /// The home folder of the account that it runs as.
    pub home: &'a Path,
    /// The account that it runs as.
    pub uid: u32,
    /// What is guarded.
    pub paths: &'a GuardedPaths,
    /// What the operator adds.
    pub config: &'a GuardConfig,
}

/// Whether a command for /bin/sh needs leave. Never panics; text that can't be judged asks.
pub fn judge(_command: &str, scene: &Scene<'_>) -> Verdict {
    let text = format!("commands in {} are not judged yet", scene.cwd.display());
    Verdict::Asks(vec![Reason::new("unparsed", text)])
}
