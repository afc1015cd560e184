//! Incidents.

use std::sync::Arc;

use osmoda_api::agentd::{
    Incident, IncidentEnd, IncidentListRequest, IncidentNew, IncidentReport, IncidentShowRequest, IncidentStepNew,
    Incidents,
};
use osmoda_ipc::{Call, Fault};
use osmoda_ledger::Query;

use super::blocking;
use crate::{
    agentd::Agentd,
    incidents::{Doing, IncidentError, timeline},
};

pub(crate) async fn create(agentd: Arc<Agentd>, call: Call, request: IncidentNew) -> Result<Incident, Fault> {
    blocking(move || agentd.incidents.create(&request.name, &agentd.doing(&call)?)).await
}

pub(crate) async fn step(agentd: Arc<Agentd>, call: Call, request: IncidentStepNew) -> Result<Incident, Fault> {
    blocking(move || agentd.incidents.add(&request, &agentd.doing(&call)?)).await
}

pub(crate) async fn close(agentd: Arc<Agentd>, call: Call, request: IncidentEnd) -> Result<Incident, Fault> {
    blocking(move || agentd.incidents.close(&request, &agentd.doing(&call)?)).await
}

pub(crate) async fn list(agentd: Arc<Agentd>, _call: Call, request: IncidentListRequest) -> Result<Incidents, Fault> {
    blocking(move || agentd.incidents.list(&request)).await.map(|incidents| Incidents { incidents })
}

pub(crate) async fn show(
    agentd: Arc<Agentd>,
    _call: Call,
    request: IncidentShowRequest,
) -> Result<IncidentReport, Fault> {
    blocking(move || {
        let placed = agentd.incidents.show(&request.id)?;
        timeline(placed, &request, &agentd.reader)
    })
    .await
}

impl Agentd {
    /// Who does something to an incident now.
    fn doing(&self, call: &Call) -> Result<Doing, IncidentError> {
        let newest = self.reader.events(&Query { limit: 1, ..Query::default() })?;
        let event = newest.events.first().map_or(0, |event| event.id);
        Ok(Doing { actor: call.caller.actor(), request_id: call.request_id.to_string(), event })
    }
}
