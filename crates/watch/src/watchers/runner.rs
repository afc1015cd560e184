//! One watcher's life: it looks at its interval, and at once when the system tells of an end.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{Timestamp, Zoned};
use osmoda_api::watch::{CheckResult, CheckState, Escalation, Watcher, WatcherState};
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    Watchers,
    ladder::{Around, Do, Ladder, Rules},
    spec::Spec,
    store::{self, Kept},
};
use crate::{checks::Exits, switch::Looked};

/// How often is looked for a pid file's process to wait for.
const NO_PROCESS: Duration = Duration::from_millis(200);

/// A watcher that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) id: String,
    pub(super) spec: Spec,
    pub(super) stop: CancellationToken,
    /// Look now.
    pub(super) wake: Notify,
    stands: Mutex<Stands>,
}

/// Where it stands.
#[derive(Debug)]
struct Stands {
    kept: Kept,
    last: CheckResult,
}

impl Running {
    pub(super) fn new(kept: Kept, spec: Spec) -> Self {
        let last = spec.probe.unseen();
        Self {
            id: kept.id.clone(),
            spec,
            stop: CancellationToken::new(),
            wake: Notify::new(),
            stands: Mutex::new(Stands { kept, last }),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Stands> {
        self.stands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn kept(&self) -> Kept {
        self.lock().kept.clone()
    }

    pub(super) fn state(&self) -> WatcherState {
        self.lock().kept.ladder.state
    }

    pub(super) fn pause(&self, until: Option<String>) {
        let mut stands = self.lock();
        stands.kept.ladder = Ladder { turns: std::mem::take(&mut stands.kept.ladder.turns), ..Ladder::default() };
        if until.is_some() {
            stands.kept.ladder.state = WatcherState::Paused;
        }
        stands.kept.paused_until = until;
    }

    /// Whether it does not look now.
    fn is_paused(&self) -> bool {
        let mut stands = self.lock();
        let until = stands.kept.paused_until.as_ref().map(|until| until.parse::<Timestamp>());
        match until {
            Some(Ok(until)) if Timestamp::now() < until => true,
            None => false,
            Some(_) => {
                stands.kept.paused_until = None;
                stands.kept.ladder.state = WatcherState::New;
                false
            }
        }
    }

    /// How the last act went.
    pub(super) fn note(&self, text: String) {
        self.lock().kept.ladder.last = Some(text);
    }

    /// Counts a look; whether where it stands is worth writing down, and what is to be done.
    fn count(&self, mut looked: Looked, around: Around) -> (bool, Do) {
        let rules = Rules { failures: self.spec.failures(), flaps: self.spec.flaps(), actions: &self.spec.actions };
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
        let mut stands = self.lock();
        if stands.kept.paused_until.is_some() {
            // It was paused while it looked.
            return (false, Do::Nothing);
        }
        let before = (stands.kept.ladder.state, stands.kept.ladder.rung, stands.kept.ladder.tries);
        let what = stands.kept.ladder.count(looked.result.state, looked.is_final, now, &rules, around);
        let ladder = &stands.kept.ladder;
        looked.result.failures = ladder.failures;
        let changed = (ladder.state, ladder.rung, ladder.tries) != before;
        stands.last = looked.result;
        (changed, what)
    }

    pub(super) fn told(&self) -> Watcher {
        let stands = self.lock();
        let (kept, request, ladder) = (&stands.kept, &self.spec.request, &stands.kept.ladder);
        Watcher {
            id: self.id.clone(),
            name: request.name.clone(),
            check: request.check.clone(),
            state: ladder.state,
            last_result: stands.last.clone(),
            escalation: Escalation {
                actions: self.spec.actions.clone(),
                rung: ladder.rung,
                tries: ladder.tries,
                last: ladder.last.clone(),
            },
            interval_secs: self.spec.interval_secs(),
            failures: self.spec.failures(),
            depends_on: request.depends_on.clone().unwrap_or_default(),
            quiet_hours: request.quiet_hours.clone().unwrap_or_default(),
            flaps: self.spec.flaps(),
            paused_until: kept.paused_until.clone(),
            who: kept.who.clone(),
            created_at: kept.created_at.clone(),
        }
    }
}

/// Looks until it is stopped.
pub(super) async fn run(watchers: Arc<Watchers>, running: Arc<Running>) {
    let every = running.spec.interval();
    // The first look comes at once; all that have the same interval look in the same moment, which wakes us once.
    look(&watchers, &running).await;
    let mut ticks = interval_at(next_of_all(every), every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let exits = running.spec.probe.pid_file().map(Exits::of);
    let next_end = || async {
        match &exits {
            Some(exits) => exits.next(NO_PROCESS).await,
            None => std::future::pending().await,
        }
    };
    // Kept over the ticks: the kernel is asked once a process.
    let mut ended = Box::pin(next_end());
    loop {
        tokio::select! {
            () = running.stop.cancelled() => return,
            _ = ticks.tick() => {}
            () = running.wake.notified() => {}
            () = &mut ended => ended.set(next_end()),
        }
        look(&watchers, &running).await;
    }
}

/// The next moment in which all watchers of this interval look.
fn next_of_all(every: Duration) -> Instant {
    static FIRST: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let first = *FIRST.get_or_init(Instant::now);
    let since = first.elapsed();
    let missed = since.as_millis() / every.as_millis().max(1) + 1;
    first + every * u32::try_from(missed).unwrap_or(u32::MAX)
}

async fn look(watchers: &Arc<Watchers>, running: &Arc<Running>) {
    if running.is_paused() {
        return;
    }
    let looked = running.spec.probe.look(watchers.switches.eyes()).await;
    let around = match looked.result.state {
        CheckState::Failing => Around {
            blocked: is_blocked(watchers, running).await,
            quiet: !running.spec.quiet.is_empty() && running.spec.is_quiet(Zoned::now().time()),
        },
        CheckState::Ok | CheckState::Pending => Around::default(),
    };
    let (changed, what) = running.count(looked, around);
    let writing = async {
        if changed && let Err(error) = store::update(&watchers.switches.store, running.kept()).await {
            tracing::warn!(id = running.id, %error, "where a watcher stands could not be written down");
        }
    };
    // What helps does not wait for the disk.
    tokio::join!(watchers.act(running, what), writing);
}

/// Whether something that it depends on is down. What was not looked at since is looked at now: a parent falls in the
/// same moment, and its own look may come later.
async fn is_blocked(watchers: &Watchers, running: &Running) -> bool {
    for name in running.spec.request.depends_on.iter().flatten() {
        let Some(parent) = watchers.named(name) else { continue };
        let down = match parent.state() {
            WatcherState::Failing | WatcherState::Flapping | WatcherState::Blocked | WatcherState::Suspect => true,
            // Somebody works on it.
            WatcherState::Paused => true,
            WatcherState::Ok | WatcherState::New => {
                let looked = parent.spec.probe.look(watchers.switches.eyes()).await;
                looked.result.state == CheckState::Failing
            }
        };
        if down {
            return true;
        }
    }
    false
}
