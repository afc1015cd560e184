//! Leave and record for every daemon that is not agentd: its gate asks agentd, its recorder writes to agentd's ledger.
//!
//! While agentd is away nothing destructive starts (503 `ledger_unavailable`). What already happened and must not be
//! lost waits in an fsynced outbox, and arrives in order.

mod outbox;

use std::{path::Path, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use osmoda_api::agentd::{Approval, ApprovalCheck, ApprovalClaim, ApprovalId, Claim, LedgerAppend};
use osmoda_ipc::{Act, Call, CallError, Client, Fault, Gate, Leave, NewEvent, Recorder, chain, daemon::Dirs};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use self::outbox::{Outbox, OutboxError};

/// How often waiting events are tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How long one write to the ledger, or one question for leave, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Events sent in one go before others get a turn.
const BATCH: usize = 64;

/// A daemon's way to agentd.
#[derive(Debug)]
pub struct Steward {
    agentd: Client,
    outbox: Outbox,
    /// Held while waiting events are sent, so that they arrive in order and once.
    sending: Mutex<()>,
}

impl Steward {
    /// The steward of a daemon of this suite that keeps its outbox in `folder`, which must exist. Waiting events are
    /// sent in the background until `stop`.
    pub fn start(dirs: &Dirs, folder: &Path, stop: CancellationToken) -> Result<Arc<Self>, OutboxError> {
        let steward = Arc::new(Self {
            agentd: Client::new(dirs.socket("agentd")),
            outbox: Outbox::open(&folder.join("outbox.db"))?,
            sending: Mutex::default(),
        });
        let sender = steward.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(RETRY);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = ticks.tick() => {}
                }
                if sender.outbox.waiting() > 0
                    && let Err(fault) = sender.flush().await
                {
                    info!(%fault, waiting = sender.outbox.waiting(), "events still wait for agentd");
                }
            }
        });
        Ok(steward)
    }

    /// Events that wait for agentd.
    pub fn waiting(&self) -> u64 {
        self.outbox.waiting()
    }

    /// Leave for an act of `call`'s caller. `why` is the daemon's own reason to ask the operator, beside agentd's.
    pub async fn claim(&self, call: &Call, tool: &str, request: &Value, why: Option<String>) -> Result<Leave, Fault> {
        let claim = Claim {
            tool: tool.to_owned(),
            request: request.clone(),
            uid: call.caller.uid,
            name: call.caller.name.to_string(),
            role: call.caller.role,
            request_id: call.request_id.to_string(),
            why,
        };
        let claimed = patiently(self.agentd.call_under::<ApprovalClaim>(&call.request_id, &claim)).await?;
        Ok(Leave { approval_id: claimed.approval_id, supersedes: claimed.supersedes })
    }

    /// How an approval stands.
    pub async fn approval(&self, id: &str) -> Result<Approval, Fault> {
        patiently(self.agentd.call::<ApprovalCheck>(&ApprovalId { id: id.to_owned() })).await
    }

    /// Writes to the ledger now, behind everything that waits; 503 `ledger_unavailable` where that can't be.
    pub async fn append_now(&self, event: &NewEvent) -> Result<i64, Fault> {
        if self.outbox.waiting() > 0 {
            self.flush().await?;
        }
        Ok(patiently(self.agentd.call::<LedgerAppend>(event)).await?.id)
    }

    /// Writes to the ledger, or to the outbox where agentd is away; 0 stands for an event that waits.
    pub async fn append_soon(&self, event: NewEvent) -> Result<i64, Fault> {
        match self.append_now(&event).await {
            Ok(id) => Ok(id),
            Err(fault) if fault.code() == "ledger_unavailable" => {
                warn!(kind = event.kind, "agentd is away: an event waits in the outbox");
                self.outbox.push(event).await?;
                Ok(0)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Sends what waits, oldest first; stops at the first event that agentd does not take.
    async fn flush(&self) -> Result<(), Fault> {
        let _alone = self.sending.lock().await;
        loop {
            let batch = self.outbox.oldest(BATCH).await?;
            if batch.is_empty() {
                return Ok(());
            }
            for (place, event) in batch {
                match patiently(self.agentd.call::<LedgerAppend>(&event)).await {
                    Ok(_) => {}
                    Err(fault) if fault.code() == "ledger_unavailable" => return Err(fault),
                    // An event that agentd will never take would hold up all that follow it.
                    Err(fault) => warn!(%fault, kind = event.kind, "agentd refused an event of the outbox for good"),
                }
                self.outbox.remove(place).await?;
            }
        }
    }
}

impl Gate for Steward {
    fn pass<'a>(&'a self, call: &'a Call, act: Act<'a>) -> BoxFuture<'a, Result<Leave, Fault>> {
        Box::pin(self.claim(call, act.endpoint.name, act.request, None))
    }
}

impl Recorder for Steward {
    /// What is about to happen is written now or does not happen; what has happened may wait.
    fn append(&self, event: NewEvent) -> BoxFuture<'_, Result<i64, Fault>> {
        Box::pin(async move {
            if event.kind.ends_with(".intent") { self.append_now(&event).await } else { self.append_soon(event).await }
        })
    }
}

/// The call's answer within a bounded time; an agentd that is away, hangs or breaks off is one fault.
async fn patiently<T>(call: impl Future<Output = Result<T, CallError>>) -> Result<T, Fault> {
    let away = |private: String| {
        Fault::unavailable(
            "ledger_unavailable",
            "agentd can't be asked now, and nothing is done without leave and record; see agentctl status",
        )
        .with_private(private)
    };
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(CallError::Fault(fault))) if fault.status().is_server_error() => Err(away(fault.to_string())),
        Ok(Err(CallError::Fault(fault))) => Err(fault),
        Ok(Err(error)) => Err(away(chain(&error))),
        Err(_) => Err(away(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}
