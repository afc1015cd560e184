//! keyd as a whole: what its handlers share, and how it starts.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use osmoda_ipc::{
    Metrics, chain,
    daemon::{NoSocket, Ready, Start},
};
use osmoda_steward::{OutboxError, Steward};
use tracing::{info, warn};

use crate::{
    book::{Book, BookError},
    clef,
    config::Config,
    keys::{KeyError, Keys, MasterKey},
    policy::{BadPolicy, Policy},
    routes::routes,
    shut_in::{LockedMemory, NotShutIn, shut_in},
};

/// What the handlers share.
pub struct Keyd {
    pub(crate) keys: Keys,
    pub(crate) book: Book,
    pub(crate) steward: Arc<Steward>,
    pub(crate) memory: LockedMemory,
    pub(crate) started: Instant,
    policy: RwLock<Rules>,
    folder: PathBuf,
}

/// The rules in force and the file they came from; replaced whole on SIGHUP.
#[derive(Clone)]
struct Rules {
    path: PathBuf,
    policy: Arc<Option<Policy>>,
}

/// keyd could not start.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// The state folder.
    #[error("the folder {} can't be made: {source}", .folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is open to the network, or to cores.
    #[error("{0}")]
    NotShutIn(#[from] NotShutIn),
    /// The keys.
    #[error("{}", chain(.0))]
    Keys(#[from] KeyError),
    /// The book.
    #[error("{}", chain(.0))]
    Book(#[from] BookError),
    /// The outbox.
    #[error("{}", chain(.0))]
    Outbox(#[from] OutboxError),
    /// The policy.
    #[error("{0}")]
    Policy(String),
    /// clef's socket.
    #[error("clef's clients can't be served: {0}")]
    Clef(#[from] NoSocket),
}

/// Shuts itself in, opens everything and lays out what is served.
pub async fn start(start: Start<Config>) -> Result<Ready<Keyd, Config>, NotStarted> {
    let folder = start.dirs.state().join("keyd");
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|source| NotStarted::Folder { folder: folder.clone(), source })?;
    let memory = shut_in()?;
    let master = MasterKey::open(&start.config.master_key, &folder)?;
    let keys = Keys::open(master, &folder)?;
    if !keys.is_locked() {
        warn!("the system does not let keyd lock its memory; the master key may reach the swap");
    }
    let rules = Rules::read(&start.config, &folder).map_err(|error| NotStarted::Policy(chain(&error)))?;
    rules.tell();
    let keyd = Arc::new(Keyd {
        keys,
        book: Book::open(&folder.join("book.db"))?,
        steward: Steward::start(&start.dirs, &folder, start.stop.clone())?,
        memory,
        started: Instant::now(),
        policy: RwLock::new(rules),
        folder,
    });
    if start.config.clef {
        clef::serve(&keyd, &start.sockets, &start.dirs, start.config.clef_patience_secs, start.stop)?;
    } else {
        clef::turn_away(&start.sockets, start.stop)?;
    }
    let reloaded = keyd.clone();
    Ok(Ready {
        routes: routes(keyd),
        metrics: Metrics::build("keyd", |_| ()),
        reload: Box::new(move |config| reloaded.reload(&config).map_err(|error| chain(&error))),
        is_alive: Box::new(|| true),
    })
}

impl Keyd {
    /// The rules in force.
    pub(crate) fn policy(&self) -> Arc<Option<Policy>> {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).policy.clone()
    }

    /// Where the rules are read from.
    pub(crate) fn policy_path(&self) -> PathBuf {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).path.clone()
    }

    /// New rules, or the ones before where the new ones are wrong.
    fn reload(&self, config: &Config) -> Result<(), BadPolicy> {
        let rules = Rules::read(config, &self.folder)?;
        rules.tell();
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = rules;
        Ok(())
    }
}

impl Rules {
    fn read(config: &Config, folder: &Path) -> Result<Self, BadPolicy> {
        let path = config.policy.clone().unwrap_or_else(|| folder.join("policy.toml"));
        Ok(Self { policy: Arc::new(Policy::read(&path)?), path })
    }

    fn tell(&self) {
        let path = self.path.display();
        match self.policy.as_ref() {
            Some(policy) => info!(rules = policy.len(), %path, "policy read"),
            None => warn!(%path, "there is no policy: nothing is signed"),
        }
    }
}
