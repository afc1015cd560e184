//! The ledger.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use osmoda_api::agentd::{
    Appended, Compared, Consistency, ConsistencyRequest, EventLogRequest, EventProof, Events, ProveRequest,
    ReceiptListRequest, Receipts, Verification, VerifyRequest,
};
use osmoda_ipc::{Call, Fault, NewEvent, Progress};
use osmoda_ledger::{Checkpoint, CheckpointError, NoteError, Query, tree::Node, verify_against};

use super::blocking;
use crate::agentd::Agentd;

pub(crate) async fn events(agentd: Arc<Agentd>, _call: Call, request: EventLogRequest) -> Result<Events, Fault> {
    let query = Query::from_request(request)?;
    if query.is_at_hand() {
        return Ok(agentd.reader.events(&query)?);
    }
    blocking(move || agentd.reader.events(&query)).await
}

pub(crate) async fn receipts(agentd: Arc<Agentd>, _call: Call, request: ReceiptListRequest) -> Result<Receipts, Fault> {
    blocking(move || agentd.reader.receipts(&request)).await.map(|receipts| Receipts { receipts })
}

pub(crate) async fn append(agentd: Arc<Agentd>, _call: Call, event: NewEvent) -> Result<Appended, Fault> {
    Ok(Appended { id: agentd.ledger.append(event).await? })
}

/// How often a check that somebody holds a receipt of says how far it is.
const PROGRESS: Duration = Duration::from_millis(500);

pub(crate) async fn verify(agentd: Arc<Agentd>, call: Call, request: VerifyRequest) -> Result<Verification, Fault> {
    let note = match request.checkpoint {
        Some(note) => note,
        // A ledger that is not the one that was signed has no checkpoint to show; the chain is checked all the same.
        None => agentd.log.checkpoint().map(|note| note.to_string()).unwrap_or_default(),
    };
    let checkpoint = match Checkpoint::open(&note, agentd.log.key()) {
        Ok(checkpoint) => Ok(Some(checkpoint)),
        Err(_) if note.is_empty() => Ok(None),
        Err(error @ (CheckpointError::Malformed | CheckpointError::Note(NoteError::Malformed(_)))) => {
            return Err(Fault::bad_request("invalid_checkpoint", error.to_string()));
        }
        Err(error) => Err(error),
    };
    let (path, seen) = (agentd.ledger.path().to_owned(), Arc::new(AtomicU64::new(0)));
    let (trusted, progress) = (checkpoint.as_ref().ok().cloned().flatten(), seen.clone());
    let check = blocking(move || verify_against(&path, trusted.as_ref(), &progress));
    let mut verification = tracked(&call, &seen, check).await?;
    if let Err(error) = checkpoint {
        let claim = Checkpoint::unverified(&note).ok();
        verification.ok = false;
        verification.checkpoint = Some(Compared {
            ok: false,
            size: claim.as_ref().map_or(0, |claim| claim.size),
            root: claim.map(|claim| claim.root.to_base64()).unwrap_or_default(),
            code: Some("checkpoint_untrusted".into()),
            why: Some(error.to_string()),
        });
    }
    if let Some(why) = agentd.log.diverged() {
        verification.ok = false;
        verification.checkpoint.get_or_insert_with(|| Compared {
            ok: false,
            size: 0,
            root: String::new(),
            code: Some("ledger_forked".into()),
            why: Some(format!("the ledger is not the one that was signed: {why}")),
        });
    }
    Ok(verification)
}

async fn tracked<T>(call: &Call, seen: &AtomicU64, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(PROGRESS) => {
                let done = seen.load(Ordering::Relaxed);
                call.progress(Progress { done, total: None, message: Some("events checked".into()) });
            }
        }
    }
}

pub(crate) async fn prove(agentd: Arc<Agentd>, _call: Call, request: ProveRequest) -> Result<EventProof, Fault> {
    let (event_id, key) = (request.event_id, agentd.log.key().to_string());
    let file = blocking(move || agentd.log.prove(event_id)).await?;
    Ok(EventProof { event_id, proof: file.to_text(), key })
}

pub(crate) async fn consistency(
    agentd: Arc<Agentd>,
    _call: Call,
    request: ConsistencyRequest,
) -> Result<Consistency, Fault> {
    let ConsistencyRequest { first, second } = request;
    let hashes = blocking(move || agentd.log.consistency(first, second)).await?;
    Ok(Consistency { first, second, hashes: hashes.iter().map(Node::to_base64).collect() })
}
