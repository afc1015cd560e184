//! No danger without leave: agentd is asked for changes, and for watchers that restart or roll back by themselves.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use osmoda_api::watch::{ActionKind, WatcherAddRequest, WatcherEditRequest};
use osmoda_ipc::{Act, Call, Fault, Gate, Leave, Role};
use osmoda_steward::Steward;
use serde_json::Value;

/// In front of every act that needs leave.
pub(crate) struct WatchGate(pub(crate) Arc<Steward>);

impl Gate for WatchGate {
    fn pass<'a>(&'a self, call: &'a Call, act: Act<'a>) -> BoxFuture<'a, Result<Leave, Fault>> {
        Box::pin(async move {
            let name = act.endpoint.name;
            if call.caller.role == Role::Operator {
                return Ok(Leave::default());
            }
            let why = match name {
                "watcher_add" | "watcher_edit" => match dangerous(name, act.request) {
                    None => return Ok(Leave::default()),
                    Some(why) => Some(why),
                },
                _ => None,
            };
            self.0.claim(call, name, act.request, why).await
        })
    }
}

/// Why a watcher needs leave; nothing where it only tells people.
fn dangerous(endpoint: &str, request: &Value) -> Option<String> {
    let watcher: Option<WatcherAddRequest> = match endpoint {
        "watcher_edit" => serde_json::from_value(request.clone()).ok().map(|edit: WatcherEditRequest| edit.watcher),
        _ => serde_json::from_value(request.clone()).ok(),
    };
    let Some(watcher) = watcher else { return Some("the watcher can't be judged".into()) };
    let mut acts: Vec<&str> = watcher.actions.iter().flatten().map(|action| action.action).filter_map(acts).collect();
    acts.dedup();
    if acts.is_empty() {
        return None;
    }
    Some(format!("watcher {} would {} by itself", watcher.name, acts.join(" and ")))
}

fn acts(kind: ActionKind) -> Option<&'static str> {
    match kind {
        ActionKind::Restart => Some("restart units"),
        ActionKind::Rollback => Some("roll back"),
        ActionKind::Notify => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_acts_by_itself_needs_leave() {
        let check = json!({"type": "tcp_port", "port": 80});
        let add = |actions: Value| json!({"name": "web", "check": check, "actions": actions});
        assert_eq!(dangerous("watcher_add", &json!({"name": "web", "check": check})), None);
        assert_eq!(dangerous("watcher_add", &add(json!([{"action": "notify"}]))), None);
        let why = dangerous("watcher_add", &add(json!([{"action": "notify"}, {"action": "restart", "unit": "x"}])));
        assert_eq!(why.unwrap(), "watcher web would restart units by itself");
        let edit = json!({"id": "wt_1", "watcher": add(json!([{"action": "rollback"}]))});
        assert_eq!(dangerous("watcher_edit", &edit).unwrap(), "watcher web would roll back by itself");
        assert!(dangerous("watcher_edit", &json!({"id": 1})).is_some());
    }
}
