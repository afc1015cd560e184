//! What may be done to units: stop, restart, and wait until they rest.

use std::time::{Duration, Instant};

use zbus::OwnedObjectPath;

use crate::{
    SystemdError,
    bus::{Bus, text},
};

/// How often is looked how a unit stands.
const LOOK: Duration = Duration::from_millis(50);

impl Bus {
    /// Stops a unit and waits until it rests.
    pub async fn stop(&self, unit: &str, patience: Duration) -> Result<(), SystemdError> {
        self.job("StopUnit", unit).await?;
        self.settled(unit, patience, |active| matches!(active, "inactive" | "failed")).await
    }

    /// Starts a unit anew and waits until it is up.
    pub async fn restart(&self, unit: &str, patience: Duration) -> Result<(), SystemdError> {
        let job = self.job("RestartUnit", unit).await?;
        self.done(&job, patience).await;
        self.settled(unit, patience, |active| active == "active").await
    }

    /// Has a unit started anew, without waiting: for one's own.
    pub async fn restart_later(&self, unit: &str) -> Result<(), SystemdError> {
        self.job("RestartUnit", unit).await.map(drop)
    }

    /// Starts a unit anew, also one that failed too often, and waits until systemd is done with it: in milliseconds,
    /// by its own word.
    pub async fn restart_now(&self, unit: &str, patience: Duration) -> Result<(), SystemdError> {
        let job = match self.job("RestartUnit", unit).await {
            Err(SystemdError::Refused(_)) => {
                // It started too often in a short time.
                self.manager("ResetFailedUnit", &(unit,)).await?;
                self.job("RestartUnit", unit).await?
            }
            job => job?,
        };
        // Only now, since what is down waits for the job alone. One that is gone by then is not told of.
        let mut removed = self.jobs_removed().await?;
        if self.properties(&job, "Job").await.is_ok() {
            self.job_removed(&mut removed, &job, patience).await;
        }
        self.settled(unit, patience, |active| active == "active").await
    }

    /// Has a unit read its settings anew, and waits until it has.
    pub async fn reload(&self, unit: &str, patience: Duration) -> Result<(), SystemdError> {
        let mut removed = self.jobs_removed().await?;
        let job = self.job("ReloadOrRestartUnit", unit).await?;
        self.job_removed(&mut removed, &job, patience).await;
        self.settled(unit, patience, |active| active == "active").await
    }

    /// Has systemd read its units' files anew.
    pub async fn daemon_reload(&self) -> Result<(), SystemdError> {
        self.manager("Reload", &()).await.map(drop)
    }

    /// Kills every process of a unit that does not stop by itself.
    pub async fn kill(&self, unit: &str) -> Result<(), SystemdError> {
        self.manager("KillUnit", &(unit, "all", 9_i32)).await.map(drop)
    }

    async fn job(&self, method: &str, unit: &str) -> Result<OwnedObjectPath, SystemdError> {
        let answer = self.manager(method, &(unit, "replace")).await?;
        answer.body().deserialize().map_err(SystemdError::of)
    }

    /// Until a job is no longer systemd's: a unit that restarts is active before it too.
    pub(crate) async fn done(&self, job: &OwnedObjectPath, patience: Duration) {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline && self.properties(job, "Job").await.is_ok() {
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn settled(&self, unit: &str, patience: Duration, rests: impl Fn(&str) -> bool) -> Result<(), SystemdError> {
        let deadline = Instant::now() + patience;
        let path = self.path(unit).await?;
        loop {
            let state = text(&self.properties(&path, "Unit").await?, "ActiveState").unwrap_or_default();
            if rests(&state) {
                return Ok(());
            }
            if Instant::now() >= deadline || state == "failed" {
                return Err(SystemdError::NotSettled { unit: unit.to_owned(), state });
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
