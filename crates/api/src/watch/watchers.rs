//! Watchers: a check, and what is done about it, step by step.

use std::borrow::Cow;

use osmoda_ipc::Nothing;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{Check, CheckResult};
use crate::{endpoint, osmoda_api_about};

/// What a rung of the ladder does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Restarts a unit.
    Restart,
    /// Goes back to the generation before, through a SafeSwitch session.
    Rollback,
    /// Tells people.
    #[default]
    Notify,
}

impl ActionKind {
    /// The action's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Rollback => "rollback",
            Self::Notify => "notify",
        }
    }
}

/// Where a notification goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotifyBy {
    /// The daemon's log.
    Log,
    /// The URL of the configuration's `webhook`.
    Webhook,
    /// The ledger.
    Ledger,
}

/// A rung of the escalation ladder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// What is done.
    pub action: ActionKind,
    /// restart: the unit; the check's own where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// rollback: the Nix profile; the system's where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// notify: where to; log and ledger where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Vec<NotifyBy>>,
    /// How often it is tried before the next rung; 1 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries: Option<u32>,
    /// Seconds that each try is given to help; 10 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_secs: Option<u32>,
}

// Written by hand, as short as a tool's argument should be.
impl JsonSchema for Action {
    fn schema_name() -> Cow<'static, str> {
        "Action".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "action": {
                    "type": "string",
                    "description": "Other fields: restart: unit. rollback: profile. notify: by (log, webhook, ledger). Any: tries (1), wait_secs for each (10).",
                    "enum": ["restart", "rollback", "notify"],
                },
            },
            "required": ["action"],
        })
    }
}

/// Hours in which nobody is told, by the machine's local time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// From, such as `22:00`.
    #[schemars(length(max = 5))]
    pub from: String,
    /// Until, such as `07:00`, of the next day where that is earlier.
    #[schemars(length(max = 5))]
    pub to: String,
}

endpoint! {
    /// Watch something: a health check that escalates by restart, rollback, notify.
    WatcherAdd = Post "/watcher/add" as "watcher_add", Write, WatcherAddRequest => OneWatcher, {
        const GATED: bool = true;
    }
}

/// A new watcher.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WatcherAddRequest {
    /// A name of its own.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// What must hold.
    pub check: Check,
    /// Seconds between two looks; 30 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400))]
    pub interval_secs: Option<u32>,
    /// The ladder, from the first rung; one notify where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    pub actions: Option<Vec<Action>>,
    /// How often in a row it must fail to count; 2 by default, and 1 for what the system reports by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub failures: Option<u32>,
    /// Watchers, by name, without which this one can't be well: while one of them is down, this one is silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub depends_on: Option<Vec<String>>,
    /// When notify keeps still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    pub quiet_hours: Option<Vec<QuietHours>>,
    /// Turns from good to bad within ten minutes from which on it only notifies; 6 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 100))]
    pub flaps: Option<u32>,
    /// The operator's approval of exactly this call, where its ladder restarts or rolls back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub approval_id: Option<String>,
}

/// A watcher in an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OneWatcher {
    /// The watcher.
    pub watcher: Watcher,
}

/// Where a watcher stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WatcherState {
    /// It has not looked yet.
    #[default]
    New,
    /// All is well.
    Ok,
    /// It fails, and not yet often enough to count.
    Suspect,
    /// It fails, and the ladder is climbed.
    Failing,
    /// It turns so often that only people are told.
    Flapping,
    /// It fails, and so does what it depends on.
    Blocked,
    /// It does not look.
    Paused,
}

impl WatcherState {
    /// The state's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Ok => "ok",
            Self::Suspect => "suspect",
            Self::Failing => "failing",
            Self::Flapping => "flapping",
            Self::Blocked => "blocked",
            Self::Paused => "paused",
        }
    }
}

/// A watcher and where it stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Watcher {
    /// `wt_` and a ULID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What must hold.
    pub check: Check,
    /// Where it stands.
    pub state: WatcherState,
    /// What it saw last.
    pub last_result: CheckResult,
    /// Its ladder, and how far up it is.
    pub escalation: Escalation,
    /// Seconds between two looks.
    pub interval_secs: u32,
    /// How often in a row it must fail to count.
    pub failures: u32,
    /// Watchers without which it can't be well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// When notify keeps still.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quiet_hours: Vec<QuietHours>,
    /// Turns within ten minutes from which on it only notifies.
    pub flaps: u32,
    /// Until when it does not look (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<String>,
    /// Who added it.
    pub who: String,
    /// When (RFC 3339).
    pub created_at: String,
}

/// A ladder and how far up it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Escalation {
    /// The rungs.
    pub actions: Vec<Action>,
    /// The rung that is next, from 0; as many as there are rungs when all were tried.
    pub rung: u32,
    /// Tries on it.
    pub tries: u32,
    /// What was done last, and how it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

endpoint! {
    /// Every watcher and where it stands.
    WatcherList = Get "/watcher/list" as "watcher_list", Read, Nothing => Watchers
}

/// Every watcher, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Watchers {
    /// The watchers.
    pub watchers: Vec<Watcher>,
}

endpoint! {
    /// Change a watcher: it is as if added anew under the same id.
    WatcherEdit = Post "/watcher/edit/{id}" as "watcher_edit", Write, WatcherEditRequest => OneWatcher, {
        const GATED: bool = true;
    }
}

/// A watcher's new form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WatcherEditRequest {
    /// The watcher's id or name.
    #[schemars(length(max = 64))]
    pub id: String,
    /// All of it, as in watcher_add.
    pub watcher: WatcherAddRequest,
    /// The operator's approval of exactly this call, where its ladder restarts or rolls back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub approval_id: Option<String>,
}

endpoint! {
    /// Have a watcher not look for a while, or look again.
    WatcherPause = Post "/watcher/pause/{id}" as "watcher_pause", Write, WatcherPauseRequest => OneWatcher
}

/// For how long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WatcherPauseRequest {
    /// The watcher's id or name.
    #[schemars(length(max = 64))]
    pub id: String,
    /// Seconds; 0 ends a pause. An hour where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 2_592_000))]
    pub secs: Option<u32>,
}

endpoint! {
    /// Remove a watcher.
    WatcherRemove = Delete "/watcher/{id}" as "watcher_remove", Write, WatcherId => WatcherRemoved
}

/// Which watcher.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WatcherId {
    /// The watcher's id or name.
    #[schemars(length(max = 64))]
    pub id: String,
}

/// A watcher that is gone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WatcherRemoved {
    /// Its id.
    pub removed: String,
}
