//! What a handler knows of the call it serves, beside the request.

use tokio_util::sync::CancellationToken;

use crate::{caller::Caller, desk::Track, record::Leave, request_id::RequestId};

/// One call: who, under which id, and whether anybody still waits for the answer.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who is calling.
    pub caller: Caller,
    /// The act this call belongs to.
    pub request_id: RequestId,
    /// Cancelled when the caller hangs up. Writes run on regardless; a handler whose work should stop then, such as a
    /// running command, watches it.
    pub hung_up: CancellationToken,
    /// With which approval it may act, where it needed one.
    pub leave: Leave,
    pub(crate) track: Track,
}

impl Call {
    /// A call that came another way than over osmoda's own sockets: nobody hangs up on it and nobody holds its receipt.
    pub fn new(caller: Caller, request_id: RequestId) -> Self {
        Self { caller, request_id, hung_up: CancellationToken::new(), leave: Leave::default(), track: Track::default() }
    }
}
