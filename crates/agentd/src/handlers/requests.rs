//! Receipts of single calls.

use std::sync::Arc;

use osmoda_api::agentd::{RequestGetRequest, RequestListRequest, RequestReceipt, RequestReceipts};
use osmoda_ipc::{Call, Fault, RequestId};

use super::blocking;
use crate::{agentd::Agentd, requests};

/// Events that are looked through for a receipt.
const MENTIONS: u32 = 200;

pub(crate) async fn get(agentd: Arc<Agentd>, _call: Call, asked: RequestGetRequest) -> Result<RequestReceipt, Fault> {
    let id: RequestId =
        asked.request_id.parse().map_err(|error| Fault::bad_request("invalid_request", format!("{error}")))?;
    if let Some((ticket, receipt)) = agentd.desk.store.of_request(id.to_string()).await? {
        return Ok(agentd.desk.up_to_date(ticket, receipt));
    }
    let wanted = id.to_string();
    let events = blocking(move || agentd.reader.mentions(&wanted, MENTIONS)).await?;
    requests::from_ledger(id.as_str(), &events).ok_or_else(|| {
        Fault::not_found("request_not_found", format!("nothing is known of a call {id}; see agentctl receipts"))
    })
}

pub(crate) async fn list(
    agentd: Arc<Agentd>,
    _call: Call,
    asked: RequestListRequest,
) -> Result<RequestReceipts, Fault> {
    agentd.desk.store.list(asked).await
}
