//! Incidents: what was tried against a trouble, in order, beside what else happened meanwhile.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Event;
use crate::{endpoint, osmoda_api_about};

endpoint! {
    /// Open a troubleshooting workspace whose steps and ledger events become one timeline.
    IncidentCreate = Post "/incident/create" as "incident_create", Write, IncidentNew => Incident, {
        fn receipt(answer: &Incident) -> Value {
            json!({ "id": answer.id })
        }
    }
}

/// What it is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentNew {
    /// What is wrong, in a line.
    #[schemars(length(min = 1, max = 200))]
    pub name: String,
}

/// A trouble and what was tried against it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// `inc_` and a ULID.
    pub id: String,
    /// What is wrong, in a line.
    pub name: String,
    /// How it stands.
    pub status: IncidentStatus,
    /// Who opened it.
    pub created_by: String,
    /// When (RFC 3339).
    pub created_at: String,
    /// When it was closed (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<String>,
    /// Who closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<String>,
    /// What it turned out to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// What was tried, in order; 500 at most.
    pub steps: Vec<IncidentStep>,
}

/// How an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentStatus {
    /// Takes steps.
    Open,
    /// Over.
    Closed,
}

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentStep {
    /// From 1.
    pub number: u32,
    /// When (RFC 3339).
    pub ts: String,
    /// Who.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The call that noted it.
    pub request_id: String,
}

endpoint! {
    /// Note one more step of an open incident: what was done, and what came of it.
    IncidentAddStep = Post "/incident/{id}/step" as "incident_step", Write, IncidentStepNew => Incident, {
        fn receipt(answer: &Incident) -> Value {
            json!({ "id": answer.id, "step": answer.steps.len() })
        }
    }
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentStepNew {
    /// The incident's id.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
    /// What was done.
    #[schemars(length(min = 1, max = 4096))]
    pub action: String,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16384))]
    pub result: Option<String>,
}

endpoint! {
    /// Incidents, newest first, without their steps.
    IncidentList = Get "/incidents" as "incident_list", Read, IncidentListRequest => Incidents
}

/// Which incidents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentListRequest {
    /// Only those that stand so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<IncidentStatus>,
    /// At most so many; 50 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
}

/// Incidents, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Incidents {
    /// The incidents.
    pub incidents: Vec<IncidentSummary>,
}

/// One incident of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentSummary {
    /// `inc_` and a ULID.
    pub id: String,
    /// What is wrong, in a line.
    pub name: String,
    /// How it stands.
    pub status: IncidentStatus,
    /// Who opened it.
    pub created_by: String,
    /// When (RFC 3339).
    pub created_at: String,
    /// When it was closed (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<String>,
    /// How many steps it has.
    pub steps: u32,
}

endpoint! {
    /// An incident with its timeline: its steps and the ledger's events of its time, in order.
    IncidentShow = Get "/incident/{id}" as "incident_show", Read, IncidentShowRequest => IncidentReport
}

/// Which incident, and which page of its timeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentShowRequest {
    /// The incident's id.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
    /// At most so many ledger events; 200 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// Where the page begins: the `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<i64>,
}

/// An incident with its timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentReport {
    /// The incident.
    pub incident: Incident,
    /// What happened from its opening to its closing, oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// Where the next page begins; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<i64>,
}

/// One entry of a timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TimelineEntry {
    /// A step of the incident.
    Step(IncidentStep),
    /// An event of the ledger.
    Event(TimelineEvent),
}

/// An event of the ledger in a timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineEvent {
    /// The event.
    pub event: Event,
}

endpoint! {
    /// Close an incident: its timeline ends here.
    IncidentClose = Post "/incident/{id}/close" as "incident_close", Write, IncidentEnd => Incident, {
        fn receipt(answer: &Incident) -> Value {
            json!({ "id": answer.id })
        }
    }
}

/// Which incident, and what it turned out to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentEnd {
    /// The incident's id.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
    /// What it turned out to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub resolution: Option<String>,
}
