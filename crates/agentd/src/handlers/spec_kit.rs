//! Spec-driven projects.

use std::sync::Arc;

use osmoda_api::agentd::{SpecKitInitRequest, SpecKitProject, SpecKitRan, SpecKitRunRequest};
use osmoda_ipc::{Call, Fault};

use crate::{agentd::Agentd, shell::Ends, spec_kit};

pub(crate) async fn init(
    agentd: Arc<Agentd>,
    call: Call,
    request: SpecKitInitRequest,
) -> Result<SpecKitProject, Fault> {
    let ends = Ends { hung_up: call.hung_up.clone(), shutdown: agentd.stop.clone() };
    Ok(spec_kit::init(&agentd.rules().config.spec_kit, request, &call, ends).await?)
}

pub(crate) async fn run(agentd: Arc<Agentd>, call: Call, request: SpecKitRunRequest) -> Result<SpecKitRan, Fault> {
    let ends = Ends { hung_up: call.hung_up.clone(), shutdown: agentd.stop.clone() };
    Ok(spec_kit::run(&agentd.rules().config.spec_kit, request, &call, ends).await?)
}
