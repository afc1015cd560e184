//! Between the contract and the subjects: about ten lines each.

pub(crate) mod health;
pub(crate) mod switch;
pub(crate) mod watchers;

use osmoda_ipc::Call;

use crate::switch::Reason;

/// The caller's own doing.
fn asked(call: &Call, why: &str) -> Reason {
    Reason { who: call.caller.actor(), why: why.to_owned() }
}
