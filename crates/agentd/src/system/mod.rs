//! What the machine is and does: its health, tables of its state, what listens on it. Read from the kernel, never from
//! another program's text.

mod error;

use std::time::Instant;

use osmoda_api::agentd::{Discovery, Health, QueryAnswer, QueryRequest};
use tokio_util::sync::CancellationToken;

pub use error::SystemError;

/// As many rows as one answer may hold.
pub const MAX_LIMIT: u32 = 10_000;

/// Measures CPU use in the background.
#[derive(Clone, Debug)]
pub struct Sampler;

impl Sampler {
    /// Samples once a second until `stop`.
    pub fn start(_stop: CancellationToken) -> Self {
        Self
    }
}

/// How the machine is, as measured now. Takes tens of microseconds; `started` is when agentd did.
pub fn health(_sampler: &Sampler, _started: Instant) -> Result<Health, SystemError> {
    Err(SystemError::malformed("/proc/stat"))
}

/// One table of system state. Blocks on the file system.
pub fn query(_request: &QueryRequest) -> Result<QueryAnswer, SystemError> {
    Err(SystemError::SystemdUnavailable)
}

/// What listens here, and who holds it. Blocks on the file system.
pub fn discover() -> Result<Discovery, SystemError> {
    Err(SystemError::malformed("/proc/net/tcp"))
}
