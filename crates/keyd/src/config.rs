//! The table `[keyd]` of osmoda.toml.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::keys::KeySource;

/// keyd's settings. Every one has a safe default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The file of the rules; `policy.toml` in keyd's state folder by default. Without it everything is refused.
    pub policy: Option<PathBuf>,
    /// Where the master key comes from.
    pub master_key: KeySource,
    /// Whether `keyd-clef.sock` is served beside keyd's own socket.
    pub clef: bool,
    /// Seconds for which a client of clef's interface waits for the operator's answer.
    pub clef_patience_secs: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { policy: None, master_key: KeySource::default(), clef: true, clef_patience_secs: 120 }
    }
}
