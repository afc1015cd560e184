//! What to do next, by the code of what failed.

use osmoda_api::agentd::RequestFailure;

/// Why a call failed, and what to do instead. `message` is the fault's own where it is known.
pub(crate) fn failure(code: &str, message: Option<&str>, request_id: &str) -> RequestFailure {
    let advice = match code {
        "approval_required" | "approval_pending" => {
            "ask an operator to answer the approval, then call again with the same arguments and approval_id".to_owned()
        }
        "approval_denied" => "the operator said no: choose another way, or ask them why".to_owned(),
        "interrupted" | "deadline_exceeded" | "outcome_unrecorded" => format!(
            "it is not known what was done: look at agentctl trace {request_id} and at the machine before you repeat it, under a new Idempotency-Key"
        ),
        "ledger_unavailable" | "approvals_unavailable" | "requests_unavailable" => {
            "nothing was done: check the disk of the state folder (agentctl verify-ledger), then call again".to_owned()
        }
        "rate_limited" | "busy" | "daemon_hangs" | "unavailable" | "too_many_streams" => {
            "wait a moment and call again under a new Idempotency-Key".to_owned()
        }
        "forbidden" => "this account may not do it: ask an operator".to_owned(),
        "internal" => format!("the daemon's log has the cause under {request_id}"),
        _ => format!("change the call as the message says; agentctl trace {request_id} shows what was done"),
    };
    let message = message.map_or_else(|| format!("it failed with {code}"), str::to_owned);
    RequestFailure { code: code.to_owned(), message, fallback_recommendation: advice }
}
