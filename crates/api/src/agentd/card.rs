//! The A2A agent card of this machine (A2A 1.0, `AgentCard` in its JSON form), with its ERC-8004 registration.

use std::collections::BTreeMap;

use osmoda_ipc::Nothing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{endpoint, osmoda_api_about};

endpoint! {
    /// The A2A / ERC-8004 agent card of this machine, signed.
    AgentCardGet = Get "/agent/card" as "agent_card", Read, Nothing => AgentCard
}

endpoint! {
    /// The agent card where A2A clients look for it.
    AgentCardWellKnown = Get "/.well-known/agent-card.json" as "agent_card_well_known", Read, Nothing => AgentCard
}

/// What this machine's agent is and can do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentCard {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Where it is reached, and how.
    pub supported_interfaces: Vec<AgentInterface>,
    /// Who runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<AgentProvider>,
    /// The suite's version.
    pub version: String,
    /// Where its documentation is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documentation_url: Option<String>,
    /// Where its picture is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
    /// What of A2A it does.
    pub capabilities: AgentCapabilities,
    /// How callers prove who they are, by name.
    pub security_schemes: BTreeMap<String, Value>,
    /// Media types that it takes.
    pub default_input_modes: Vec<String>,
    /// Media types that it gives.
    pub default_output_modes: Vec<String>,
    /// What it can do: one skill a group of tools.
    pub skills: Vec<AgentSkill>,
    /// JWS over the card without this field (RFC 7515, RFC 8785).
    pub signatures: Vec<AgentCardSignature>,
}

/// Where an agent is reached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentInterface {
    /// The address.
    pub url: String,
    /// What is spoken there.
    pub protocol_binding: String,
    /// The version of A2A that this card is of.
    pub protocol_version: String,
}

/// Who runs an agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentProvider {
    /// The organization.
    pub organization: String,
    /// Its site.
    pub url: String,
}

/// What of A2A an agent does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentCapabilities {
    /// Streams answers.
    pub streaming: bool,
    /// Sends notifications.
    pub push_notifications: bool,
    /// Further agreements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<AgentExtension>,
}

/// An agreement beyond A2A, such as ERC-8004.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentExtension {
    /// What it is.
    pub uri: String,
    /// In words.
    pub description: String,
    /// Its own fields.
    pub params: Map<String, Value>,
}

/// A group of tools.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentSkill {
    /// The group's name.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it is good for.
    pub description: String,
    /// Its tools.
    pub tags: Vec<String>,
}

/// A signature of a card.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentCardSignature {
    /// The protected header in base64url: algorithm, and the public key with its id.
    pub protected: String,
    /// The signature in base64url.
    pub signature: String,
}
