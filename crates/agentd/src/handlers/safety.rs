//! Safety: without approval, and whatever the rest of the suite does.

use std::{sync::Arc, time::Duration};

use osmoda_api::agentd::{NotDone, Panicked, Restarted, RolledBack, Safety};
use osmoda_ipc::{Call, Fault, Nothing};
use tracing::error;

use crate::{agentd::Agentd, shell::run_program};

/// Between the answer to a restart and agentd's own: for the answer and its record.
const LAST_WORDS: Duration = Duration::from_millis(500);

pub(crate) async fn status(agentd: Arc<Agentd>, _call: Call, _request: Nothing) -> Result<Safety, Fault> {
    Ok(agentd.safety.status().await)
}

pub(crate) async fn rollback(agentd: Arc<Agentd>, _call: Call, _request: Nothing) -> Result<RolledBack, Fault> {
    Ok(agentd.safety.rollback(run_program).await?)
}

pub(crate) async fn panic(agentd: Arc<Agentd>, _call: Call, _request: Nothing) -> Result<Panicked, Fault> {
    Ok(agentd.safety.panic().await)
}

pub(crate) async fn restart(agentd: Arc<Agentd>, _call: Call, _request: Nothing) -> Result<Restarted, Fault> {
    let mut answer = agentd.safety.restart().await;
    if !agentd.safety.is_kept_up().await {
        let why = "nobody would start it again: it runs without systemd and without a supervisor".to_owned();
        answer.failed.push(NotDone { name: "agentd".into(), why });
        return Ok(answer);
    }
    answer.restarted.push("agentd".into());
    tokio::spawn(async move {
        tokio::time::sleep(LAST_WORDS).await;
        if let Err(why) = agentd.safety.restart_self().await {
            error!(why, "agentd could not have itself restarted");
        }
    });
    Ok(answer)
}
