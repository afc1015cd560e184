//! The ledger: appends from many callers at once, and checking the whole chain.

pub(super) mod append;
mod plain;
pub(super) mod verify;

use osmoda_ipc::NewEvent;
use serde_json::json;

/// An event as an agent's command leaves it.
fn event(number: usize) -> NewEvent {
    NewEvent {
        kind: "shell_exec.intent".into(),
        actor: "agent:claude".into(),
        payload: json!({
            "request_id": "req_01KAQ5E3V2Y8JX1M7N4C9TZB6W", "daemon": "agentd", "uid": 998, "pid": 100_000 + number % 900_000,
            "request": { "command": "journalctl --unit nginx --since today --no-pager", "cwd": "/srv/www", "timeout_secs": 30 },
        }),
    }
}
