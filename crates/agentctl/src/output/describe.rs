//! Payloads of the ledger in one line.

use anstyle::Style;
use serde_json::{Map, Value};

use super::{BAD, CARE, GOOD, PLAIN, units};

/// Fields that stand elsewhere in a listing, or matter to programs only.
const ELSEWHERE: [&str; 7] = ["request_id", "daemon", "uid", "pid", "ok", "code", "duration_ms"];

/// What an event says: how it ended, then its fields.
pub(crate) fn payload(payload: &Value) -> String {
    let Value::Object(fields) = payload else { return json(payload) };
    let mut parts = Vec::new();
    match (fields.get("ok"), fields.get("code")) {
        (Some(Value::Bool(true)), _) => parts.push("ok".to_owned()),
        (_, Some(Value::String(code))) => parts.push(format!("failed: {code}")),
        (Some(Value::Bool(false)), _) => parts.push("failed".to_owned()),
        _ => {}
    }
    if let Some(took) = fields.get("duration_ms").and_then(Value::as_u64) {
        parts.push(format!("in {}", units::took(took)));
    }
    for (name, value) in fields.iter().filter(|(name, _)| !ELSEWHERE.contains(&name.as_str())) {
        match (name.as_str(), value) {
            // What was asked and what came of it are the event itself; their names would only repeat its type.
            ("request" | "result", Value::Object(inner)) => parts.extend(pairs(inner)),
            _ => parts.extend(pair(name, value)),
        }
    }
    parts.join(" ")
}

/// `name=value` for every field that has a value.
pub(crate) fn pairs(fields: &Map<String, Value>) -> Vec<String> {
    fields.iter().filter_map(|(name, value)| pair(name, value)).collect()
}

fn pair(name: &str, value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '=', '\n']) => {
            Some(format!("{name}={text}"))
        }
        other => Some(format!("{name}={}", json(other))),
    }
}

fn json(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The colour of an event: what failed stands out.
pub(crate) fn event_style(kind: &str, payload: &Value) -> Style {
    match (payload.get("ok").and_then(Value::as_bool), kind.rsplit('.').next()) {
        (Some(false), _) => BAD,
        (Some(true), _) => GOOD,
        (None, Some("intent")) => CARE,
        _ => PLAIN,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_payload_reads_as_one_line() {
        let table = [
            (
                json!({"request_id": "req_1", "daemon": "agentd", "uid": 0, "request": {"command": "ls -l", "cwd": null, "timeout": 5}}),
                r#"command="ls -l" timeout=5"#,
            ),
            (json!({"ok": true, "duration_ms": 12, "result": {"exit_code": 0}}), "ok in 12 ms exit_code=0"),
            (
                json!({"ok": false, "code": "approval_required", "approval_id": "apr_1"}),
                "failed: approval_required approval_id=apr_1",
            ),
            (json!({"path": "/a", "content": {"bytes": 5}}), r#"content={"bytes":5} path=/a"#),
            (json!({"text": ""}), r#"text="""#),
            (json!("plain"), r#""plain""#),
        ];
        for (value, text) in table {
            assert_eq!(payload(&value), text);
        }
    }
}
