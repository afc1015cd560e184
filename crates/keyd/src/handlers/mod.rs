//! Between the contract and the subjects: about ten lines each.

pub(crate) mod health;
pub(crate) mod operator;
pub(crate) mod signing;
pub(crate) mod wallets;

use osmoda_ipc::{Fault, chain};

/// Runs what blocks on a thread that may.
pub(crate) async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, Fault>
where
    T: Send + 'static,
    E: Into<Fault> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(Into::into),
        Err(lost) => Err(Fault::internal_text(chain(&lost))),
    }
}

/// 400 for a label that is too long or holds what no label holds.
pub(crate) fn label(label: Option<String>) -> Result<Option<String>, Fault> {
    let bad = label.as_ref().is_some_and(|label| label.chars().count() > 64 || label.chars().any(char::is_control));
    if bad {
        Err(Fault::bad_request("invalid_label", "a label has 64 characters at most, on one line"))
    } else {
        Ok(label)
    }
}
