//! What an approval is about, and the hash that binds it to exactly that.

use std::collections::BTreeMap;

use osmoda_api::agentd::{ApprovalAsk, FileWriteRequest, ShellRequest};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::ApprovalError;
use crate::guard::Reason;

/// The longest argument that is shown whole to the operator.
const SHOWN: usize = 8192;

/// A question to the operator that has not been stored yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question {
    pub(crate) tool: String,
    pub(crate) command: String,
    pub(crate) why: String,
    pub(crate) reason: Option<String>,
    pub(crate) arguments: Value,
    pub(crate) hash: String,
    pub(crate) request_id: String,
}

impl Question {
    /// The question about an act that is being tried.
    pub(crate) fn new(tool: &str, request: &Value, reasons: &[Reason], request_id: &str) -> Self {
        let why: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
        Self {
            tool: tool.to_owned(),
            command: headline(tool, request),
            why: why.join("; "),
            reason: None,
            arguments: shown(without_approval(request)),
            hash: hash(tool, request),
            request_id: request_id.to_owned(),
        }
    }

    /// The question that an agent asks ahead of its act.
    pub(crate) fn ahead(ask: ApprovalAsk, request_id: &str) -> Result<Self, ApprovalError> {
        let tool = ask.tool.unwrap_or_else(|| "shell_exec".into());
        let known =
            osmoda_api::daemons().iter().any(|daemon| daemon.endpoints.iter().any(|endpoint| endpoint.name == tool));
        if !known {
            return Err(ApprovalError::UnknownTool(tool));
        }
        let command_alone = || Map::from_iter([("command".to_owned(), Value::from(ask.command.clone()))]);
        let arguments = Value::Object(ask.arguments.unwrap_or_else(command_alone));
        // As the call itself will be read, so that both have one hash.
        let arguments = match tool.as_str() {
            "shell_exec" => as_read::<ShellRequest>(&tool, arguments)?,
            "file_write" => as_read::<FileWriteRequest>(&tool, arguments)?,
            _ => arguments,
        };
        let mut question = Self::new(&tool, &arguments, &[], request_id);
        question.why = "the agent asks for leave".into();
        question.reason = ask.reason;
        if tool != "shell_exec" {
            question.command = ask.command;
        }
        Ok(question)
    }
}

fn as_read<T: DeserializeOwned + Serialize>(tool: &str, arguments: Value) -> Result<Value, ApprovalError> {
    let bad = |error: serde_json::Error| ApprovalError::BadArguments { tool: tool.to_owned(), why: error.to_string() };
    serde_json::to_value(serde_json::from_value::<T>(arguments).map_err(bad)?).map_err(bad)
}

/// A line that says what it is about.
fn headline(tool: &str, request: &Value) -> String {
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let subject =
        text("command").or_else(|| text("path")).or_else(|| text("name")).or_else(|| text("plan")).unwrap_or_default();
    if tool == "shell_exec" { subject.to_owned() } else { format!("{tool} {subject}").trim_end().to_owned() }
}

fn without_approval(request: &Value) -> Value {
    let mut request = request.clone();
    if let Some(fields) = request.as_object_mut() {
        fields.remove("approval_id");
    }
    request
}

/// Long texts by their beginning, length and hash: what is approved is always the whole.
fn shown(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() > SHOWN => {
            let beginning: String = text.chars().take(1024).collect();
            json!({ "beginning": beginning, "bytes": text.len(), "sha256": hex(&Sha256::digest(text.as_bytes())) })
        }
        Value::Array(items) => items.into_iter().map(shown).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, field)| (name, shown(field))).collect(),
        short => short,
    }
}

/// SHA-256 of tool and arguments, whatever the order of the arguments. `approval_id` and nulls don't count.
fn hash(tool: &str, request: &Value) -> String {
    let canonical = json!([tool, canonical(&without_approval(request))]);
    hex(&Sha256::digest(serde_json::to_vec(&canonical).unwrap_or_default()))
}

fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> = fields
                .iter()
                .filter(|(_, field)| !field.is_null())
                .map(|(name, field)| (name, canonical(field)))
                .collect();
            // As pairs: an object's own order is the map's that serde_json was built with.
            Value::Array(sorted.into_iter().map(|(name, field)| json!([name, field])).collect())
        }
        Value::Array(items) => json!({ "items": items.iter().map(canonical).collect::<Vec<_>>() }),
        other => other.clone(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_binds_tool_and_every_argument_and_nothing_else() {
        let base = json!({"command": "reboot", "cwd": "/"});
        let same = [
            json!({"cwd": "/", "command": "reboot"}),
            json!({"command": "reboot", "cwd": "/", "timeout": null}),
            json!({"command": "reboot", "cwd": "/", "approval_id": "apr_1"}),
        ];
        for request in same {
            assert_eq!(hash("shell_exec", &request), hash("shell_exec", &base), "{request}");
        }
        let other = [
            json!({"command": "reboot "}),
            json!({"command": "reboot", "cwd": "/tmp"}),
            json!({"command": "reboot", "cwd": "/", "timeout": 1}),
            json!({"command": ["reboot"], "cwd": "/"}),
        ];
        for request in other {
            assert_ne!(hash("shell_exec", &request), hash("shell_exec", &base), "{request}");
        }
        assert_ne!(hash("file_write", &base), hash("shell_exec", &base));
    }

    #[test]
    fn an_object_and_a_list_of_its_pairs_are_different_requests() {
        assert_ne!(hash("t", &json!({"a": {"b": 1}})), hash("t", &json!({"a": [["b", 1]]})));
    }

    #[test]
    fn a_question_asked_ahead_has_the_hash_of_the_call() {
        let ask = ApprovalAsk { command: "reboot".into(), ..Default::default() };
        let call = serde_json::to_value(ShellRequest {
            command: "reboot".into(),
            approval_id: Some("apr_1".into()),
            ..Default::default()
        })
        .unwrap();
        assert_eq!(Question::ahead(ask, "req").unwrap().hash, Question::new("shell_exec", &call, &[], "req").hash);
        let ask = ApprovalAsk { command: "x".into(), tool: Some("no_such".into()), ..Default::default() };
        assert_eq!(Question::ahead(ask, "req"), Err(ApprovalError::UnknownTool("no_such".into())));
        let arguments = Map::from_iter([("comand".to_owned(), json!("x"))]);
        let ask = ApprovalAsk { command: "x".into(), arguments: Some(arguments), ..Default::default() };
        assert!(matches!(Question::ahead(ask, "req"), Err(ApprovalError::BadArguments { .. })));
    }
}
