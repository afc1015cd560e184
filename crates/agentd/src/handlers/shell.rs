//! Shell commands.

use std::sync::Arc;

use osmoda_api::agentd::{ShellAnswer, ShellRequest};
use osmoda_ipc::{Call, Fault};

use crate::{
    agentd::Agentd,
    shell::{Command, Ends, run},
};

pub(crate) async fn exec(agentd: Arc<Agentd>, call: Call, request: ShellRequest) -> Result<ShellAnswer, Fault> {
    let command = Command::new(request, call.request_id.as_str())?;
    let ends = Ends { hung_up: call.hung_up, shutdown: agentd.stop.clone() };
    Ok(run(command, ends).await?)
}
