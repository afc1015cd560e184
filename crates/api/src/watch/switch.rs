//! SafeSwitch: a change is applied, guarded by health checks, and undone unless it proves itself.

use std::time::Duration;

use osmoda_ipc::{Access, Nothing, Record};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Apply, ApplyKind, Check, CheckResult};
use crate::{endpoint, osmoda_api_about};

/// Where a session stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SwitchState {
    /// Looked at and built; nothing is changed yet.
    #[default]
    Preparing,
    /// The change is being made.
    Applying,
    /// Made, and watched.
    Probation,
    /// Kept.
    Committed,
    /// On its way back.
    RollingBack,
    /// Undone.
    RolledBack,
    /// Over without a change; or the rollback failed and a person is needed, where `stranded`.
    Failed,
}

impl SwitchState {
    /// The state's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Applying => "applying",
            Self::Probation => "probation",
            Self::Committed => "committed",
            Self::RollingBack => "rolling_back",
            Self::RolledBack => "rolled_back",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing moves any more.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Committed | Self::RolledBack | Self::Failed)
    }
}

/// What a reboot within probation means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnReboot {
    /// The change is undone at boot.
    #[default]
    Rollback,
    /// Probation begins anew at boot: for a change that needs the reboot, such as a kernel.
    Resume,
}

endpoint! {
    /// Apply a change and watch it: checks that fail, or a crash, undo it. Without apply, guards a change already made.
    SafeSwitchBegin = Post "/switch/begin" as "safe_switch_begin", Destructive, SafeSwitchBeginRequest => SwitchBegun, {
        const DEADLINE: Duration = Duration::from_secs(60);
        const BODY_LIMIT: usize = 2 << 20;

        fn audit(request: &SafeSwitchBeginRequest) -> Value {
            let mut apply = request.apply.clone();
            // Contents may be secrets; paths say enough.
            for file in apply.iter_mut().flat_map(|apply| apply.files.iter_mut().flatten()) {
                file.content = file.content.take().map(|content| format!("{} bytes", content.len()));
            }
            let options = apply.as_mut().and_then(|apply| apply.options.take()).map(|all| all.keys().cloned().collect::<Vec<_>>());
            json!({
                "plan": request.plan, "apply": apply, "options": options, "ttl_secs": request.ttl_secs,
                "health_checks": request.health_checks, "failures": request.failures, "on_reboot": request.on_reboot,
            })
        }

        fn receipt(answer: &SwitchBegun) -> Value {
            json!(answer)
        }
    }
}

/// A change to make under guard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SafeSwitchBeginRequest {
    /// What is done and why, for people.
    #[schemars(length(min = 1, max = 2000))]
    pub plan: String,
    /// The change; left out, the change is made already and only guarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<Apply>,
    /// Seconds of probation; 300 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400))]
    pub ttl_secs: Option<u32>,
    /// What must hold to the end of probation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub health_checks: Option<Vec<Check>>,
    /// The operator's approval of exactly this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub approval_id: Option<String>,
    /// How often in a row a check must fail to count; 2 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub failures: Option<u32>,
    /// Seconds in which a check that was never good may fail uncounted, for what starts slowly; 10 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 3600))]
    pub grace_secs: Option<u32>,
    /// What a reboot within probation means; `rollback` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_reboot: Option<OnReboot>,
}

/// A session that began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SwitchBegun {
    /// `sw_` and a ULID.
    pub id: String,
    /// Where it stands: `preparing` where it still builds, `probation` where it is watched.
    pub state: SwitchState,
    /// What it goes back to.
    pub previous_generation: Option<String>,
    /// What it changed to; null while it is built.
    pub new_generation: Option<String>,
    /// When probation ends (RFC 3339); null before it began.
    pub deadline: Option<String>,
}

endpoint! {
    /// Every session, newest first.
    SafeSwitchList = Get "/switch/list" as "safe_switch_list", Read, SafeSwitchListRequest => Switches
}

/// How many.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SafeSwitchListRequest {
    /// The newest so many; 50 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
}

/// Sessions, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Switches {
    /// The sessions.
    pub sessions: Vec<SwitchSummary>,
}

/// A session in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SwitchSummary {
    /// Its id.
    pub id: String,
    /// What is done and why.
    pub plan: String,
    /// What kind of change.
    pub kind: ApplyKind,
    /// Where it stands.
    pub state: SwitchState,
    /// Why it stands there, where there is a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who began it.
    pub who: String,
    /// When (RFC 3339).
    pub created_at: String,
    /// When probation ends (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// What it changes.
    pub things: Vec<String>,
    /// Whether its rollback failed, so that what it changed is neither new nor old.
    pub stranded: bool,
}

endpoint! {
    /// One session with each check's last result.
    SafeSwitchStatus = Get "/switch/status/{id}" as "safe_switch_status", Read, SwitchId => Switch
}

/// Which session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchId {
    /// The session's id.
    #[schemars(length(max = 64))]
    pub id: String,
}

/// A session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Switch {
    /// Its id.
    pub id: String,
    /// What is done and why.
    pub plan: String,
    /// What kind of change.
    pub kind: ApplyKind,
    /// Where it stands.
    pub state: SwitchState,
    /// Why it stands there, where there is a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who began it.
    pub who: String,
    /// When (RFC 3339).
    pub created_at: String,
    /// When probation ends (RFC 3339).
    pub deadline: Option<String>,
    /// What it goes back to, and what it changed to.
    pub generations: SwitchGenerations,
    /// What it changes; no other open session may.
    pub things: Vec<String>,
    /// Each check's last result.
    pub checks: Vec<CheckResult>,
    /// Every move, oldest first.
    pub history: Vec<SwitchMove>,
    /// What a reboot means for it.
    pub on_reboot: OnReboot,
    /// How often its rollback was tried and failed.
    pub failed_rollbacks: u32,
    /// Whether its rollback failed, so that what it changed is neither new nor old.
    pub stranded: bool,
}

/// Both ends of a change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SwitchGenerations {
    /// Before.
    pub previous: Option<String>,
    /// After.
    pub new: Option<String>,
}

/// A move from one state to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SwitchMove {
    /// When (RFC 3339).
    pub at: String,
    /// From; null at the beginning.
    pub from: Option<SwitchState>,
    /// To.
    pub to: SwitchState,
    /// Who moved it.
    pub who: String,
    /// Why.
    pub why: String,
    /// What the checks had found by then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckResult>,
}

/// A session in an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OneSwitch {
    /// The session.
    pub session: Switch,
}

fn end_of(answer: &OneSwitch) -> Value {
    json!({ "id": answer.session.id, "state": answer.session.state })
}

endpoint! {
    /// End probation early and keep the change.
    SafeSwitchCommit = Post "/switch/commit/{id}" as "safe_switch_commit", Write, SwitchId => OneSwitch, {
        fn receipt(answer: &OneSwitch) -> Value {
            end_of(answer)
        }
    }
}

endpoint! {
    /// Back to the generation before, now. Needs no approval.
    SafeSwitchRollback = Post "/switch/rollback/{id}" as "safe_switch_rollback", Destructive, SwitchId => OneSwitch, {
        const GATED: bool = false;
        const DEADLINE: Duration = Duration::from_secs(330);

        fn receipt(answer: &OneSwitch) -> Value {
            end_of(answer)
        }
    }
}

endpoint! {
    /// Give up a session whose rollback failed: what it changed is left as it is. For operators.
    SafeSwitchAbandon = Post "/switch/abandon/{id}" as "safe_switch_abandon", Destructive, SwitchId => OneSwitch, {
        const ACCESS: Access = Access::Operator;

        fn receipt(answer: &OneSwitch) -> Value {
            end_of(answer)
        }
    }
}

endpoint! {
    /// Changes that failed and are refused when they come again.
    QuarantineList = Get "/switch/quarantine" as "switch_quarantine", Read, Nothing => Quarantine
}

/// Changes that failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Quarantine {
    /// Newest first.
    pub quarantined: Vec<Quarantined>,
}

/// A change that failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quarantined {
    /// What it would be changed to: a store path, or a hash.
    pub key: String,
    /// The session in which it failed.
    pub session: String,
    /// How.
    pub why: String,
    /// When (RFC 3339).
    pub at: String,
}

endpoint! {
    /// Let a change that failed be tried again. For operators.
    QuarantineRelease = Post "/switch/release" as "switch_release", Write, QuarantineKey => Quarantine, {
        const ACCESS: Access = Access::Operator;
        const RECORD: Record = Record::Outcome;
    }
}

/// Which change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuarantineKey {
    /// As it is listed.
    #[schemars(length(max = 1024))]
    pub key: String,
}
