//! Watchers: each looks, climbs its ladder where it must, and stands on disk with every step.

mod act;
mod error;
mod events;
mod ladder;
mod quiet;
mod runner;
mod spec;
mod store;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use osmoda_api::watch::{Watcher, WatcherAddRequest, WatcherState};
use osmoda_steward::Steward;
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

pub(crate) use self::error::WatcherError;
use self::{runner::Running, spec::Spec, store::Kept};
use crate::{config::InForce, switch::Switches};

/// Every watcher of a suite.
#[derive(Debug)]
pub(crate) struct Watchers {
    pub(super) switches: Arc<Switches>,
    pub(super) steward: Arc<Steward>,
    pub(super) config: Arc<InForce>,
    /// By id.
    running: Mutex<HashMap<String, Arc<Running>>>,
}

impl Watchers {
    /// Takes up every watcher that is kept.
    pub(crate) async fn start(
        switches: Arc<Switches>,
        steward: Arc<Steward>,
        config: Arc<InForce>,
        stop: &CancellationToken,
    ) -> Result<Arc<Self>, crate::switch::SwitchError> {
        let kept = store::all(&switches.store).await?;
        let watchers = Arc::new(Self { switches, steward, config, running: Mutex::default() });
        tokio::spawn(events::follow(watchers.clone(), stop.clone()));
        for one in kept {
            let id = one.id.clone();
            match Spec::new(one.request.clone(), &watchers.config.now()) {
                Ok(spec) => watchers.run(one, spec),
                // The settings no longer allow it. It stays on disk for when they do.
                Err(error) => tracing::warn!(id, %error, "a watcher is not watched"),
            }
        }
        Ok(watchers)
    }

    /// A new watcher.
    pub(crate) async fn add(self: &Arc<Self>, request: WatcherAddRequest, who: &str) -> Result<Watcher, WatcherError> {
        let spec = self.checked(&request, None)?;
        if self.count().0 >= usize::try_from(self.config.now().most_watchers).unwrap_or(usize::MAX) {
            return Err(WatcherError::TooMany { most: self.config.now().most_watchers });
        }
        let kept = Kept {
            id: format!("wt_{}", Ulid::generate()),
            request: WatcherAddRequest { approval_id: None, ..request },
            who: who.to_owned(),
            created_at: Timestamp::now().to_string(),
            paused_until: None,
            ladder: ladder::Ladder::default(),
        };
        store::insert(&self.switches.store, kept.clone()).await?;
        let id = kept.id.clone();
        self.run(kept, spec);
        Ok(self.find(&id)?.told())
    }

    /// A watcher in another form, under the same id.
    pub(crate) async fn edit(
        self: &Arc<Self>,
        id: &str,
        request: WatcherAddRequest,
        who: &str,
    ) -> Result<Watcher, WatcherError> {
        let before = self.find(id)?;
        let spec = self.checked(&request, Some(&before.id))?;
        let kept = Kept {
            request: WatcherAddRequest { approval_id: None, ..request },
            who: who.to_owned(),
            ladder: ladder::Ladder::default(),
            ..before.kept()
        };
        before.stop.cancel();
        store::update(&self.switches.store, kept.clone()).await?;
        self.run(kept, spec);
        Ok(self.find(&before.id)?.told())
    }

    /// Does not look for so many seconds; 0 ends a pause.
    pub(crate) async fn pause(&self, id: &str, secs: u32) -> Result<Watcher, WatcherError> {
        let running = self.find(id)?;
        let until = Timestamp::now().checked_add(jiff::SignedDuration::from_secs(secs.into()));
        let until = until.ok().filter(|_| secs > 0).map(|until| until.to_string());
        running.pause(until);
        store::update(&self.switches.store, running.kept()).await?;
        running.wake.notify_one();
        Ok(running.told())
    }

    /// Forgets a watcher.
    pub(crate) async fn remove(&self, id: &str) -> Result<String, WatcherError> {
        let running = self.find(id)?;
        store::remove(&self.switches.store, &running.id).await?;
        running.stop.cancel();
        self.lock().remove(&running.id);
        Ok(running.id.clone())
    }

    /// Every watcher, by name.
    pub(crate) fn list(&self) -> Vec<Watcher> {
        let mut all: Vec<Watcher> = self.lock().values().map(|running| running.told()).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// How many there are, and how many of them are not well.
    pub(crate) fn count(&self) -> (usize, usize) {
        let running = self.lock();
        let bad = |state| matches!(state, WatcherState::Failing | WatcherState::Flapping | WatcherState::Blocked);
        (running.len(), running.values().filter(|one| bad(one.state())).count())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// By id or by name.
    fn find(&self, id: &str) -> Result<Arc<Running>, WatcherError> {
        let running = self.lock();
        let found = running.get(id).or_else(|| running.values().find(|one| one.spec.request.name == id));
        found.cloned().ok_or_else(|| WatcherError::Unknown(id.to_owned()))
    }

    fn named(&self, name: &str) -> Option<Arc<Running>> {
        self.lock().values().find(|one| one.spec.request.name == name).cloned()
    }

    fn run(self: &Arc<Self>, kept: Kept, spec: Spec) {
        let running = Arc::new(Running::new(kept, spec));
        self.lock().insert(running.id.clone(), running.clone());
        tokio::spawn(runner::run(self.clone(), running));
    }

    /// A form that can be watched: a name of its own, and parents that are there and not its own children.
    fn checked(&self, request: &WatcherAddRequest, own: Option<&str>) -> Result<Spec, WatcherError> {
        let spec = Spec::new(request.clone(), &self.config.now())?;
        if self.named(&request.name).is_some_and(|other| Some(other.id.as_str()) != own) {
            return Err(WatcherError::NameTaken(request.name.clone()));
        }
        let mut ahead: Vec<String> = request.depends_on.clone().unwrap_or_default();
        let mut seen = Vec::new();
        while let Some(parent) = ahead.pop() {
            if parent == request.name {
                return Err(WatcherError::Circle(parent));
            }
            if seen.contains(&parent) {
                continue;
            }
            let known = self.named(&parent).ok_or_else(|| WatcherError::Unknown(parent.clone()))?;
            ahead.extend(known.spec.request.depends_on.clone().unwrap_or_default());
            seen.push(parent);
        }
        Ok(spec)
    }
}
