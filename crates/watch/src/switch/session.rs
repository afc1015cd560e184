//! A session as it is kept.

use osmoda_api::watch::{
    Check, CheckResult, OnReboot, Switch, SwitchGenerations, SwitchMove, SwitchState, SwitchSummary,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::state::Cause;
use crate::apply::Change;

/// A session. The whole of it is written with each move.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) plan: String,
    pub(crate) state: SwitchState,
    pub(crate) why: Option<String>,
    /// Who began it.
    pub(crate) who: String,
    /// The call that began it.
    pub(crate) request_id: String,
    pub(crate) created_at: String,
    pub(crate) change: Change,
    pub(crate) things: Vec<String>,
    /// What preparing found; nothing before.
    pub(crate) facts: Option<Facts>,
    pub(crate) checks: Vec<Check>,
    pub(crate) results: Vec<CheckResult>,
    pub(crate) ttl_secs: u32,
    pub(crate) failures: u32,
    pub(crate) grace_secs: u32,
    pub(crate) on_reboot: OnReboot,
    /// Within which boot its last move was made.
    pub(crate) boot: String,
    /// When probation began and ends, in milliseconds of the clock since boot.
    pub(crate) began_ms: Option<u64>,
    pub(crate) deadline_ms: Option<u64>,
    /// When it ends, for people.
    pub(crate) deadline: Option<String>,
    /// Why it goes or went back.
    pub(crate) cause: Option<Cause>,
    pub(crate) failed_rollbacks: u32,
    pub(crate) stranded: bool,
}

/// What is known of a change before it is made: enough to undo it, whatever happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// For people: what it goes back to.
    pub(crate) previous: String,
    /// For people: what it changes to.
    pub(crate) next: String,
    /// What the change is, so that it is known when it comes again: a store path, or a hash.
    pub(crate) key: Option<String>,
    /// What its kind needs to go there and back.
    pub(crate) way: Value,
}

impl Session {
    pub(crate) fn summary(&self) -> SwitchSummary {
        SwitchSummary {
            id: self.id.clone(),
            plan: self.plan.clone(),
            kind: self.change.kind(),
            state: self.state,
            why: self.why.clone(),
            who: self.who.clone(),
            created_at: self.created_at.clone(),
            deadline: self.deadline.clone(),
            things: self.things.clone(),
            stranded: self.stranded,
        }
    }

    pub(crate) fn told(&self, history: Vec<SwitchMove>) -> Switch {
        Switch {
            id: self.id.clone(),
            plan: self.plan.clone(),
            kind: self.change.kind(),
            state: self.state,
            why: self.why.clone(),
            who: self.who.clone(),
            created_at: self.created_at.clone(),
            deadline: self.deadline.clone(),
            generations: SwitchGenerations {
                previous: self.facts.as_ref().map(|facts| facts.previous.clone()),
                new: self.facts.as_ref().map(|facts| facts.next.clone()),
            },
            things: self.things.clone(),
            checks: self.results.clone(),
            history,
            on_reboot: self.on_reboot,
            failed_rollbacks: self.failed_rollbacks,
            stranded: self.stranded,
        }
    }

    /// Whether its deadline is past, within the boot in which it was set.
    pub(crate) fn is_late(&self, now_ms: u64) -> bool {
        self.deadline_ms.is_some_and(|deadline| now_ms > deadline)
    }
}
