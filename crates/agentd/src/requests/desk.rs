//! agentd's desk: the store, what runs now, and who is told of it.

use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::BoxFuture;
use osmoda_api::agentd::{RequestReceipt, RequestStatus};
use osmoda_ipc::{Asked, Call, Desk, Envelope, Fault, KeptAnswer, Opened, Progress, Record, Ticket};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tracing::error;

use super::{
    failure,
    store::{Known, NewRequest, RequestStore},
};
use crate::streams::Hub;

/// Receipts of this daemon's calls.
pub(crate) struct RequestDesk {
    pub(crate) store: RequestStore,
    hub: Arc<Hub>,
    running: Mutex<HashMap<Ticket, Running>>,
}

/// A call that runs now.
#[derive(Clone, Debug)]
struct Running {
    request_id: String,
    action: &'static str,
    actor: String,
    /// What the ledger tells the streams of it by itself.
    record: Record,
    progress: Option<Progress>,
}

impl RequestDesk {
    pub(crate) fn new(store: RequestStore, hub: Arc<Hub>) -> Self {
        Self { store, hub, running: Mutex::default() }
    }

    /// The receipt with how far it has come by now.
    pub(crate) fn up_to_date(&self, ticket: Ticket, mut receipt: RequestReceipt) -> RequestReceipt {
        if receipt.status == RequestStatus::Accepted {
            receipt.progress = self.running().get(&ticket).and_then(|running| running.progress.clone());
        }
        receipt
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<Ticket, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, running: &Running, kind: &'static str, status: &str, more: (&str, Value)) {
        let mut data = json!({
            "request_id": running.request_id, "action": running.action, "actor": running.actor, "status": status,
        });
        data[more.0] = more.1;
        self.hub.live(kind, &data);
    }
}

/// The hash of what was asked: the address with its query string, and the body.
fn fingerprint(target: &str, body: &[u8]) -> String {
    let hash = Sha256::new().chain_update(target.as_bytes()).chain_update(b"\n").chain_update(body).finalize();
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Desk for RequestDesk {
    fn open<'a>(&'a self, call: &'a Call, asked: Asked<'a>) -> BoxFuture<'a, Result<Opened, Fault>> {
        Box::pin(async move {
            let new = NewRequest {
                request_id: call.request_id.to_string(),
                action: asked.endpoint.name,
                principal: call.caller.principal(),
                actor: call.caller.actor(),
                key: asked.key.map(|key| key.as_str().to_owned()),
                fingerprint: fingerprint(asked.target, asked.body),
            };
            let running = Running {
                request_id: new.request_id.clone(),
                action: new.action,
                actor: new.actor.clone(),
                record: asked.endpoint.record,
                progress: None,
            };
            match self.store.open_request(new).await? {
                Known::New(ticket) => {
                    if running.record != Record::IntentAndOutcome {
                        let at = jiff::Timestamp::now().to_string();
                        self.tell(&running, "request.accepted", "accepted", ("accepted_at", json!(at)));
                    }
                    self.running().insert(ticket, running);
                    Ok(Opened::New(ticket))
                }
                Known::Running(ticket) => Ok(Opened::Running(ticket)),
                Known::Done(kept) => Ok(Opened::Done(kept)),
                Known::Reused => Err(Fault::conflict(
                    "idempotency_key_reused",
                    "this Idempotency-Key was used for another request; make up a new one for each",
                )),
                Known::Unknown(id) => Err(Fault::conflict(
                    "outcome_unknown",
                    format!("the first call with this Idempotency-Key was cut off by the daemon's end, and may have been done; look at agentctl trace {id}, then repeat it under a new key"),
                )
                .with_detail(json!({ "request_id": id }))),
            }
        })
    }

    fn close(&self, ticket: Ticket, answer: Option<KeptAnswer>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let running = self.running().get(&ticket).cloned();
            let progress = running.as_ref().and_then(|running| running.progress.clone());
            if let Err(fault) = self.store.close(ticket, answer.clone(), progress).await {
                error!(%fault, private = fault.private(), "what became of a call could not be kept");
            }
            self.running().remove(&ticket);
            // What is in the ledger is told from there.
            let (Some(running), Some(answer)) = (running, answer) else { return };
            if running.record != Record::Nothing {
                return;
            }
            if answer.status.is_success() {
                let at = jiff::Timestamp::now().to_string();
                self.tell(&running, "request.completed", "completed", ("completed_at", json!(at)));
            } else if let Ok(envelope) = serde_json::from_slice::<Envelope>(&answer.body) {
                let failure = failure(&envelope.code, Some(&envelope.message), &running.request_id);
                self.tell(&running, "request.failed", "failed", ("failure", json!(failure)));
            }
        })
    }

    fn progress(&self, ticket: Ticket, progress: Progress) {
        let told = {
            let mut running = self.running();
            let Some(running) = running.get_mut(&ticket) else { return };
            running.progress = Some(progress.clone());
            running.clone()
        };
        self.tell(&told, "request.progress", "accepted", ("progress", json!(progress)));
    }

    fn receipt(&self, ticket: Ticket) -> BoxFuture<'_, Result<(String, Value), Fault>> {
        Box::pin(async move {
            let receipt = self.store.receipt(ticket).await?.ok_or_else(|| {
                Fault::not_found("request_not_found", "this call was refused before it began, and left no receipt")
            })?;
            let receipt = self.up_to_date(ticket, receipt);
            let value = serde_json::to_value(&receipt).map_err(Fault::internal)?;
            Ok((receipt.request_id, value))
        })
    }
}
