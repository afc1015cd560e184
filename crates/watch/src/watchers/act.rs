//! What a rung does: restart, rollback, notify. Each stands in the ledger before and after.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use osmoda_api::watch::{Action, ActionKind, NotifyBy};
use osmoda_ipc::NewEvent;
use serde_json::{Value, json};
use tracing::{info, warn};

use super::{Watchers, ladder::Do, runner::Running};

/// How long a unit may take to be up again.
const RESTART: Duration = Duration::from_secs(60);
/// Where people are told when a rung does not say.
const DEFAULT_WAYS: [NotifyBy; 2] = [NotifyBy::Log, NotifyBy::Ledger];

impl Watchers {
    /// Does what is to be done.
    pub(super) async fn act(&self, running: &Arc<Running>, what: Do) {
        match what {
            Do::Nothing => {}
            Do::Recovered => {
                info!(watcher = running.spec.request.name, "well again");
                self.record(running, "watcher.recovered", json!({})).await;
            }
            Do::Act(action) => self.climb(running, &action).await,
        }
    }

    async fn climb(&self, running: &Arc<Running>, action: &Action) {
        let began = Instant::now();
        let saw = running.told().last_result.message;
        let name = &running.spec.request.name;
        let target = match action.action {
            ActionKind::Restart => running.spec.unit(action).unwrap_or_default(),
            ActionKind::Rollback => action.profile.clone().unwrap_or_default(),
            ActionKind::Notify => String::new(),
        };
        let intent = json!({ "saw": saw, "target": target });
        let doing = async {
            match action.action {
                ActionKind::Restart => self.restart(&target).await,
                ActionKind::Rollback => {
                    let why = format!("watcher {name}: {saw}");
                    self.switches.back_on(action.profile.clone(), &why).await.map_err(|fault| fault.to_string())
                }
                ActionKind::Notify => self.notify(running, action, &saw).await,
            }
        };
        let kind = format!("watcher.{}", action.action.as_str());
        let before = format!("{kind}.intent");
        // What helps and its record go at the same time: a dead service does not wait for the ledger's disk, and where
        // agentd is away the record waits in the outbox.
        let (done, ()) = match action.action {
            ActionKind::Notify => (doing.await, ()),
            _ => tokio::join!(doing, self.record(running, &before, intent)),
        };
        let (ok, how) = match &done {
            Ok(how) => (true, how.clone()),
            Err(why) => (false, why.clone()),
        };
        let took = began.elapsed().as_millis();
        let at = Timestamp::now();
        running.note(format!("{at} {} {}: {how}", action.action.as_str(), if ok { "done" } else { "failed" }));
        if ok {
            info!(watcher = name, act = action.action.as_str(), how, took, "acted");
        } else {
            warn!(watcher = name, act = action.action.as_str(), how, took, "an act failed");
        }
        if action.action != ActionKind::Notify {
            let took = u64::try_from(took).unwrap_or(u64::MAX);
            let outcome = json!({ "ok": ok, "how": how, "target": target, "duration_ms": took });
            self.record(running, &format!("{kind}.outcome"), outcome).await;
        }
    }

    async fn restart(&self, unit: &str) -> Result<String, String> {
        let restarted =
            self.switches.eyes().systemd.ask(|bus| async move { bus.restart_now(unit, RESTART).await }).await;
        restarted.map(|()| format!("{unit} is up")).map_err(|error| error.to_string())
    }

    async fn notify(&self, running: &Running, action: &Action, saw: &str) -> Result<String, String> {
        let value = json!({
            "kind": "watcher", "watcher": running.spec.request.name, "id": running.id, "state": running.state(),
            "saw": saw, "at": Timestamp::now().to_string(),
        });
        let ways = action.by.as_deref().unwrap_or(&DEFAULT_WAYS);
        self.switches.notifier().tell("watcher.notify", value, ways).await.map(|()| saw.to_owned())
    }

    async fn record(&self, running: &Running, kind: &str, mut payload: Value) {
        payload["daemon"] = json!("watch");
        payload["watcher"] = json!(running.spec.request.name);
        payload["id"] = json!(running.id);
        let event = NewEvent { kind: kind.to_owned(), actor: "daemon:watch".into(), payload };
        if let Err(fault) = self.steward.append_soon(event).await {
            warn!(%fault, kind, "an act of a watcher could not be recorded");
        }
    }
}
