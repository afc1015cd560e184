//! Payloads of the ledger in one line.

use anstyle::Style;
use serde_json::Value;

use super::{BAD, CARE, GOOD, PLAIN, units};

/// Fields that stand elsewhere in a listing, or matter to programs only.
const ELSEWHERE: [&str; 7] = ["request_id", "daemon", "uid", "pid", "ok", "code", "duration_ms"];
/// How many digits of a hash are shown.
const HASH_SHOWN: usize = 12;

/// What an event says: how it ended, then its fields, each once.
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
    // What was asked and what came of it are the event itself; their names would only repeat its type.
    let inner = ["request", "result"].into_iter().filter_map(|name| fields.get(name)?.as_object());
    let mut said: Vec<&str> = ELSEWHERE.to_vec();
    for fields in inner.chain([fields]) {
        for (name, value) in fields {
            let is_inner = value.is_object() && matches!(name.as_str(), "request" | "result");
            if !is_inner && !said.contains(&name.as_str()) {
                said.push(name);
                parts.extend(pair(name, value));
            }
        }
    }
    parts.join(" ")
}

/// `name=value`, where there is a value.
fn pair(name: &str, value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if is_hash(text) => Some(format!("{name}={}…", &text[..HASH_SHOWN])),
        Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '=', '\n']) => {
            Some(format!("{name}={text}"))
        }
        other => Some(format!("{name}={}", json(other))),
    }
}

/// SHA-256 in hex. Its beginning is enough for people; programs get all of it.
fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
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
            (json!({"request_hash": "0123456789abcdef".repeat(4)}), "request_hash=0123456789ab…"),
            (
                json!({"approval_id": "apr_1", "request": {"approval_id": "apr_1"}, "result": {"duration_ms": 1}}),
                "approval_id=apr_1",
            ),
            (json!({"text": ""}), r#"text="""#),
            (json!("plain"), r#""plain""#),
        ];
        for (value, text) in table {
            assert_eq!(payload(&value), text);
        }
    }
}
