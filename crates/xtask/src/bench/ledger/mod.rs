//! The ledger: appends from many callers at once, checking the whole chain, and proving single events.

pub(super) mod append;
pub(super) mod journal;
mod plain;
pub(super) mod proof;
pub(super) mod verify;

use std::{path::Path, sync::Arc};

use osmoda_ipc::NewEvent;
use osmoda_ledger::Ledger;
use serde_json::json;
use tokio::task::JoinSet;

use crate::Failure;

/// Who fills a ledger at once.
const FILLERS: usize = 1000;

/// An event as an agent's command leaves it.
pub(super) fn event(number: usize) -> NewEvent {
    NewEvent {
        kind: "shell_exec.intent".into(),
        actor: "agent:claude".into(),
        payload: json!({
            "request_id": "req_01KAQ5E3V2Y8JX1M7N4C9TZB6W", "daemon": "agentd", "uid": 998, "pid": 100_000 + number % 900_000,
            "request": { "command": "journalctl --unit nginx --since today --no-pager", "cwd": "/srv/www", "timeout_secs": 30 },
        }),
    }
}

/// A ledger of so many events, in thousands, as the ledger itself writes it.
pub(super) fn fill(path: &Path, events: usize) -> Result<(), Failure> {
    let ledger = Arc::new(Ledger::open(path).map_err(Failure::bench)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::bench)?;
    runtime.block_on(async {
        let mut callers = JoinSet::new();
        for caller in 0..FILLERS {
            let ledger = ledger.clone();
            callers.spawn(async move {
                for number in 0..events / FILLERS {
                    ledger.append(event(caller + number * FILLERS)).await.map_err(Failure::bench)?;
                }
                Ok::<(), Failure>(())
            });
        }
        callers.join_all().await.into_iter().collect()
    })
}
