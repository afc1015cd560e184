//! Between the contract and the subjects: about ten lines each.

pub(crate) mod approvals;
pub(crate) mod apps;
pub(crate) mod backups;
pub(crate) mod capabilities;
pub(crate) mod card;
pub(crate) mod files;
pub(crate) mod incidents;
pub(crate) mod ledger;
pub(crate) mod memory;
pub(crate) mod network;
pub(crate) mod operator_files;
pub(crate) mod requests;
pub(crate) mod safety;
pub(crate) mod sandbox;
pub(crate) mod services;
pub(crate) mod shell;
pub(crate) mod spec_kit;
pub(crate) mod system;
pub(crate) mod terminal;
pub(crate) mod tlog;

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
