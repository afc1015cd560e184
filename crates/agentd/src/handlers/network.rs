//! The machine's network.

use std::sync::Arc;

use osmoda_api::agentd::{Network, NetworkDetail, NetworkRequest};
use osmoda_ipc::{Call, Fault};

use super::blocking;
use crate::{agentd::Agentd, network};

pub(crate) async fn info(_agentd: Arc<Agentd>, _call: Call, request: NetworkRequest) -> Result<Network, Fault> {
    blocking(move || network::info(request.detail.unwrap_or(NetworkDetail::All))).await
}
