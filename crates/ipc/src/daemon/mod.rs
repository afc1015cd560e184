//! The life of a daemon: log, configuration, bind, ready, serve, stop.

mod config;
mod dirs;
mod instance;
mod log;
mod private;
mod secret;
mod socket;

use std::{
    fmt::Display, future::Future, marker::PhantomData, path::PathBuf, process::ExitCode, sync::Arc, time::Duration,
};

use clap::Parser;
use serde::de::DeserializeOwned;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info, warn};

pub use self::{
    config::{ConfigError, DEFAULT_CONFIG, SUITE, Settings},
    dirs::{Dirs, NoFolder},
    instance::running_pid,
    private::keep_private,
    secret::{Guardian, SecretError, read_secret, write_secret},
    socket::{NoSocket, Sockets},
};
use crate::{
    caller::Accounts,
    fault::chain,
    metrics::Metrics,
    routes::Routes,
    server::{Limits, Server},
};

/// How long what a daemon began of its own accord may take to end.
const LAST_TASKS: Duration = Duration::from_secs(10);

/// EX_USAGE of sysexits.h: the configuration or the flags are wrong.
const EXIT_USAGE: u8 = 64;

/// A daemon by its name, with the type of its table in osmoda.toml.
#[derive(Debug)]
pub struct Daemon<C> {
    name: &'static str,
    one_thread: bool,
    config: PhantomData<fn() -> C>,
}

/// What a daemon starts from.
#[derive(Debug)]
pub struct Start<C> {
    /// Its table of osmoda.toml, with variables and flags over it.
    pub config: C,
    /// Where the suite's sockets and state are.
    pub dirs: Dirs,
    /// For a socket beside its own.
    pub sockets: Arc<Sockets>,
    /// Where the configuration was looked for.
    pub config_file: PathBuf,
    /// Cancelled when the daemon is to stop.
    pub stop: CancellationToken,
    /// What is spawned here is waited for when the daemon stops, for 10 s at most.
    pub tasks: TaskTracker,
}

/// A daemon that is ready to serve.
pub struct Ready<S, C> {
    /// What it serves.
    pub routes: Routes<S>,
    /// Its metrics.
    pub metrics: Arc<Metrics>,
    /// Takes a new configuration on SIGHUP; says why not.
    pub reload: Box<dyn Fn(C) -> Result<(), String> + Send + Sync>,
    /// Whether its own work goes on; the watchdog is fed only while it does.
    pub is_alive: Box<dyn Fn() -> bool + Send + Sync>,
}

#[derive(Debug, Parser)]
struct Flags {
    /// The configuration file.
    #[arg(long, env = "OSMODA_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the sockets.
    #[arg(long, env = "OSMODA_RUN_DIR", value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// The folder of the state.
    #[arg(long, env = "OSMODA_STATE_DIR", value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// One setting of this daemon's table, such as `shell.per_minute=10`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl<C: DeserializeOwned + Send + 'static> Daemon<C> {
    /// The daemon that is called `name`, listens at `name.sock` and is configured by the table `[name]`.
    pub fn named(name: &'static str) -> Self {
        Self { name, one_thread: false, config: PhantomData }
    }

    /// All of its work on one thread: less memory, and no core is woken to take work from another.
    #[must_use]
    pub fn on_one_thread(self) -> Self {
        Self { one_thread: true, ..self }
    }

    /// Lives: returns when the daemon was told to stop, or could not start.
    pub fn run<S, F, Fut, E>(self, start: F) -> ExitCode
    where
        S: Send + Sync + 'static,
        F: FnOnce(Start<C>) -> Fut,
        Fut: Future<Output = Result<Ready<S, C>, E>>,
        E: Display,
    {
        let flags = Flags::try_parse().unwrap_or_else(|error| error.exit());
        log::init();
        let dirs = Dirs::new(flags.run_dir, flags.state_dir);
        let settings = Settings { daemon: self.name, file: flags.config, overrides: flags.set };
        let config = match settings.load::<C>() {
            Ok(config) => config,
            Err(error) => {
                error!("{}", chain(&error));
                return ExitCode::from(EXIT_USAGE);
            }
        };
        let mut builder = match self.one_thread {
            true => tokio::runtime::Builder::new_current_thread(),
            false => tokio::runtime::Builder::new_multi_thread(),
        };
        let runtime = match builder.enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                error!(%error, "no runtime");
                return ExitCode::FAILURE;
            }
        };
        let result = runtime.block_on(self.live(config, &settings, dirs, start));
        // Detached threads, such as a blocked file read, must not hold the exit up.
        runtime.shutdown_timeout(Duration::from_secs(1));
        match result {
            // The lock is let go of last: who waits for it waits for the process.
            Ok(_instance) => ExitCode::SUCCESS,
            Err(why) => {
                error!("{why}");
                ExitCode::FAILURE
            }
        }
    }

    async fn live<S, F, Fut, E>(
        &self,
        config: C,
        settings: &Settings,
        dirs: Dirs,
        start: F,
    ) -> Result<instance::Instance, String>
    where
        S: Send + Sync + 'static,
        F: FnOnce(Start<C>) -> Fut,
        Fut: Future<Output = Result<Ready<S, C>, E>>,
        E: Display,
    {
        let name = self.name;
        dirs.prepare().map_err(|error| chain(&error))?;
        let instance = instance::Instance::claim(&dirs, name).map_err(|error| error.to_string())?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let accounts = Arc::new(Accounts::new(dirs.pid_file("agentd")));
        let sockets = Arc::new(Sockets::take(&dirs).map_err(|error| error.to_string())?);
        let begin = Start {
            config,
            dirs: dirs.clone(),
            sockets: sockets.clone(),
            config_file: settings.file().to_owned(),
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        let ready = start(begin).await.map_err(|error| error.to_string())?;
        let server = Server::new(ready.routes, accounts.clone(), ready.metrics, Limits::default())
            .map_err(|error| error.to_string())?;
        let listener = sockets.listen(name).map_err(|error| error.to_string())?;
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        let mut hangup = signal(SignalKind::hangup()).map_err(|error| error.to_string())?;
        let mut watchdog =
            tokio::time::interval(sd_notify::watchdog_enabled().map_or(Duration::from_secs(3600), |limit| limit / 3));
        let serving = tokio::spawn(server.serve(listener, stop.clone()));
        tell(&[sd_notify::NotifyState::Ready]);
        info!(daemon = name, socket = %dirs.socket(name).display(), "ready");
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => {
                    accounts.refresh();
                    match settings.load::<C>().map_err(|error| chain(&error)).and_then(|config| (ready.reload)(config)) {
                        Ok(()) => info!("configuration reloaded"),
                        Err(why) => warn!(why, "the new configuration is not used; the one before stays"),
                    }
                }
                _ = watchdog.tick() => if (ready.is_alive)() {
                    tell(&[sd_notify::NotifyState::Watchdog]);
                },
            }
        }
        tell(&[sd_notify::NotifyState::Stopping]);
        info!("stopping");
        stop.cancel();
        let _ = serving.await;
        tasks.close();
        if tokio::time::timeout(LAST_TASKS, tasks.wait()).await.is_err() {
            warn!(tasks = tasks.len(), "not everything ended in time");
        }
        Ok(instance)
    }
}

/// Tells systemd, where there is one.
fn tell(state: &[sd_notify::NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!(%error, "systemd could not be told");
    }
}
