//! The machine's state.

use std::sync::Arc;

use osmoda_api::agentd::{Discovery, Health, QueryAnswer, QueryRequest};
use osmoda_ipc::{Call, Fault, Nothing};
use osmoda_systemd::{Bus, Unit};
use tokio::runtime::Handle;

use super::blocking;
use crate::{agentd::Agentd, system};

pub(crate) async fn health(agentd: Arc<Agentd>, _call: Call, _request: Nothing) -> Result<Health, Fault> {
    Ok(system::health(&agentd.sampler, agentd.started)?)
}

pub(crate) async fn query(_agentd: Arc<Agentd>, _call: Call, request: QueryRequest) -> Result<QueryAnswer, Fault> {
    let handle = Handle::current();
    blocking(move || system::query(&request, &handle)).await
}

pub(crate) async fn discover(_agentd: Arc<Agentd>, _call: Call, _request: Nothing) -> Result<Discovery, Fault> {
    let (found, units) = tokio::join!(blocking(system::discover), async { Bus::connect().await?.units().await });
    let mut discovery = found?;
    let is_loaded = |unit: &Unit| unit.load == "loaded" && unit.name.ends_with(".service");
    // Where systemd is not there, the rest is still worth telling.
    discovery.total_systemd_services = units.ok().map(|units| units.into_iter().filter(is_loaded).count() as u64);
    Ok(discovery)
}
