//! After a crash or a reboot: what was open goes on, or back. By the daemon when it starts, and by the command that ends a
//! session when the daemon can't.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use osmoda_api::watch::SwitchState;
use osmoda_ipc::daemon::running_pid;
use tracing::{error, info, warn};

use super::{
    Reason, SwitchError, Switches,
    lock::{Driving, is_held},
    rescue::Stage,
    session::Session,
    state::{Cause, Resumed, resumed},
};
use crate::boot;

/// How long a daemon that lives may hold a session beyond its deadline, and how long it may be on its way back with it.
const STUCK: Duration = Duration::from_secs(15);
const STUCK_GOING_BACK: Duration = Duration::from_secs(180);
/// How long who was killed may still hold a lock.
const DYING: Duration = Duration::from_secs(5);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(100);

impl Switches {
    /// Takes up every open session. One that somebody else still drives is taken up when they let go of it.
    pub(crate) async fn recover(self: &Arc<Self>) -> Result<(), SwitchError> {
        for session in self.store.open_sessions().await? {
            match Driving::take(&self.folder, &session.id) {
                Ok(driving) => self.take_up(session, driving).await?,
                Err(error) if is_held(&error) => {
                    let (switches, id) = (self.clone(), session.id.clone());
                    tokio::spawn(async move { switches.take_up_later(&id).await });
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.tidy().await?;
        // Once more when those who just die are dead.
        let later = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(DYING).await;
            later.tidy().await
        });
        self.tell_trouble().await;
        Ok(())
    }

    async fn take_up_later(self: &Arc<Self>, id: &str) {
        loop {
            tokio::time::sleep(LOOK).await;
            let Ok(driving) = Driving::take(&self.folder, id) else { continue };
            let taken = match self.store.session(id).await {
                Ok(session) if !session.state.is_over() => self.take_up(session, driving).await,
                Ok(_) => return driving.done(),
                Err(error) => Err(error),
            };
            if let Err(error) = taken {
                error!(session = id, %error, "a session could not be taken up");
            }
            return;
        }
    }

    async fn take_up(self: &Arc<Self>, mut session: Session, driving: Driving) -> Result<(), SwitchError> {
        self.settle(&mut session, false).await?;
        self.moved.notify_one();
        self.spawn(session, driving);
        Ok(())
    }

    /// Moves a session that nobody drives to where it can be driven on. `is_ended` where its time is over anyway.
    async fn settle(self: &Arc<Self>, session: &mut Session, is_ended: bool) -> Result<(), SwitchError> {
        let same_boot = session.boot == self.boot;
        let is_late = session.is_late(boot::now_ms());
        let Some(what) = resumed(session.state, same_boot, session.on_reboot, is_late) else { return Ok(()) };
        let what = match what {
            Resumed::GoOn if is_ended => Resumed::RollBack(Cause::Deadline),
            what => what,
        };
        info!(session = session.id, state = session.state.as_str(), ?what, "taken up");
        let back = |cause: Cause| Reason::own(Self::move_reason(cause));
        match what {
            Resumed::Drop => {
                let why = "watch was ended while it prepared the change; nothing was changed";
                self.store.advance(session, SwitchState::Failed, Reason::own(why)).await
            }
            Resumed::RollBack(cause) => {
                session.cause = Some(cause);
                self.store.advance(session, SwitchState::RollingBack, back(cause)).await
            }
            Resumed::AwaitApply => {
                let Some(facts) = session.facts.clone() else {
                    session.cause = Some(Cause::Interrupted);
                    return self.store.advance(session, SwitchState::RollingBack, back(Cause::Interrupted)).await;
                };
                let change = session.change.clone();
                if !is_ended && change.way().was_applied(&self.tools, &session.id, &facts).await {
                    return self.anew(session, "applied, while watch was away").await;
                }
                session.cause = Some(Cause::Interrupted);
                self.store.advance(session, SwitchState::RollingBack, back(Cause::Interrupted)).await
            }
            Resumed::GoOn => {
                let left = session.deadline_ms.unwrap_or(0).saturating_sub(boot::now_ms());
                let margin = Duration::from_secs(60);
                let after = Duration::from_millis(left) + margin;
                self.rescue.ensure(&session.id, after).await.map_err(SwitchError::NoRescue)
            }
            Resumed::BeginAnew => self.anew(session, "started anew after a reboot, as its session said").await,
            Resumed::GoOnBack => Ok(()),
        }
    }

    /// Probation begins from its beginning.
    async fn anew(self: &Arc<Self>, session: &mut Session, why: &str) -> Result<(), SwitchError> {
        let ttl = Duration::from_secs(session.ttl_secs.into());
        let after = ttl + Duration::from_secs(60);
        self.rescue.set(&session.id, Stage::Probation, after).await.map_err(SwitchError::NoRescue)?;
        let now = boot::now_ms();
        session.boot = self.boot.clone();
        session.began_ms = Some(now);
        session.deadline_ms = Some(now.saturating_add(u64::from(session.ttl_secs) * 1000));
        let ends = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(session.ttl_secs.into()));
        session.deadline = ends.ok().map(|ends| ends.to_string());
        self.store.advance(session, SwitchState::Probation, Reason::own(why)).await
    }

    /// Ends one session that nobody confirmed: what the timer and the guard do. True where there is nothing left to do.
    pub(crate) async fn rescue_one(self: &Arc<Self>, id: &str) -> bool {
        match self.end_one(id).await {
            Ok(session) => session.state.is_over(),
            Err(SwitchError::Unknown(_)) => true,
            Err(error) => {
                error!(session = id, %error, "a session could not be ended");
                false
            }
        }
    }

    async fn end_one(self: &Arc<Self>, id: &str) -> Result<Session, SwitchError> {
        let mut known = self.read(id).await?;
        let mut since = Instant::now();
        let mut tries = known.failed_rollbacks;
        let driving = loop {
            if known.state.is_over() {
                return Ok(known);
            }
            match Driving::take(&self.folder, id) {
                Ok(driving) => break driving,
                Err(error) if is_held(&error) => {}
                Err(error) => return Err(error.into()),
            }
            let patience = if known.state == SwitchState::RollingBack { STUCK_GOING_BACK } else { STUCK };
            if since.elapsed() > patience {
                self.end_stuck_daemon();
                since = Instant::now();
            }
            tokio::time::sleep(LOOK).await;
            known = self.read(id).await?;
            if known.failed_rollbacks != tries {
                (since, tries) = (Instant::now(), known.failed_rollbacks);
            }
        };
        // It may be over since we looked.
        let mut session = self.store.session(id).await?;
        self.settle(&mut session, true).await?;
        let mut stand = self.spawn(session, driving);
        let _ = stand.wait_for(|stand| stand.state.is_over()).await;
        self.store.session(id).await
    }

    /// A session whose time is over. Who keeps the database locked beyond all patience hangs within a move.
    async fn read(&self, id: &str) -> Result<Session, SwitchError> {
        match self.store.session(id).await {
            Err(SwitchError::Database(error))
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) =>
            {
                self.end_stuck_daemon();
                self.store.session(id).await
            }
            read => read,
        }
    }

    /// A daemon that lives, holds a session and does not move: it is in the way of what it promised.
    fn end_stuck_daemon(&self) {
        let Some(pid) = running_pid(&self.dirs.pid_file("watch")) else { return };
        if pid != i32::try_from(std::process::id()).unwrap_or(0) {
            warn!(pid, "the daemon holds a session beyond its deadline and is ended");
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    /// Ends every session that a reboot ends, before anything else is started. True where all of them are over.
    pub(crate) async fn end_at_boot(self: &Arc<Self>) -> bool {
        let Ok(open) = self.store.open_sessions().await else { return false };
        let mut all_over = true;
        for session in open {
            let what = resumed(session.state, session.boot == self.boot, session.on_reboot, false);
            if matches!(what, Some(Resumed::RollBack(_) | Resumed::GoOnBack)) {
                all_over &= self.rescue_one(&session.id).await;
            }
        }
        all_over
    }
}
