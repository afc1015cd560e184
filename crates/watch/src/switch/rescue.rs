//! The promise outlives the process: before anything is changed, somebody else is set to end the session after its
//! deadline. systemd, by a timer of its own; elsewhere a guard process that this daemon keeps up.

use std::{path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use osmoda_ipc::daemon::Dirs;
use osmoda_systemd::Alarm;
use tokio::process::Command;

use super::{error::RescueError, guard, lock::Driving};
use crate::{boot, systemd::Systemd};

/// How long the command that ends a session may take before it is started anew.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Who ends a session when this daemon can't.
#[derive(Debug)]
pub(crate) struct Rescue {
    systemd: Option<Arc<Systemd>>,
    dirs: Dirs,
    folder: PathBuf,
}

/// The alarms of a session: one that is set before anything is changed, and one for the end of probation. The first is
/// only taken back when the second stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Applying,
    Probation,
}

fn name(id: &str, stage: Stage) -> String {
    match stage {
        Stage::Applying => format!("osmoda-switch-{id}-applying"),
        Stage::Probation => format!("osmoda-switch-{id}-probation"),
    }
}

/// This program, also where its file was replaced since it was started.
fn own_program() -> std::io::Result<String> {
    let path = std::env::current_exe()?.to_string_lossy().into_owned();
    Ok(path.strip_suffix(" (deleted)").map(str::to_owned).unwrap_or(path))
}

impl Rescue {
    /// By systemd where it is given.
    pub(crate) fn new(systemd: Option<Arc<Systemd>>, dirs: Dirs, folder: PathBuf) -> Self {
        Self { systemd, dirs, folder }
    }

    /// Who it is.
    pub(crate) fn name(&self) -> &'static str {
        if self.systemd.is_some() { "systemd" } else { "guard" }
    }

    fn argv(&self, command: &str, id: &str) -> std::io::Result<Vec<String>> {
        let own = |text: &str| text.to_owned();
        Ok(vec![
            own_program()?,
            own(command),
            own(id),
            own("--run-dir"),
            self.dirs.run().display().to_string(),
            own("--state-dir"),
            self.dirs.state().display().to_string(),
        ])
    }

    /// The session is ended after this time, unless it is over by then. A time set before is replaced.
    pub(super) async fn set(&self, id: &str, stage: Stage, after: Duration) -> Result<(), RescueError> {
        let Some(systemd) = &self.systemd else {
            let at = boot::now_ms().saturating_add(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
            guard::write(&self.folder, id, at)?;
            return self.keep_guard(id).await;
        };
        let argv = self.argv("rollback", id)?;
        let name = name(id, stage);
        let alarm = Alarm {
            name: &name,
            description: "Undoes a change that nobody confirmed",
            argv: &argv,
            after,
            patience: PATIENCE,
        };
        let alarm = &alarm;
        systemd.ask(|bus| async move { bus.set_alarm(alarm).await }).await?;
        if stage == Stage::Probation {
            self.forget(systemd, id, Stage::Applying).await;
        }
        Ok(())
    }

    /// As [`Rescue::set`], where nothing is set any more: the alarm of a daemon before this one stays as it is.
    pub(super) async fn ensure(&self, id: &str, after: Duration) -> Result<(), RescueError> {
        if let Some(systemd) = &self.systemd {
            let name = &name(id, Stage::Probation);
            if systemd.ask(|bus| async move { bus.has_alarm(name).await }).await? {
                return Ok(());
            }
        }
        self.set(id, Stage::Probation, after).await
    }

    async fn forget(&self, systemd: &Systemd, id: &str, stage: Stage) {
        let name = &name(id, stage);
        let forgotten = systemd.ask(|bus| async move {
            bus.clear_alarm(name).await;
            Ok(())
        });
        let _ = forgotten.await;
    }

    /// The session is over.
    pub(super) async fn clear(&self, id: &str) {
        match &self.systemd {
            Some(systemd) => {
                self.forget(systemd, id, Stage::Applying).await;
                self.forget(systemd, id, Stage::Probation).await;
            }
            None => guard::remove(&self.folder, id),
        }
    }

    /// A guard lives, or one is started.
    pub(super) async fn keep_guard(&self, id: &str) -> Result<(), RescueError> {
        if self.systemd.is_some() {
            return Ok(());
        }
        match Driving::guard(&self.folder, id) {
            // Held by a living one.
            Err(_) => return Ok(()),
            Ok(free) => free.done(),
        }
        let argv = self.argv("guard", id)?;
        let mut command = Command::new(&argv[0]);
        command.args(&argv[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own: what ends the daemon's does not end it.
        command.process_group(0).spawn()?;
        // It holds its lock before anything is changed.
        for _ in 0..500 {
            match Driving::guard(&self.folder, id) {
                Err(_) => return Ok(()),
                Ok(free) => free.done(),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err(RescueError::Guard(std::io::Error::other("it does not come up")))
    }
}
