//! Services and the journal.

use std::sync::Arc;

use jiff::Timestamp;
use osmoda_api::agentd::{Journal, JournalRequest, Service, ServiceRequest};
use osmoda_ipc::{Call, Fault};
use osmoda_systemd::{Bus, unit_name};

use crate::{
    agentd::Agentd,
    journal::{self, Question},
};

/// How many entries of the journal stand beside a unit's state.
const LAST_WORDS: u32 = 10;

pub(crate) async fn status(_agentd: Arc<Agentd>, _call: Call, request: ServiceRequest) -> Result<Service, Fault> {
    let name = unit_name(&request.unit)?;
    let state = Bus::connect().await?.state(&name).await?;
    // A unit's state is worth telling also where its journal can't be read.
    let logs = match Question::last(&state.name, LAST_WORDS) {
        Ok(question) => journal::read(question).await.map(|journal| journal.entries).unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let since = state.since_usec.and_then(|usec| Timestamp::from_microsecond(i64::try_from(usec).ok()?).ok());
    Ok(Service {
        unit: state.name,
        description: state.description,
        load: state.load,
        active: state.active,
        sub: state.sub,
        enabled: state.file_state,
        pid: state.pid,
        memory_bytes: state.memory_bytes,
        cpu_usec: state.cpu_usec,
        restarts: state.restarts,
        since: since.map(|since| since.to_string()),
        result: state.result,
        logs,
    })
}

pub(crate) async fn journal(_agentd: Arc<Agentd>, _call: Call, request: JournalRequest) -> Result<Journal, Fault> {
    Ok(journal::read(Question::new(&request)?).await?)
}
