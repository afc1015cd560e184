//! Apps on a machine that systemd runs: deployed, listed, stopped, started again at boot.

mod containers;
mod list;

use std::{path::PathBuf, time::Duration};

use osmoda_api::agentd::{AppDeployRequest, AppDeployed, AppRemoved, AppStatus, Found};
use osmoda_apps::{AppError, AppName, Registered, Registry, Spec, Wanted};
use osmoda_ipc::{Fault, chain};
use osmoda_systemd::{Bus, SystemdError, UnitState, is_here};
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::system;

/// How long systemd may take to start or to stop an app.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long a started app may take to listen, before the answer says that it does not yet.
const LISTENS_WITHIN: Duration = Duration::from_secs(3);

/// The registry, and the right to change what it says.
#[derive(Debug)]
pub(crate) struct Apps {
    registry: Registry,
    run: PathBuf,
    changes: Mutex<()>,
}

impl Apps {
    pub(crate) fn open(file: &std::path::Path, run: PathBuf) -> Result<Self, AppError> {
        Ok(Self { registry: Registry::open(file)?, run, changes: Mutex::new(()) })
    }

    /// Starts what is to run and does not: at boot that is all of it. Ends what was being removed.
    pub(crate) async fn resume(&self) {
        if !is_here() {
            return;
        }
        let _changing = self.changes.lock().await;
        let all = self.registry.all().unwrap_or_else(|error| {
            warn!(error = chain(&error), "the apps can't be started: their registry can't be read");
            Vec::new()
        });
        for app in all {
            if let Err(why) = self.resume_one(&app).await {
                warn!(app = app.name.as_str(), why = chain(&why), "an app could not be started again");
            }
        }
    }

    async fn resume_one(&self, app: &Registered) -> Result<(), SystemdError> {
        match app.wanted {
            Wanted::Stopped => Ok(()),
            Wanted::Removed => {
                self.end(&app.name).await?;
                if let Err(error) = self.registry.forget(&app.name) {
                    warn!(error = chain(&error), "a removed app could not be forgotten");
                }
                Ok(())
            }
            Wanted::Running => {
                let bus = Bus::connect().await?;
                if loaded(&bus, &app.name).await?.is_some() {
                    return Ok(());
                }
                info!(app = app.name.as_str(), "an app is started again");
                self.start(&bus, &app.name, &app.spec).await
            }
        }
    }

    pub(crate) async fn deploy(&self, request: AppDeployRequest, actor: &str) -> Result<AppDeployed, Fault> {
        let name = AppName::parse(&request.name)?;
        let spec = Spec::of(&request)?;
        account_exists(&spec)?;
        let bus = Bus::connect().await?;
        let _changing = self.changes.lock().await;
        if self.registry.get(&name).is_ok() {
            return Err(AppError::Exists(name.to_string()).into());
        }
        if let Some(port) = spec.port {
            self.port_is_free(port).await?;
        }
        // Written down first: what is cut off here is started when agentd starts again.
        self.registry.add(&name, &spec, actor)?;
        if let Err(error) = self.start(&bus, &name, &spec).await {
            self.registry.forget(&name)?;
            return Err(error.into());
        }
        let listening = match spec.port {
            Some(port) => Some(listens(port).await?),
            None => None,
        };
        let state = loaded(&bus, &name).await?.unwrap_or_default();
        let status = if state.active.is_empty() { "inactive".to_owned() } else { state.active };
        Ok(AppDeployed { unit: name.unit(), name: name.to_string(), status, pid: state.pid, listening })
    }

    pub(crate) async fn stop(&self, name: &str) -> Result<AppStatus, Fault> {
        let name = AppName::parse(name)?;
        let _changing = self.changes.lock().await;
        self.registry.want(&name, Wanted::Stopped)?;
        self.end(&name).await?;
        Ok(AppStatus { name: name.to_string(), status: "stopped".into() })
    }

    pub(crate) async fn restart(&self, name: &str) -> Result<AppStatus, Fault> {
        let name = AppName::parse(name)?;
        let bus = Bus::connect().await?;
        let _changing = self.changes.lock().await;
        let app = self.registry.want(&name, Wanted::Running)?;
        if loaded(&bus, &name).await?.is_some() {
            match bus.restart(&name.unit(), PATIENCE).await {
                // How it stands is told below.
                Ok(()) | Err(SystemdError::NotSettled { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        } else {
            self.start(&bus, &name, &app.spec).await?;
        }
        let state = loaded(&bus, &name).await?.unwrap_or_default();
        let status = if state.active.is_empty() { "inactive".to_owned() } else { state.active };
        Ok(AppStatus { name: name.to_string(), status })
    }

    pub(crate) async fn remove(&self, name: &str) -> Result<AppRemoved, Fault> {
        let name = AppName::parse(name)?;
        let _changing = self.changes.lock().await;
        self.registry.want(&name, Wanted::Removed)?;
        self.end(&name).await?;
        self.registry.forget(&name)?;
        let folders = ["/var/lib/private", "/var/lib"].map(|folder| format!("{folder}/{}", name.folder()));
        let data = folders.into_iter().find(|folder| std::path::Path::new(folder).is_dir());
        Ok(AppRemoved { name: name.to_string(), removed: true, data })
    }

    /// Its name in the registry, as its unit for the journal.
    pub(crate) fn unit(&self, name: &str) -> Result<String, AppError> {
        let name = AppName::parse(name)?;
        self.registry.get(&name).map(|app| app.name.unit())
    }

    async fn start(&self, bus: &Bus, name: &AppName, spec: &Spec) -> Result<(), SystemdError> {
        let settings = spec.service(name, &self.run.to_string_lossy());
        bus.start_transient(&name.unit(), settings, PATIENCE).await
    }

    /// Until it rests, and nothing of it is left in systemd.
    async fn end(&self, name: &AppName) -> Result<(), SystemdError> {
        let bus = Bus::connect().await?;
        let unit = name.unit();
        match bus.stop(&unit, PATIENCE).await {
            Ok(()) => {}
            Err(SystemdError::UnknownUnit(_)) => return Ok(()),
            Err(SystemdError::NotSettled { .. }) => {
                bus.kill(&unit).await?;
                bus.stop(&unit, PATIENCE).await?;
            }
            Err(error) => return Err(error),
        }
        // A unit that did not fail has nothing to forget.
        let _ = bus.reset_failed(&unit).await;
        Ok(())
    }

    async fn port_is_free(&self, port: u16) -> Result<(), Fault> {
        let taken = |by: String| Err(AppError::PortTaken { port, by }.into());
        if let Some(holder) = listeners().await?.into_iter().find(|found| found.protocol == "tcp" && found.port == port)
        {
            let pid = holder.pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
            return taken(format!("{}{pid}", holder.name.unwrap_or_else(|| "a program".into())));
        }
        let all = self.registry.all()?;
        match all.into_iter().find(|app| app.spec.port == Some(port) && app.wanted == Wanted::Running) {
            Some(app) => taken(format!("the app {}", app.name)),
            None => Ok(()),
        }
    }
}

fn account_exists(spec: &Spec) -> Result<(), AppError> {
    let Some(name) = &spec.user else { return Ok(()) };
    match nix::unistd::User::from_name(name) {
        Ok(Some(_)) => Ok(()),
        _ => Err(AppError::BadSetting { setting: "user", why: format!("there is no account {name}") }),
    }
}

/// How its unit stands, where systemd has one.
async fn loaded(bus: &Bus, name: &AppName) -> Result<Option<UnitState>, SystemdError> {
    match bus.state(&name.unit()).await {
        Ok(state) => Ok(Some(state)),
        Err(SystemdError::UnknownUnit(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn listeners() -> Result<Vec<Found>, Fault> {
    crate::handlers::blocking(system::discover).await.map(|discovery| discovery.found)
}

/// Whether somebody listens there, now or in a moment.
async fn listens(port: u16) -> Result<bool, Fault> {
    let deadline = tokio::time::Instant::now() + LISTENS_WITHIN;
    loop {
        if listeners().await?.iter().any(|found| found.protocol == "tcp" && found.port == port) {
            return Ok(true);
        }
        if tokio::time::Instant::now() >= deadline {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
