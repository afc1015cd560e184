//! SafeSwitch: a change is made, watched, and undone unless it proves itself. What was promised holds whoever dies.

mod driver;
mod error;
mod guard;
mod lock;
mod probation;
mod recover;
mod rescue;
mod session;
mod state;
mod store;
mod teller;
mod tidy;
mod trouble;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use osmoda_api::watch::{CheckResult, SafeSwitchBeginRequest, Switch, SwitchBegun, SwitchState};
use osmoda_ipc::{Fault, daemon::Dirs};
use tokio::sync::{Notify, mpsc, watch};
use ulid::Ulid;

pub(crate) use self::{
    error::SwitchError,
    probation::Looked,
    rescue::Rescue,
    session::{Facts, Session},
    store::{Reason, Store},
};
use self::{lock::Driving, state::Cause};
use crate::{
    apply::{Change, Tools},
    checks::{Eyes, Probe},
    notify::Notifier,
};

/// How long probation lasts where the caller does not say.
const DEFAULT_TTL: u32 = 300;
const LONGEST_TTL: u32 = 86_400;
const DEFAULT_FAILURES: u32 = 2;
const DEFAULT_GRACE: u32 = 10;
const MOST_CHECKS: usize = 32;
/// How long a call waits for a change to be made; what takes longer is looked at by its id.
const BEGINNING: Duration = Duration::from_secs(50);
/// How long a call waits for a rollback.
const GOING_BACK: Duration = Duration::from_secs(320);

/// What a person may say to an open session.
#[derive(Clone, Debug)]
enum Order {
    Commit(Reason),
    Rollback(Reason),
}

/// How a session stands, for those who wait for it.
#[derive(Clone, Debug, Default)]
struct Stand {
    state: SwitchState,
    /// Why it came to nothing, where it did.
    fault: Option<Fault>,
}

/// An open session of this process.
#[derive(Debug)]
struct Open {
    orders: mpsc::UnboundedSender<Order>,
    stand: watch::Receiver<Stand>,
    results: Arc<Mutex<Vec<CheckResult>>>,
}

/// Every session of a suite.
#[derive(Debug)]
pub(crate) struct Switches {
    pub(crate) store: Store,
    tools: Arc<Tools>,
    eyes: Arc<Eyes>,
    rescue: Rescue,
    notifier: Arc<Notifier>,
    dirs: Dirs,
    folder: PathBuf,
    boot: String,
    open: Mutex<HashMap<String, Open>>,
    /// Something moved, and the ledger has not heard of it.
    moved: Arc<Notify>,
    /// How many rollbacks failed.
    troubled: AtomicUsize,
}

/// What sessions are made of.
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) tools: Arc<Tools>,
    pub(crate) eyes: Arc<Eyes>,
    pub(crate) rescue: Rescue,
    pub(crate) notifier: Arc<Notifier>,
    pub(crate) dirs: Dirs,
    pub(crate) folder: PathBuf,
    pub(crate) boot: String,
}

impl Switches {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let Parts { store, tools, eyes, rescue, notifier, dirs, folder, boot } = parts;
        Arc::new(Self {
            store,
            tools,
            eyes,
            rescue,
            notifier,
            dirs,
            folder,
            boot,
            open: Mutex::default(),
            moved: Arc::default(),
            troubled: AtomicUsize::new(0),
        })
    }

    /// What checks look with.
    pub(crate) fn eyes(&self) -> &Arc<Eyes> {
        &self.eyes
    }

    /// Who tells people.
    pub(crate) fn notifier(&self) -> &Arc<Notifier> {
        &self.notifier
    }

    /// Sessions that are not over.
    pub(crate) fn count_open(&self) -> usize {
        self.lock_open().len()
    }

    /// Sessions whose rollback failed, as they were last written down.
    pub(crate) fn count_troubled(&self) -> usize {
        self.troubled.load(Ordering::Relaxed)
    }

    /// `systemd` or `guard`.
    pub(crate) fn rescued_by(&self) -> &'static str {
        self.rescue.name()
    }

    /// Begins a session, and answers when its change is made, came to nothing, or takes long.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        request: SafeSwitchBeginRequest,
        who: &str,
        request_id: &str,
    ) -> Result<SwitchBegun, Fault> {
        let change = Change::asked(request.apply.clone()).map_err(SwitchError::from)?;
        let session = self.new_session(request, change, who, request_id)?;
        let id = session.id.clone();
        let mut stand = self.launch(session, Reason { who: who.to_owned(), why: "begun".into() }).await?;
        let settled = |stand: &Stand| stand.state == SwitchState::Probation || stand.state.is_over();
        // A change that takes longer goes on without us.
        let stood = match tokio::time::timeout(BEGINNING, stand.wait_for(settled)).await {
            Ok(Ok(stand)) => stand.clone(),
            Ok(Err(_)) | Err(_) => Stand::default(),
        };
        match stood.fault {
            Some(fault) => Err(fault),
            None => {
                let session = self.store.session(&id).await?.told(Vec::new());
                Ok(SwitchBegun {
                    id,
                    state: session.state,
                    previous_generation: session.generations.previous,
                    new_generation: session.generations.new,
                    deadline: session.deadline,
                })
            }
        }
    }

    /// Goes back on a profile at once, through a session like any other: for a watcher's ladder. Where an open session
    /// holds the profile, that one is undone.
    pub(crate) async fn back_on(self: &Arc<Self>, profile: Option<String>, why: &str) -> Result<String, Fault> {
        let change = Change::back_on(profile);
        let things = change.way().things(&self.tools);
        let open = self.store.open_sessions().await?;
        let reason = Reason::own(why);
        if let Some(session) = open.into_iter().find(|open| open.things.iter().any(|thing| things.contains(thing))) {
            return self.roll_back_by(&session.id, reason).await.map(|session| session.id);
        }
        let request = SafeSwitchBeginRequest {
            plan: why.chars().take(2000).collect(),
            ttl_secs: Some(LONGEST_TTL),
            ..SafeSwitchBeginRequest::default()
        };
        let session = self.new_session(request, change, &reason.who, "")?;
        let id = session.id.clone();
        let mut stand = self.launch(session, reason.clone()).await?;
        let stood = stand.wait_for(|stand| stand.state == SwitchState::Probation || stand.state.is_over()).await;
        let fault = stood.ok().and_then(|stand| stand.fault.clone());
        match fault {
            Some(fault) => Err(fault),
            None => self.roll_back_by(&id, reason).await.map(|session| session.id),
        }
    }

    fn new_session(
        &self,
        request: SafeSwitchBeginRequest,
        change: Change,
        who: &str,
        request_id: &str,
    ) -> Result<Session, SwitchError> {
        let checks = request.health_checks.unwrap_or_default();
        let ttl_secs = request.ttl_secs.unwrap_or(DEFAULT_TTL);
        let failures = request.failures.unwrap_or(DEFAULT_FAILURES);
        let length = request.plan.chars().count();
        if !(1..=2000).contains(&length) || !(1..=LONGEST_TTL).contains(&ttl_secs) || checks.len() > MOST_CHECKS {
            return Err(SwitchError::Invalid(format!(
                "a plan has 1 to 2000 characters, ttl_secs is 1 to {LONGEST_TTL}, and there are {MOST_CHECKS} checks at most"
            )));
        }
        if !(1..=100).contains(&failures) {
            return Err(SwitchError::Invalid("failures is 1 to 100".into()));
        }
        for check in &checks {
            Probe::new(check, &self.tools.config.now())?;
        }
        Ok(Session {
            id: format!("sw_{}", Ulid::generate()),
            plan: request.plan,
            state: SwitchState::Preparing,
            why: None,
            who: who.to_owned(),
            request_id: request_id.to_owned(),
            created_at: Timestamp::now().to_string(),
            things: change.way().things(&self.tools),
            change,
            facts: None,
            checks,
            results: Vec::new(),
            ttl_secs,
            failures,
            grace_secs: request.grace_secs.unwrap_or(DEFAULT_GRACE),
            on_reboot: request.on_reboot.unwrap_or_default(),
            boot: self.boot.clone(),
            began_ms: None,
            deadline_ms: None,
            deadline: None,
            cause: None,
            failed_rollbacks: 0,
            stranded: false,
        })
    }

    /// Writes a new session down and has it driven.
    async fn launch(self: &Arc<Self>, session: Session, reason: Reason) -> Result<watch::Receiver<Stand>, SwitchError> {
        let driving = Driving::take(&self.folder, &session.id)?;
        let most = usize::try_from(self.tools.config.now().most_sessions).unwrap_or(usize::MAX);
        if let Err(error) = self.store.begin(session.clone(), reason, most).await {
            driving.done();
            return Err(error);
        }
        self.moved.notify_one();
        Ok(self.spawn(session, driving))
    }

    /// Has a session driven to its end.
    fn spawn(self: &Arc<Self>, session: Session, driving: Driving) -> watch::Receiver<Stand> {
        let (orders, heard) = mpsc::unbounded_channel();
        let (stands, stand) = watch::channel(Stand { state: session.state, fault: None });
        let results = Arc::new(Mutex::new(session.results.clone()));
        let open = Open { orders, stand: stand.clone(), results: results.clone() };
        self.lock_open().insert(session.id.clone(), open);
        let switches = self.clone();
        tokio::spawn(async move {
            let id = session.id.clone();
            driver::Driver { switches: switches.clone(), session, heard, stands, results }.run().await;
            switches.lock_open().remove(&id);
            driving.done();
        });
        stand
    }

    fn lock_open(&self) -> std::sync::MutexGuard<'_, HashMap<String, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One session, with what its checks found last.
    pub(crate) async fn told(&self, id: &str) -> Result<Switch, SwitchError> {
        let mut session = self.store.session(id).await?;
        if let Some(open) = self.lock_open().get(id) {
            session.results = open.results.lock().unwrap_or_else(PoisonError::into_inner).clone();
        }
        let history = self.store.history(id).await?;
        Ok(session.told(history))
    }

    /// Ends probation and keeps the change.
    pub(crate) async fn commit(&self, id: &str, reason: Reason) -> Result<Switch, Fault> {
        let session = self.store.session(id).await?;
        let wrong = |state| SwitchError::WrongState {
            id: id.to_owned(),
            state,
            hint: "only what is in probation can be committed",
        };
        if session.state != SwitchState::Probation {
            return Err(wrong(session.state).into());
        }
        self.say(id, Order::Commit(reason), GOING_BACK).await?;
        let told = self.told(id).await?;
        if told.state == SwitchState::Committed { Ok(told) } else { Err(wrong(told.state).into()) }
    }

    /// Goes back now.
    pub(crate) async fn roll_back_by(self: &Arc<Self>, id: &str, reason: Reason) -> Result<Switch, Fault> {
        let session = self.store.session(id).await?;
        if session.state.is_over() && !session.stranded {
            let hint = "it is over; agentctl safety rollback goes back on the system's generations";
            return Err(SwitchError::WrongState { id: id.to_owned(), state: session.state, hint }.into());
        }
        if session.stranded {
            self.try_again(session, reason.clone()).await?;
        }
        self.say(id, Order::Rollback(reason), GOING_BACK).await?;
        let told = self.told(id).await?;
        match told.state {
            SwitchState::RolledBack => Ok(told),
            // It was not begun yet: there was nothing to undo.
            SwitchState::Failed if !told.stranded => Ok(told),
            SwitchState::Committed => {
                let hint = "it was committed a moment before";
                Err(SwitchError::WrongState { id: id.to_owned(), state: told.state, hint }.into())
            }
            _ => {
                let why = told.why.clone().unwrap_or_default();
                let message = format!(
                    "session {id} could not be undone yet: {why}; it is tried again, see agentctl switch status {id}"
                );
                Err(Fault::failed("rollback_failed", message)
                    .with_detail(serde_json::json!({ "id": id, "state": told.state })))
            }
        }
    }

    /// Has a session whose rollback failed for good go back once more.
    async fn try_again(self: &Arc<Self>, mut session: Session, reason: Reason) -> Result<(), SwitchError> {
        let driving = Driving::take(&self.folder, &session.id)?;
        (session.stranded, session.failed_rollbacks) = (false, 0);
        self.store.advance(&mut session, SwitchState::RollingBack, reason).await?;
        self.moved.notify_one();
        self.spawn(session, driving);
        Ok(())
    }

    /// Leaves what a session changed as it is.
    pub(crate) async fn abandon(&self, id: &str, reason: Reason) -> Result<Switch, SwitchError> {
        let mut session = self.store.session(id).await?;
        if !session.stranded {
            let hint = "only a session whose rollback failed can be given up";
            return Err(SwitchError::WrongState { id: id.to_owned(), state: session.state, hint });
        }
        session.stranded = false;
        self.store.advance(&mut session, SwitchState::Failed, reason).await?;
        self.moved.notify_one();
        session.change.way().clean(&self.tools, id);
        self.tell_trouble().await;
        self.told(id).await
    }

    /// Says something to an open session and waits until it is over.
    async fn say(&self, id: &str, order: Order, patience: Duration) -> Result<(), SwitchError> {
        let open = self.lock_open().get(id).map(|open| (open.orders.clone(), open.stand.clone()));
        // It is over, or somebody else ends it just now.
        let Some((orders, mut stand)) = open else { return Ok(()) };
        let _ = orders.send(order);
        let _ = tokio::time::timeout(patience, stand.wait_for(|stand| stand.state.is_over())).await;
        Ok(())
    }

    fn move_reason(cause: Cause) -> &'static str {
        match cause {
            Cause::Asked => "asked for",
            Cause::ChecksFailed => "a check failed",
            Cause::ApplyFailed => "the change could not be made",
            Cause::Deadline => "the deadline passed and nobody had confirmed the change",
            Cause::Rebooted => "the machine was started anew within probation",
            Cause::Interrupted => "whoever made the change was ended while making it",
        }
    }
}
