//! The machine's state.

use std::sync::Arc;

use osmoda_api::agentd::{Discovery, Health, QueryAnswer, QueryRequest};
use osmoda_ipc::{Call, Fault, Nothing};

use super::blocking;
use crate::{agentd::Agentd, system};

pub(crate) async fn health(agentd: Arc<Agentd>, _call: Call, _request: Nothing) -> Result<Health, Fault> {
    Ok(system::health(&agentd.sampler, agentd.started)?)
}

pub(crate) async fn query(_agentd: Arc<Agentd>, _call: Call, request: QueryRequest) -> Result<QueryAnswer, Fault> {
    blocking(move || system::query(&request)).await
}

pub(crate) async fn discover(_agentd: Arc<Agentd>, _call: Call, _request: Nothing) -> Result<Discovery, Fault> {
    blocking(system::discover).await
}
