//! watch as a whole: what its handlers share, and how it starts.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use osmoda_ipc::{
    Client, Metrics, chain,
    daemon::{Dirs, NoFolder, Ready, Start},
};
use osmoda_steward::{OutboxError, Steward};
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};
use tracing::info;

use crate::{
    apply::Tools,
    boot,
    checks::{Eyes, Units},
    config::{Config, InForce},
    notify::Notifier,
    routes::routes,
    run::Runner,
    switch::{Parts, Rescue, Store, SwitchError, Switches},
    systemd::Systemd,
    watchers::Watchers,
};

/// How often guards are looked after, and numbers for the metrics are read.
const TURN: Duration = Duration::from_secs(1);

/// What the handlers share.
#[derive(Debug)]
pub struct Watch {
    pub(crate) switches: Arc<Switches>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) steward: Arc<Steward>,
    pub(crate) started: Instant,
}

/// watch could not start.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// A folder of its state.
    #[error("the folder {} can't be made: {source}", .folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The suite's folders.
    #[error("{}", chain(.0))]
    Dirs(#[from] NoFolder),
    /// What it keeps.
    #[error("{0}")]
    Store(String),
    /// The outbox.
    #[error("{}", chain(.0))]
    Outbox(#[from] OutboxError),
}

impl From<SwitchError> for NotStarted {
    fn from(error: SwitchError) -> Self {
        Self::Store(chain(&error))
    }
}

/// The sessions of a suite, as daemon and commands have them.
pub(crate) async fn switches(
    dirs: &Dirs,
    config: Arc<InForce>,
    steward: Option<Arc<Steward>>,
) -> Result<Arc<Switches>, NotStarted> {
    let folder = folders(dirs)?;
    let boot = boot::identity(dirs).map_err(|source| NotStarted::Folder { folder: dirs.run().to_owned(), source })?;
    // A suite in a folder of its own is none of systemd's.
    let by_systemd = *dirs == Dirs::default() && osmoda_systemd::is_here();
    let systemd = Arc::new(Systemd::default());
    let tools = Arc::new(Tools {
        config: config.clone(),
        runner: Runner::new(by_systemd, &folder.join("running")),
        systemd: systemd.clone(),
        agentd: Client::new(dirs.socket("agentd")),
        kept: folder.join("kept"),
    });
    let eyes = Arc::new(Eyes { config: config.clone(), systemd: systemd.clone(), units: Arc::new(Units::default()) });
    let rescue = Rescue::new(by_systemd.then_some(systemd), dirs.clone(), folder.clone());
    Ok(Switches::new(Parts {
        store: Store::open(&folder.join("watch.db"))?,
        tools,
        eyes,
        rescue,
        notifier: Arc::new(Notifier::new(config, steward)),
        dirs: dirs.clone(),
        folder,
        boot,
    }))
}

fn folders(dirs: &Dirs) -> Result<PathBuf, NotStarted> {
    let folder = dirs.state().join("watch");
    for one in [folder.clone(), folder.join("locks"), folder.join("running"), folder.join("kept")] {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&one);
        made.map_err(|source| NotStarted::Folder { folder: one, source })?;
    }
    Ok(folder)
}

/// Takes up what was open, and lays out what is served.
pub async fn start(start: Start<Config>) -> Result<Ready<Watch, Config>, NotStarted> {
    let folder = folders(&start.dirs)?;
    let steward = Steward::start(&start.dirs, &folder, start.stop.clone())?;
    let config = InForce::new(start.config);
    let switches = switches(&start.dirs, config.clone(), Some(steward.clone())).await?;
    switches.recover().await?;
    let watchers = Watchers::start(switches.clone(), steward.clone(), config.clone(), &start.stop).await?;
    tokio::spawn(switches.clone().tell(steward.clone(), start.stop.clone()));
    let numbers = Arc::new(Numbers::default());
    let watch = Arc::new(Watch { switches, watchers, steward, started: Instant::now() });
    let alive = Arc::new(Mutex::new(Instant::now()));
    tokio::spawn(turn(watch.clone(), numbers.clone(), alive.clone()));
    info!(rescue = watch.switches.rescued_by(), "sessions and watchers are taken up");
    Ok(Ready {
        routes: routes(watch),
        metrics: Metrics::build("watch", |registry| numbers.register(registry)),
        reload: Box::new(move |new| {
            config.replace(new);
            Ok(())
        }),
        is_alive: Box::new(move || {
            let last = alive.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            last.elapsed() < Duration::from_secs(20)
        }),
    })
}

/// The daemon's own loop: while it turns, systemd's watchdog is fed.
async fn turn(watch: Arc<Watch>, numbers: Arc<Numbers>, alive: Arc<Mutex<Instant>>) {
    loop {
        watch.switches.keep_guards().await;
        numbers.read(&watch).await;
        *alive.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
        tokio::time::sleep(TURN).await;
    }
}

/// What watch counts.
#[derive(Debug, Default)]
struct Numbers {
    open: Gauge,
    failed_rollbacks: Gauge,
    watchers: Gauge,
    failing: Gauge,
}

impl Numbers {
    fn register(&self, registry: &mut Registry) {
        registry.register("open_sessions", "Sessions that are not over", self.open.clone());
        registry.register("failed_rollbacks", "Sessions whose rollback failed", self.failed_rollbacks.clone());
        registry.register("watchers", "Watchers", self.watchers.clone());
        registry.register("watchers_failing", "Watchers whose check fails", self.failing.clone());
    }

    async fn read(&self, watch: &Watch) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.open.set(number(watch.switches.count_open()));
        self.failed_rollbacks.set(number(watch.switches.count_troubled()));
        let (all, failing) = watch.watchers.count();
        self.watchers.set(number(all));
        self.failing.set(number(failing));
    }
}
