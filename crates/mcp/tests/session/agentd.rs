//! A small daemon with agentd's endpoints, its own ledger in memory, and one rule: a command that begins with `danger`
//! needs an approval.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use futures_util::future::BoxFuture;
use osmoda_api::agentd::{
    Approval, ApprovalApprove, ApprovalChallenge, ApprovalCheck, ApprovalDecision, ApprovalDeny, ApprovalId,
    ApprovalStatus, Challenge, Cpu, DiskUse, Event, EventLog, EventLogRequest, Events, Health, Load, Ram, ShellAnswer,
    ShellExec, ShellRequest, SystemHealth,
};
use osmoda_ipc::{
    Accounts, Act, Call, Client, Fault, Gate, Leave, Limits, Metrics, NewEvent, Nothing, Recorder, Role, Routes,
    Server, Up, daemon::Dirs,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::{net::UnixListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

use crate::client::NEVER;

/// What the daemon knows and what a test asks of it afterwards.
pub(crate) struct Machine {
    approvals: Mutex<BTreeMap<String, (Approval, Option<String>)>>,
    ran: Mutex<Vec<(String, Role)>>,
    events: Mutex<Vec<NewEvent>>,
    /// One permit for each command `wait` that has begun.
    pub(crate) began: Semaphore,
    /// A command `wait` ends when it gets one of these.
    pub(crate) release: Semaphore,
    /// One permit for each command `wait` whose caller hung up.
    pub(crate) hung_up: Semaphore,
}

/// Waits for a permit and takes it.
pub(crate) async fn sign(of: &Semaphore) {
    tokio::time::timeout(NEVER, of.acquire()).await.expect("it never happens").unwrap().forget();
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl Machine {
    /// The commands that ran.
    pub(crate) fn ran(&self) -> Vec<String> {
        locked(&self.ran).iter().map(|(command, _)| command.clone()).collect()
    }

    /// The roles in which they ran.
    pub(crate) fn roles(&self) -> Vec<Role> {
        locked(&self.ran).iter().map(|(_, role)| *role).collect()
    }

    /// How the approvals stand, oldest first.
    pub(crate) fn approvals(&self) -> Vec<ApprovalStatus> {
        locked(&self.approvals).values().map(|(approval, _)| approval.status).collect()
    }

    /// The types and request ids of what was recorded.
    pub(crate) fn events(&self) -> Vec<(String, String)> {
        let id = |event: &NewEvent| event.payload["request_id"].as_str().unwrap().to_owned();
        locked(&self.events).iter().map(|event| (event.kind.clone(), id(event))).collect()
    }

    fn ask(&self, command: &str, call: &Call) -> Fault {
        let mut approvals = locked(&self.approvals);
        let id = format!("apr_{}", approvals.len());
        let approval = Approval {
            id: id.clone(),
            status: ApprovalStatus::Pending,
            expires_at: "2026-01-01T00:00:00Z".into(),
            tool: "shell_exec".into(),
            command: command.into(),
            why: "dangerous".into(),
            reason: None,
            arguments: json!({ "command": command }),
            request_hash: String::new(),
            requested_by: call.caller.actor(),
            requested_at: "2026-01-01T00:00:00Z".into(),
            decided_by: None,
            decided_at: None,
            request_id: call.request_id.to_string(),
        };
        approvals.insert(id.clone(), (approval, None));
        Fault::forbidden("approval_required", "ask the operator").with_detail(json!({ "approval_id": id }))
    }

    fn claim(&self, id: &str, command: &str) -> Result<Leave, Fault> {
        let mut approvals = locked(&self.approvals);
        let (approval, _) =
            approvals.get_mut(id).ok_or_else(|| Fault::not_found("unknown_approval", "no such approval"))?;
        if approval.status != ApprovalStatus::Approved || approval.command != command {
            return Err(Fault::forbidden("approval_unusable", "not approved, or for something else")
                .with_detail(json!({ "approval_id": id })));
        }
        approval.status = ApprovalStatus::Used;
        Ok(Leave { approval_id: Some(id.to_owned()), ..Leave::default() })
    }

    fn decide(&self, decision: &ApprovalDecision, status: ApprovalStatus) -> Result<Approval, Fault> {
        let mut approvals = locked(&self.approvals);
        let (approval, nonce) =
            approvals.get_mut(&decision.id).ok_or_else(|| Fault::not_found("unknown_approval", "no such approval"))?;
        if decision.nonce.is_none() || nonce.take() != decision.nonce {
            return Err(Fault::conflict("nonce_spent", "this question was answered already"));
        }
        approval.status = status;
        Ok(approval.clone())
    }
}

struct Rule(Arc<Machine>);

impl Gate for Rule {
    fn pass<'a>(&'a self, call: &'a Call, act: Act<'a>) -> BoxFuture<'a, Result<Leave, Fault>> {
        Box::pin(async move {
            let command = act.request["command"].as_str().unwrap_or_default();
            match act.request["approval_id"].as_str() {
                _ if act.endpoint.name == "approval_approve" && call.caller.role != Role::Operator => {
                    Err(Fault::forbidden("forbidden", "for operators"))
                }
                _ if !command.starts_with("danger") => Ok(Leave::default()),
                Some(id) => self.0.claim(id, command),
                None => Err(self.0.ask(command, call)),
            }
        })
    }
}

struct Memory(Arc<Machine>);

impl Recorder for Memory {
    fn append(&self, event: NewEvent) -> BoxFuture<'_, Result<i64, Fault>> {
        let mut events = locked(&self.0.events);
        events.push(event);
        let id = i64::try_from(events.len()).unwrap();
        Box::pin(std::future::ready(Ok(id)))
    }
}

async fn health(_: Arc<Machine>, _: Call, _: Nothing) -> Result<Health, Fault> {
    Ok(Health {
        up: Up { status: "ok".into(), daemon: "agentd".into(), version: "0".into(), daemon_uptime_secs: 1 },
        cpu: Cpu { percent: 12.5, cores: 2 },
        ram: Ram { total_bytes: 4, available_bytes: 3, used_bytes: 1, swap_total_bytes: 0, swap_used_bytes: 0 },
        disk: DiskUse { mount: "/".into(), total_bytes: 2, used_bytes: 1, available_bytes: 1 },
        load: Load { one: 0.5, five: 0.25, fifteen: 0.125 },
        uptime_secs: 7,
        hostname: "probe".into(),
    })
}

async fn shell(machine: Arc<Machine>, call: Call, request: ShellRequest) -> Result<ShellAnswer, Fault> {
    if request.command == "wait" {
        machine.began.add_permits(1);
        tokio::select! {
            () = call.hung_up.cancelled() => machine.hung_up.add_permits(1),
            permit = machine.release.acquire() => permit.unwrap().forget(),
        }
    }
    if request.command == "fail" {
        return Err(Fault::too_many("rate_limited", "wait a minute"));
    }
    locked(&machine.ran).push((request.command.clone(), call.caller.role));
    Ok(ShellAnswer {
        stdout: request.command,
        stderr: String::new(),
        exit_code: 0,
        duration_ms: 1,
        truncated: false,
        stopped: None,
    })
}

async fn event_log(machine: Arc<Machine>, _: Call, request: EventLogRequest) -> Result<Events, Fault> {
    let limit = usize::try_from(request.limit.unwrap_or(1)).unwrap();
    let events = locked(&machine.events);
    let newest = events.iter().enumerate().rev().take(limit);
    let event = |(at, event): (usize, &NewEvent)| Event {
        id: i64::try_from(at).unwrap() + 1,
        ts: "2026-01-01T00:00:00.000Z".into(),
        kind: event.kind.clone(),
        actor: event.actor.clone(),
        payload: event.payload.clone(),
        prev_hash: String::new(),
        hash: String::new(),
    };
    Ok(Events { events: newest.map(event).collect(), next_cursor: None })
}

async fn challenge(machine: Arc<Machine>, _: Call, request: ApprovalId) -> Result<Challenge, Fault> {
    let mut approvals = locked(&machine.approvals);
    let (approval, nonce) =
        approvals.get_mut(&request.id).ok_or_else(|| Fault::not_found("unknown_approval", "no such approval"))?;
    let fresh = format!("nonce of {}", request.id);
    *nonce = Some(fresh.clone());
    Ok(Challenge { nonce: fresh, question: format!("Run {:?}?", approval.command) })
}

async fn approve(machine: Arc<Machine>, _: Call, decision: ApprovalDecision) -> Result<Approval, Fault> {
    machine.decide(&decision, ApprovalStatus::Approved)
}

async fn deny(machine: Arc<Machine>, _: Call, decision: ApprovalDecision) -> Result<Approval, Fault> {
    machine.decide(&decision, ApprovalStatus::Denied)
}

async fn check(machine: Arc<Machine>, _: Call, request: ApprovalId) -> Result<Approval, Fault> {
    let approvals = locked(&machine.approvals);
    approvals
        .get(&request.id)
        .map(|(approval, _)| approval.clone())
        .ok_or_else(|| Fault::not_found("unknown_approval", "no such approval"))
}

/// The daemon, serving until it is dropped.
pub(crate) struct Suite {
    folder: TempDir,
    pub(crate) machine: Arc<Machine>,
    stop: CancellationToken,
}

impl Suite {
    /// Serves at `run/agentd.sock` of a folder of its own.
    pub(crate) fn start() -> Self {
        let suite = Self::without_daemon();
        suite.serve();
        suite
    }

    /// Brings the daemon up.
    pub(crate) fn serve(&self) {
        let machine = self.machine.clone();
        let routes = Routes::new("agentd", machine.clone())
            .recorded_by(Arc::new(Memory(machine.clone())))
            .gated_by(Arc::new(Rule(machine)))
            .on::<SystemHealth>(health)
            .on::<ShellExec>(shell)
            .on::<EventLog>(event_log)
            .on::<ApprovalChallenge>(challenge)
            .on::<ApprovalApprove>(approve)
            .on::<ApprovalDeny>(deny)
            .on::<ApprovalCheck>(check);
        let accounts = Arc::new(Accounts::new(self.dirs().pid_file("agentd")));
        let server = Server::new(routes, accounts, Metrics::build("agentd", |_| {}), Limits::default()).unwrap();
        let listener = UnixListener::bind(self.dirs().socket("agentd")).unwrap();
        tokio::spawn(server.serve(listener, self.stop.clone()));
    }

    /// The folder alone: every daemon is down.
    pub(crate) fn without_daemon() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine {
            approvals: Mutex::default(),
            ran: Mutex::default(),
            events: Mutex::default(),
            began: Semaphore::new(0),
            release: Semaphore::new(0),
            hung_up: Semaphore::new(0),
        };
        let suite = Self { folder, machine: Arc::new(machine), stop: CancellationToken::new() };
        suite.dirs().prepare().unwrap();
        suite
    }

    pub(crate) fn dirs(&self) -> Dirs {
        Dirs::under(self.folder.path())
    }

    /// The operator's yes, over a connection of its own.
    pub(crate) async fn approve(&self, id: &str) {
        let operator = Client::new(self.dirs().socket("agentd"));
        let nonce = operator.call::<ApprovalChallenge>(&ApprovalId { id: id.to_owned() }).await.unwrap().nonce;
        operator.call::<ApprovalApprove>(&ApprovalDecision { id: id.to_owned(), nonce: Some(nonce) }).await.unwrap();
    }

    /// Makes everything on this machine count as a child of an agent's command: nobody here is an operator any more.
    pub(crate) fn without_operators(self) -> Self {
        let parent = std::os::unix::process::parent_id();
        std::fs::write(self.dirs().pid_file("agentd"), format!("{parent}\n")).unwrap();
        self
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
