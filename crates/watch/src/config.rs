//! The table `[watch]` of osmoda.toml.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use serde::{Deserialize, Serialize};

/// watch's settings. Every one has a safe default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Seconds between two looks during probation.
    pub check_interval_secs: u32,
    /// Seconds that a switch may take.
    pub apply_timeout_secs: u32,
    /// Seconds that a build may take.
    pub build_timeout_secs: u32,
    /// How often a rollback that fails is tried again before a person is needed.
    pub rollback_tries: u32,
    /// Sessions that may be open at a time.
    pub most_sessions: u32,
    /// Watchers that there may be.
    pub most_watchers: u32,
    /// The Nix store.
    pub store: PathBuf,
    /// Folders of Nix profiles that may be switched.
    pub profiles: Vec<PathBuf>,
    /// Folders in which files may be replaced.
    pub files: Vec<PathBuf>,
    /// Programs that a command check may run, or folders of such.
    pub commands: Vec<PathBuf>,
    /// The account that command checks run as, where watch is root.
    pub commands_user: String,
    /// Where notifications go: a POST with JSON.
    pub webhook: Option<String>,
    /// A file of certificates to trust for the webhook instead of the system's.
    pub webhook_ca: Option<PathBuf>,
    /// Changes with a name: `[watch.named.NAME]`.
    pub named: BTreeMap<String, Pair>,
}

/// A change that the configuration declares, and its way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Makes the change: a program, absolute, and its arguments.
    pub apply: Vec<String>,
    /// Undoes it, also a part of it, also twice.
    pub rollback: Vec<String>,
    /// Ends with 0 where the change is undone; not asked where it is left out.
    #[serde(default)]
    pub verify: Option<Vec<String>>,
    /// What it changes; pairs with the same thing are never open at a time. Its name where left out.
    #[serde(default)]
    pub thing: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        let commands = ["/etc/osmoda/checks", "/usr/lib/nagios/plugins", "/run/current-system/sw/libexec/checks"];
        Self {
            check_interval_secs: 5,
            apply_timeout_secs: 600,
            build_timeout_secs: 7200,
            rollback_tries: 8,
            most_sessions: 64,
            most_watchers: 2000,
            store: "/nix/store".into(),
            profiles: vec!["/nix/var/nix/profiles".into()],
            files: vec!["/etc".into()],
            commands: commands.map(PathBuf::from).to_vec(),
            commands_user: "nobody".into(),
            webhook: None,
            webhook_ca: None,
            named: BTreeMap::new(),
        }
    }
}

/// The settings in force; replaced whole on SIGHUP.
#[derive(Debug)]
pub(crate) struct InForce(RwLock<Arc<Config>>);

impl InForce {
    pub(crate) fn new(config: Config) -> Arc<Self> {
        Arc::new(Self(RwLock::new(Arc::new(config))))
    }

    /// As they are now.
    pub(crate) fn now(&self) -> Arc<Config> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn replace(&self, config: Config) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }
}
