//! Drives one session from where it stands to its end. Each move is on disk before it is made.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use jiff::Timestamp;
use osmoda_api::watch::{CheckResult, SwitchState};
use osmoda_ipc::Fault;
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use super::{
    Order, Reason, Stand, SwitchError, Switches,
    probation::{Rules, Tally, Verdict},
    rescue::Stage,
    session::Session,
    state::Cause,
};
use crate::{boot, checks::Probe};

/// How long a broken disk is given before it is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// The longest pause between two tries of a rollback.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// From this many failed rollbacks on people are told.
const TELL_FROM: u32 = 2;

/// One session and its driver.
pub(super) struct Driver {
    pub(super) switches: Arc<Switches>,
    pub(super) session: Session,
    pub(super) heard: mpsc::UnboundedReceiver<Order>,
    pub(super) stands: watch::Sender<Stand>,
    pub(super) results: Arc<Mutex<Vec<CheckResult>>>,
}

impl Driver {
    /// To the end.
    pub(super) async fn run(mut self) {
        while !self.session.state.is_over() {
            let step = match self.session.state {
                SwitchState::Preparing => self.prepare().await,
                SwitchState::Applying => self.apply().await,
                SwitchState::Probation => self.watch().await,
                _ => self.go_back().await,
            };
            if let Err(error) = step {
                error!(session = self.session.id, %error, "a session could not be moved");
                tokio::time::sleep(AGAIN).await;
                // Somebody else may have moved it: what is on disk holds.
                if let Ok(session) = self.switches.store.session(&self.session.id).await {
                    self.session = session;
                }
            }
            let state = self.session.state;
            if !state.is_over() {
                self.stands.send_modify(|stand| stand.state = state);
            }
        }
        self.end().await;
        let state = self.session.state;
        self.stands.send_modify(|stand| stand.state = state);
    }

    async fn advance(&mut self, to: SwitchState, reason: Reason) -> Result<(), SwitchError> {
        let (id, who, why) = (self.session.id.clone(), reason.who.clone(), reason.why.clone());
        self.switches.store.advance(&mut self.session, to, reason).await?;
        info!(session = id, to = to.as_str(), who, why, "moved");
        self.switches.moved.notify_one();
        Ok(())
    }

    async fn fail(&mut self, fault: Fault) -> Result<(), SwitchError> {
        let why = fault.message().to_owned();
        self.advance(SwitchState::Failed, Reason::own(why)).await?;
        self.stands.send_modify(|stand| stand.fault = Some(fault));
        Ok(())
    }

    async fn prepare(&mut self) -> Result<(), SwitchError> {
        let (switches, change, id) = (self.switches.clone(), self.session.change.clone(), self.session.id.clone());
        let prepared = tokio::select! {
            prepared = change.way().prepare(&switches.tools, &id) => prepared,
            Some(order) = self.heard.recv() => {
                let (Order::Commit(reason) | Order::Rollback(reason)) = order;
                return self.advance(SwitchState::Failed, reason).await;
            }
        };
        let facts = match prepared {
            Ok(facts) => facts,
            Err(error) => return self.fail(error.into()).await,
        };
        if let Some(key) = &facts.key
            && let Err(error) = switches.store.refuse_quarantined(key).await
        {
            return self.fail(error.into()).await;
        }
        self.session.facts = Some(facts);
        // Whoever undoes it if we die is there before anything is changed.
        let after = switches.tools.apply_patience() * 2 + self.ttl() + self.margin();
        if let Err(error) = switches.rescue.set(&self.session.id, Stage::Applying, after).await {
            return self.fail(SwitchError::NoRescue(error).into()).await;
        }
        self.advance(SwitchState::Applying, Reason::own("prepared")).await
    }

    async fn apply(&mut self) -> Result<(), SwitchError> {
        let Some(facts) = self.session.facts.clone() else {
            return self.back(Cause::Interrupted, "nothing was prepared").await;
        };
        let (switches, change) = (self.switches.clone(), self.session.change.clone());
        match change.way().apply(&switches.tools, &self.session.id, &facts).await {
            Ok(()) => self.begin_probation(Reason::own("applied")).await,
            Err(error) => {
                let fault = Fault::from(error);
                let why = format!("the change could not be made: {}", fault.message());
                self.back(Cause::ApplyFailed, &why).await?;
                let id = &self.session.id;
                let fault = Fault::failed("switch_failed", format!("{why}; session {id} goes back"))
                    .with_detail(serde_json::json!({ "id": id, "code": fault.code() }));
                self.stands.send_modify(|stand| stand.fault = Some(fault));
                Ok(())
            }
        }
    }

    /// From now on it is watched.
    async fn begin_probation(&mut self, reason: Reason) -> Result<(), SwitchError> {
        let now = boot::now_ms();
        let ttl = self.ttl();
        let ends = Timestamp::now().checked_add(jiff::SignedDuration::try_from(ttl).unwrap_or_default());
        self.session.boot = self.switches.boot.clone();
        self.session.began_ms = Some(now);
        self.session.deadline_ms = Some(now.saturating_add(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)));
        self.session.deadline = ends.ok().map(|ends| ends.to_string());
        self.advance(SwitchState::Probation, reason).await?;
        // The one that was set before the change fires later; it stays where this one can't be set.
        if let Err(error) = self.switches.rescue.set(&self.session.id, Stage::Probation, ttl + self.margin()).await {
            warn!(session = self.session.id, %error, "the rescue could not be moved to the deadline");
        }
        Ok(())
    }

    /// How long the last looks may take beyond the deadline, before nobody can be alive any more.
    fn margin(&self) -> Duration {
        let slowest = self.session.checks.iter().map(|check| check.timeout_secs.unwrap_or(5)).max().unwrap_or(0);
        let looks = self.session.failures.saturating_add(1);
        Duration::from_secs(3) + (self.interval() + Duration::from_secs(slowest.into())) * looks
    }

    fn ttl(&self) -> Duration {
        Duration::from_secs(self.session.ttl_secs.into())
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(self.switches.tools.config.now().check_interval_secs.max(1).into())
    }

    async fn watch(&mut self) -> Result<(), SwitchError> {
        let config = self.switches.tools.config.now();
        let probes: Vec<Probe> =
            self.session.checks.iter().map(|check| Probe::new(check, &config)).collect::<Result<_, _>>()?;
        let rules = Rules {
            ttl: self.ttl(),
            failures: self.session.failures,
            grace: Duration::from_secs(self.session.grace_secs.into()),
        };
        // The clock since boot, so that what passed before a restart of this daemon counts.
        let began = self.session.began_ms.unwrap_or_else(boot::now_ms);
        let elapsed = || Duration::from_millis(boot::now_ms().saturating_sub(began));
        let mut tally = Tally::default();
        loop {
            let looks = join_all(probes.iter().map(|probe| probe.look(&self.switches.eyes))).await;
            let verdict = tally.count(looks, elapsed(), &rules);
            self.session.results = tally.results().to_vec();
            *self.results.lock().unwrap_or_else(PoisonError::into_inner) = self.session.results.clone();
            match verdict {
                Verdict::Good => {
                    let why = format!("all {} checks were good to the end", probes.len());
                    return self.advance(SwitchState::Committed, Reason::own(why)).await;
                }
                Verdict::Bad(why) => return self.back(Cause::ChecksFailed, &why).await,
                Verdict::Wait => {}
            }
            let left = rules.ttl.saturating_sub(elapsed());
            let pause = if left.is_zero() { self.interval() } else { self.interval().min(left) };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                Some(order) = self.heard.recv() => return match order {
                    Order::Commit(reason) => self.advance(SwitchState::Committed, reason).await,
                    Order::Rollback(reason) => {
                        self.session.cause = Some(Cause::Asked);
                        self.advance(SwitchState::RollingBack, reason).await
                    }
                },
            }
        }
    }

    /// From now on it goes back.
    async fn back(&mut self, cause: Cause, why: &str) -> Result<(), SwitchError> {
        self.session.cause = Some(cause);
        self.advance(SwitchState::RollingBack, Reason::own(why)).await
    }

    async fn go_back(&mut self) -> Result<(), SwitchError> {
        let began = Instant::now();
        let Some(facts) = self.session.facts.clone() else {
            return self.advance(SwitchState::RolledBack, Reason::own("nothing had been changed")).await;
        };
        let (switches, change, id) = (self.switches.clone(), self.session.change.clone(), self.session.id.clone());
        let undone = match change.way().rollback(&switches.tools, &id, &facts).await {
            Ok(()) => change.way().verify(&switches.tools, &id, &facts).await,
            failed => failed,
        };
        let error = match undone {
            Ok(()) => {
                let cause = self.session.cause.map_or("", Switches::move_reason);
                let why = format!("back on {} in {} ms: {cause}", facts.previous, began.elapsed().as_millis());
                return self.advance(SwitchState::RolledBack, Reason::own(why)).await;
            }
            Err(error) => error.to_string(),
        };
        self.session.failed_rollbacks += 1;
        let tries = self.session.failed_rollbacks;
        let why = format!("rollback {tries} failed: {error}");
        error!(session = id, why, "a rollback failed");
        if tries >= switches.tools.config.now().rollback_tries.max(1) {
            self.session.stranded = true;
            self.advance(SwitchState::Failed, Reason::own(format!("{why}; a person is needed"))).await?;
            switches.tell_trouble().await;
            switches.notifier.trouble(&self.session.id, &self.session.plan, &why).await;
            return Ok(());
        }
        self.session.why = Some(why.clone());
        switches.store.keep(&self.session).await?;
        switches.tell_trouble().await;
        if tries == TELL_FROM {
            switches.notifier.trouble(&self.session.id, &self.session.plan, &why).await;
        }
        let pause = Duration::from_secs(1 << (tries - 1).min(6)).min(LONGEST_PAUSE);
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Nothing of it is needed any more, but where it is stranded.
    async fn end(&self) {
        let (switches, id) = (&self.switches, &self.session.id);
        switches.rescue.clear(id).await;
        switches.tools.runner.clean(id);
        if !self.session.stranded {
            self.session.change.way().clean(&switches.tools, id);
        }
        if self.session.failed_rollbacks > 0 || switches.count_troubled() > 0 {
            switches.tell_trouble().await;
        }
    }
}
