//! Tells the ledger of every move, in order, also of those that were made while agentd or this daemon was away.

use std::{sync::Arc, time::Duration};

use osmoda_ipc::NewEvent;
use osmoda_steward::Steward;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Switches, store::Untold};

/// How often is looked for moves that another program made.
const LOOK: Duration = Duration::from_secs(2);

impl Switches {
    /// Tells until it is stopped.
    pub(crate) async fn tell(self: Arc<Self>, steward: Arc<Steward>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.moved.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            if let Err(why) = self.tell_all(&steward).await {
                info!(why, "moves wait for the ledger");
            }
        }
    }

    async fn tell_all(&self, steward: &Steward) -> Result<(), String> {
        loop {
            let untold = self.store.untold().await.map_err(|error| error.to_string())?;
            if untold.is_empty() {
                return Ok(());
            }
            for one in untold {
                let place = one.place;
                match steward.append_now(&self.event(one).await).await {
                    Ok(_) => {}
                    Err(fault) if fault.code() == "ledger_unavailable" => return Err(fault.to_string()),
                    Err(fault) => warn!(%fault, "the ledger refused a move for good"),
                }
                self.store.told(place).await.map_err(|error| error.to_string())?;
            }
        }
    }

    /// The event of a move. `move` is its place among all: after a crash one may be told twice, and is known by it.
    async fn event(&self, one: Untold) -> NewEvent {
        let session = self.store.session(&one.session).await.ok();
        let facts = session.as_ref().and_then(|session| session.facts.as_ref());
        let failing: Vec<_> = one.one.checks.iter().filter(|check| check.failures > 0).collect();
        let payload = json!({
            "daemon": "watch", "session": one.session, "move": one.place, "at": one.one.at, "from": one.one.from,
            "why": one.one.why, "plan": session.as_ref().map(|session| &session.plan),
            "request_id": session.as_ref().map(|session| &session.request_id),
            "previous": facts.map(|facts| &facts.previous), "new": facts.map(|facts| &facts.next),
            "failing": failing,
        });
        NewEvent { kind: format!("safe_switch.{}", one.one.to.as_str()), actor: one.one.who, payload }
    }
}
