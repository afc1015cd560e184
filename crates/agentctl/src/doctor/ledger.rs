//! Whether the ledger is as it was written.

use std::time::Duration;

use osmoda_api::agentd::{LedgerVerify, VerifyRequest};
use osmoda_ipc::RequestId;

use super::{Finding, Patient};

const CHECK: &str = "ledger";
/// A long ledger takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let Ok(client) = patient.context.client("agentd") else { return Vec::new() };
    let id = RequestId::generate();
    let answer =
        tokio::time::timeout(PATIENCE, client.call_under::<LedgerVerify>(&id, &VerifyRequest::default())).await;
    vec![match answer {
        Ok(Ok(verified)) if verified.ok => {
            Finding::good(CHECK, format!("{} events are as they were written", verified.events))
        }
        Ok(Ok(verified)) => {
            let place = verified.first_bad.map_or_else(String::new, |bad| format!(" at event {}: {}", bad.id, bad.why));
            Finding::bad(
                CHECK,
                format!("the ledger is broken{place}"),
                "keep a copy of /var/lib/osmoda/agentd before anything else, and read: agentctl verify-ledger",
            )
        }
        Ok(Err(error)) => {
            let fault = patient.context.fault(error, &id);
            Finding::care(CHECK, format!("not verified: {}", fault.message()), "agentctl verify-ledger")
        }
        Err(_) => {
            let found = format!("not verified within {} s", PATIENCE.as_secs());
            Finding::care(CHECK, found, "take your time with: agentctl verify-ledger")
        }
    }]
}
