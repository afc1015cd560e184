//! agentd as a whole: what its handlers share, and how it starts.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use osmoda_apps::AppError;
use osmoda_backup::Shelf;
use osmoda_ipc::{
    Metrics, NewEvent, chain,
    daemon::{Dirs, Ready, Start},
};
use osmoda_ledger::{Ledger, Log, LogError, OpenError, ReadError, Reader, load_or_make_key};
use osmoda_memory::{Keeper, Memories, MemoryError};
use osmoda_safety::Safety;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    approvals::{Approvals, StoreError},
    apps::Apps,
    capabilities::{Capabilities, CapabilityError},
    card::{CardKey, KeyError},
    config::Config,
    guard::{GuardedPaths, OwnPaths},
    incidents::Incidents,
    memory::{self, RedoError},
    recorder::LedgerRecorder,
    requests::{RequestDesk, RequestStore, RequestStoreError},
    routes::routes,
    sandbox::Runner,
    shell::{self, Pace},
    streams::Hub,
    system::Sampler,
    terminal::Terminals,
};

/// What the handlers share.
pub struct Agentd {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) reader: Arc<Reader>,
    pub(crate) log: Log,
    pub(crate) hub: Arc<Hub>,
    pub(crate) desk: Arc<RequestDesk>,
    pub(crate) approvals: Arc<Approvals>,
    pub(crate) incidents: Incidents,
    pub(crate) memories: Memories,
    _memory_keeper: Keeper,
    pub(crate) apps: Arc<Apps>,
    pub(crate) runner: Runner,
    pub(crate) safety: Safety,
    pub(crate) backups: Arc<Shelf>,
    pub(crate) capabilities: Arc<Capabilities>,
    pub(crate) card_key: CardKey,
    pub(crate) socket: PathBuf,
    pub(crate) rules: RwLock<Arc<Rules>>,
    pub(crate) pace: Pace,
    pub(crate) sampler: Sampler,
    pub(crate) terminals: Terminals,
    pub(crate) started: Instant,
    pub(crate) stop: CancellationToken,
    own: OwnPaths,
}

/// What the configuration decides; replaced whole on SIGHUP.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) config: Config,
    pub(crate) paths: GuardedPaths,
}

/// agentd could not start.
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
    /// The ledger.
    #[error("{}", chain(.0))]
    Ledger(#[from] OpenError),
    /// The ledger again.
    #[error("{}", chain(.0))]
    Unreadable(#[from] ReadError),
    /// The ledger's tree and its key.
    #[error("{}", chain(.0))]
    Log(#[from] LogError),
    /// The receipts.
    #[error("{}", chain(.0))]
    Requests(#[from] RequestStoreError),
    /// The approvals.
    #[error("{}", chain(.0))]
    Approvals(#[from] StoreError),
    /// The incidents.
    #[error("the incidents' database can't be used: {0}")]
    Incidents(rusqlite::Error),
    /// The capability tokens.
    #[error("{}", chain(.0))]
    Capabilities(#[from] CapabilityError),
    /// The memories.
    #[error("{}", chain(.0))]
    Memory(#[from] MemoryError),
    /// Memories that a sudden end kept from the disk.
    #[error("what was to be remembered can't be written: {}", chain(.0))]
    Redo(#[from] RedoError),
    /// The memories' background threads.
    #[error("the threads that keep memories can't be started: {0}")]
    MemoryKeeper(std::io::Error),
    /// The apps.
    #[error("{}", chain(.0))]
    Apps(#[from] AppError),
    /// The agent card's key.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// The children's keeper.
    #[error("agentd can't adopt the orphans of its commands: {0}")]
    Orphans(std::io::Error),
}

/// Opens everything and lays out what is served.
pub async fn start(start: Start<Config>) -> Result<Ready<Agentd, Config>, NotStarted> {
    let folder = start.dirs.state().join("agentd");
    make_private(&folder)?;
    shell::adopt_orphans(start.stop.clone()).map_err(NotStarted::Orphans)?;
    let ledger = Arc::new(Ledger::open(&folder.join("ledger.db"))?);
    let reader = Arc::new(Reader::new(ledger.path()));
    let log = Log::open(&folder.join("tree.db"), &ledger, load_or_make_key(&folder.join("checkpoint.key"))?)?;
    record_divergence(&ledger, &log).await;
    close_cut_off_acts(&ledger, &reader).await?;
    let hub = Hub::start(&ledger, start.stop.clone());
    let store = RequestStore::open(&folder.join("requests.db"))?;
    let approvals = Arc::new(Approvals::open(&folder.join("approvals.db"))?);
    let memories = Memories::open(&folder.join("memory"))?;
    memory::keep_in_ledger(&ledger, &memories).await?;
    let own = own_paths(&start.dirs, start.config_file);
    let agentd = Arc::new(Agentd {
        incidents: Incidents::open(&folder.join("incidents.db")).map_err(NotStarted::Incidents)?,
        capabilities: Arc::new(Capabilities::open(&folder, start.dirs.run())?),
        _memory_keeper: Keeper::start(&memories).map_err(NotStarted::MemoryKeeper)?,
        memories,
        apps: Arc::new(Apps::open(&folder.join("apps.db"), start.dirs.run().to_owned())?),
        runner: Runner::new(&start.dirs),
        card_key: CardKey::open(&folder.join("card.key"))?,
        socket: start.dirs.socket("agentd"),
        backups: Arc::new(Shelf::new(start.dirs.state())),
        safety: Safety::new(start.dirs.clone(), &start.config.safety.profiles),
        rules: RwLock::new(Arc::new(Rules::new(start.config, &own))),
        pace: Pace::default(),
        sampler: Sampler::start(start.stop.clone()),
        terminals: Terminals::default(),
        started: Instant::now(),
        stop: start.stop,
        ledger: ledger.clone(),
        reader,
        log,
        desk: Arc::new(RequestDesk::new(store, hub.clone())),
        hub,
        approvals,
        own,
    });
    let apps = agentd.apps.clone();
    tokio::spawn(async move { apps.resume().await });
    let metrics = Metrics::build("agentd", |registry| {
        crate::recorder::register(registry, &ledger);
        registry.register("terminals", "Open terminals", agentd.terminals.0.clone());
    });
    let reloaded = agentd.clone();
    Ok(Ready {
        routes: routes(agentd, Arc::new(LedgerRecorder(ledger.clone()))),
        metrics,
        reload: Box::new(move |config| {
            reloaded.reload(config);
            Ok(())
        }),
        is_alive: Box::new(move || ledger.is_alive()),
    })
}

impl Agentd {
    /// The rules in force.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn reload(&self, config: Config) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Rules::new(config, &self.own));
    }
}

impl Rules {
    fn new(config: Config, own: &OwnPaths) -> Self {
        Self { paths: GuardedPaths::new(&config.guard, own), config }
    }
}

fn make_private(folder: &Path) -> Result<(), NotStarted> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| NotStarted::Folder { folder: folder.to_owned(), source })
}

fn own_paths(dirs: &Dirs, config_file: PathBuf) -> OwnPaths {
    let programs = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    OwnPaths {
        run: dirs.run().to_owned(),
        state: dirs.state().to_owned(),
        config: Some(config_file),
        binaries: programs.into_iter().collect(),
    }
}

/// A ledger that is not the one that was signed goes on, so that the machine can be governed; it says so in itself.
async fn record_divergence(ledger: &Ledger, log: &Log) {
    let Some(why) = log.diverged() else { return };
    let event = NewEvent {
        kind: "ledger.diverged".into(),
        actor: "daemon:agentd".into(),
        payload: json!({ "daemon": "agentd", "why": *why }),
    };
    if let Err(error) = ledger.append(event).await {
        warn!(%error, "that the ledger is not the one that was signed could not be recorded");
    }
}

/// Acts that the end of an earlier agentd cut off get their outcome now: `interrupted`. Whether they were done is not
/// known, and the ledger says so rather than nothing.
async fn close_cut_off_acts(ledger: &Ledger, reader: &Reader) -> Result<(), ReadError> {
    for intent in reader.cut_off("agentd")? {
        let kind = intent.kind.replace(".intent", ".outcome");
        let payload = json!({ "request_id": intent.payload["request_id"], "daemon": "agentd", "ok": false, "code": "interrupted", "intent": intent.id });
        if let Err(error) = ledger.append(NewEvent { kind, actor: intent.actor, payload }).await {
            warn!(%error, intent = intent.id, "an act that was cut off could not be closed");
        }
    }
    Ok(())
}
