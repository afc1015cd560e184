//! Safety: what an operator in a hurry needs. No approval is asked for, and half the suite may be down.

use std::time::Duration;

use osmoda_ipc::Nothing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{endpoint, osmoda_api_about};

/// How long stopping and starting the whole suite may take.
const WHOLE_SUITE: Duration = Duration::from_secs(60);

endpoint! {
    /// System generations, the suite's services, and the last rollback; answers with half the suite down.
    SafetyStatus = Get "/safety/status" as "safety_status", Read, Nothing => Safety
}

/// What an operator in a hurry needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Safety {
    /// The system generation in force; null where the system has no generations.
    pub generation: Option<u64>,
    /// Every generation that can be gone back to, oldest first.
    pub generations: Vec<Generation>,
    /// The suite's daemons and apps.
    pub services: Vec<SafetyService>,
    /// The last rollback, where there was one.
    pub last_rollback: Option<LastRollback>,
    /// When safety_panic stopped the suite (RFC 3339), where nothing has started it since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panicked_at: Option<String>,
    /// Changes under guard that could not be undone yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_rollbacks: Vec<FailedRollback>,
}

/// A change under guard whose rollback failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailedRollback {
    /// Its session: agentctl switch status.
    pub session: String,
    /// What was to be done.
    pub plan: String,
    /// How often undoing it was tried.
    pub tries: u32,
    /// Why it failed last.
    pub why: String,
    /// Whether nobody tries any more: agentctl switch rollback, or abandon.
    pub needs_you: bool,
}

/// One system generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Generation {
    /// Its number.
    pub number: u64,
    /// What it is in the Nix store.
    pub path: String,
    /// When it was made (RFC 3339).
    pub created_at: String,
    /// Whether it is in force.
    pub current: bool,
}

/// One daemon or app of the suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SafetyService {
    /// The daemon's name, or the unit's.
    pub name: String,
    /// `active`, `inactive`, `failed` ... as systemd says; `active` or `inactive` by its pid file elsewhere.
    pub state: String,
    /// Its process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The systemd unit that runs it, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// A rollback that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LastRollback {
    /// When (RFC 3339).
    pub at: String,
    /// From which generation.
    pub from: u64,
    /// To which.
    pub to: u64,
}

endpoint! {
    /// Go back to the system generation before this one. Needs no approval.
    SafetyRollback = Post "/safety/rollback" as "safety_rollback", Destructive, Nothing => RolledBack, {
        const GATED: bool = false;
        const DEADLINE: Duration = Duration::from_secs(330);

        fn receipt(answer: &RolledBack) -> Value {
            json!({ "from": answer.from, "to": answer.to })
        }
    }
}

/// What a rollback did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RolledBack {
    /// The generation that was in force.
    pub from: u64,
    /// The generation that is in force now.
    pub to: u64,
    /// What the switch said.
    pub output: String,
}

endpoint! {
    /// Stop every daemon but agentd, and every app. Needs no approval; safety_restart starts them again.
    SafetyPanic = Post "/safety/panic" as "safety_panic", Destructive, Nothing => Panicked, {
        const GATED: bool = false;
        const DEADLINE: Duration = WHOLE_SUITE;

        fn receipt(answer: &Panicked) -> Value {
            json!({ "stopped": answer.stopped, "kept": answer.kept, "failed": answer.failed })
        }
    }
}

/// What was stopped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Panicked {
    /// Stopped, or killed where they would not.
    pub stopped: Vec<String>,
    /// Left running on purpose.
    pub kept: Vec<String>,
    /// What could not be stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<NotDone>,
}

/// What could not be done to one of the suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotDone {
    /// The daemon or unit.
    pub name: String,
    /// Why.
    pub why: String,
}

endpoint! {
    /// Restart the suite, agentd last. Needs no approval.
    SafetyRestart = Post "/safety/restart" as "safety_restart", Destructive, Nothing => Restarted, {
        const GATED: bool = false;
        const DEADLINE: Duration = WHOLE_SUITE;

        fn receipt(answer: &Restarted) -> Value {
            json!(answer)
        }
    }
}

/// What was restarted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Restarted {
    /// Up again; agentd's own restart follows this answer.
    pub restarted: Vec<String>,
    /// What did not come up.
    pub failed: Vec<NotDone>,
}
