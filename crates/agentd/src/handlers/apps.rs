//! Apps.

use std::sync::Arc;

use osmoda_api::agentd::{
    AppDeployRequest, AppDeployed, AppLog, AppLogsRequest, AppRemoveRequest, AppRemoved, AppRequest, AppStatus, Apps,
};
use osmoda_ipc::{Call, Fault, Nothing};

use crate::{
    agentd::Agentd,
    journal::{self, Question},
};

/// Entries of the journal, where nobody says how many.
const DEFAULT_LINES: u32 = 50;

pub(crate) async fn deploy(agentd: Arc<Agentd>, call: Call, request: AppDeployRequest) -> Result<AppDeployed, Fault> {
    agentd.apps.deploy(request, &call.caller.actor()).await
}

pub(crate) async fn list(agentd: Arc<Agentd>, _call: Call, _request: Nothing) -> Result<Apps, Fault> {
    agentd.apps.list().await
}

pub(crate) async fn logs(agentd: Arc<Agentd>, _call: Call, request: AppLogsRequest) -> Result<AppLog, Fault> {
    let unit = agentd.apps.unit(&request.name)?;
    let lines = request.lines.unwrap_or(DEFAULT_LINES).clamp(1, 500);
    let journal = journal::read(Question::last(&unit, lines)?).await?;
    Ok(AppLog { entries: journal.entries })
}

pub(crate) async fn stop(agentd: Arc<Agentd>, _call: Call, request: AppRequest) -> Result<AppStatus, Fault> {
    agentd.apps.stop(&request.name).await
}

pub(crate) async fn restart(agentd: Arc<Agentd>, _call: Call, request: AppRequest) -> Result<AppStatus, Fault> {
    agentd.apps.restart(&request.name).await
}

pub(crate) async fn remove(agentd: Arc<Agentd>, _call: Call, request: AppRemoveRequest) -> Result<AppRemoved, Fault> {
    agentd.apps.remove(&request.name).await
}
