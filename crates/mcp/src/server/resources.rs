//! Resources: what a client may show without a model's asking. Each is the answer of a tool, and there where the tool is.

use osmoda_ipc::{Fault, RequestId};
use rmcp::{
    ErrorData,
    model::{ReadResourceResult, Resource, ResourceContents},
};
use serde_json::{Value, json};

use super::Server;
use crate::ToolInfo;

const JSON: &str = "application/json";

struct Kind {
    uri: &'static str,
    name: &'static str,
    title: &'static str,
    about: &'static str,
    tool: &'static str,
    arguments: fn() -> Value,
}

const KINDS: [Kind; 2] = [
    Kind {
        uri: "osmoda://ledger/tail",
        name: "ledger-tail",
        title: "The ledger's tail",
        about: "The last 50 events of the ledger, newest first.",
        tool: "event_log",
        arguments: || json!({ "limit": 50 }),
    },
    Kind {
        uri: "osmoda://machine/state",
        name: "machine-state",
        title: "The machine's state",
        about: "CPU, memory, disk, load and uptime, as measured now.",
        tool: "system_health",
        arguments: || json!({}),
    },
];

fn shown<'a>(tools: &'a [&ToolInfo]) -> impl Iterator<Item = &'static Kind> + 'a {
    KINDS.iter().filter(|kind| tools.iter().any(|tool| tool.name == kind.tool))
}

/// Whether there is any beside these tools.
pub(super) fn any(tools: &[&ToolInfo]) -> bool {
    shown(tools).next().is_some()
}

/// Those that stand beside these tools.
pub(super) fn listed(tools: &[&ToolInfo]) -> Vec<Resource> {
    let resource = |kind: &Kind| {
        Resource::new(kind.uri, kind.name).with_title(kind.title).with_description(kind.about).with_mime_type(JSON)
    };
    shown(tools).map(resource).collect()
}

impl Server {
    /// What a resource holds now.
    pub(super) async fn read(&self, uri: &str) -> Result<ReadResourceResult, ErrorData> {
        let kind = shown(&self.shown).find(|kind| kind.uri == uri);
        let found = kind.and_then(|kind| Some((kind, self.shown(kind.tool)?)));
        let Some((kind, (tool, daemon))) = found else {
            return Err(ErrorData::resource_not_found("there is no such resource", Some(json!({ "uri": uri }))));
        };
        let id = RequestId::generate();
        let answer = daemon.call_json(&tool.endpoint, &id, (kind.arguments)()).await;
        let answer = answer.map_err(|error| {
            let fault = Fault::from(error).with_request_id(&id);
            ErrorData::internal_error(fault.message().to_owned(), Some(json!(fault.envelope())))
        })?;
        let text =
            serde_json::to_string(&answer).map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        Ok(ReadResourceResult::new(vec![ResourceContents::text(text, uri).with_mime_type(JSON)]))
    }
}
