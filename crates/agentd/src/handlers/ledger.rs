//! The ledger.

use std::sync::Arc;

use osmoda_api::agentd::{Appended, EventLogRequest, Events, ReceiptListRequest, Receipts, Verification};
use osmoda_ipc::{Call, Fault, NewEvent, Nothing};
use osmoda_ledger::{Query, verify_file};

use super::blocking;
use crate::agentd::Agentd;

pub(crate) async fn events(agentd: Arc<Agentd>, _call: Call, request: EventLogRequest) -> Result<Events, Fault> {
    let query = Query::from_request(request)?;
    blocking(move || agentd.reader.events(&query)).await
}

pub(crate) async fn receipts(agentd: Arc<Agentd>, _call: Call, request: ReceiptListRequest) -> Result<Receipts, Fault> {
    blocking(move || agentd.reader.receipts(&request)).await.map(|receipts| Receipts { receipts })
}

pub(crate) async fn append(agentd: Arc<Agentd>, _call: Call, event: NewEvent) -> Result<Appended, Fault> {
    Ok(Appended { id: agentd.ledger.append(event).await? })
}

pub(crate) async fn verify(agentd: Arc<Agentd>, _call: Call, _request: Nothing) -> Result<Verification, Fault> {
    let path = agentd.ledger.path().to_owned();
    blocking(move || verify_file(&path)).await
}
