//! One entry as journalctl writes it: a JSON object a line (systemd's "Journal JSON Format").

use jiff::Timestamp;
use osmoda_api::agentd::JournalEntry;
use serde_json::{Map, Value};

use crate::system::text;

/// The most of a message that is told, in bytes.
const LONGEST_MESSAGE: usize = 16 << 10;
/// The most of any other field.
const LONGEST_FIELD: usize = 256;

/// By their numbers (syslog(3)).
pub(super) const PRIORITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// The entry and its cursor; nothing for a line that is none.
pub(super) fn parse(line: &[u8]) -> Option<(JournalEntry, String)> {
    let fields: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let field = |name: &str| fields.get(name).and_then(|value| told(value, LONGEST_FIELD));
    let usec: i64 = field("__REALTIME_TIMESTAMP")?.parse().ok()?;
    let priority = field("PRIORITY").and_then(|number| number.parse().ok()).and_then(|at: usize| PRIORITIES.get(at));
    let entry = JournalEntry {
        ts: Timestamp::from_microsecond(usec).ok()?.to_string(),
        priority: priority.map(|&name| name.to_owned()),
        // systemd's own words about a unit stand under UNIT.
        unit: field("UNIT").or_else(|| field("_SYSTEMD_UNIT")),
        pid: field("_PID").and_then(|pid| pid.parse().ok()),
        identifier: field("SYSLOG_IDENTIFIER"),
        message: fields.get("MESSAGE").and_then(|value| told(value, LONGEST_MESSAGE)).unwrap_or_default(),
    };
    Some((entry, field("__CURSOR")?))
}

/// A field is a text, a list of bytes where it is not UTF-8, a list of values where it has several, or null where it
/// was too long for journalctl.
fn told(value: &Value, longest: usize) -> Option<String> {
    match value {
        Value::String(value) => Some(text::lossy(value.as_bytes(), longest)),
        Value::Array(items) if items.iter().all(Value::is_number) => {
            let bytes = items.iter().filter_map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok()));
            Some(text::lossy(&bytes.collect::<Vec<_>>(), longest))
        }
        Value::Array(values) => values.first().and_then(|first| told(first, longest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(extra: &Value) -> JournalEntry {
        let mut fields = json!({ "__CURSOR": "s=1", "__REALTIME_TIMESTAMP": "1767322245678901" });
        fields.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        parse(&serde_json::to_vec(&fields).unwrap()).unwrap().0
    }

    #[test]
    fn every_form_of_a_field_is_understood() {
        let table = [
            (json!({ "MESSAGE": "hello" }), "hello"),
            (json!({ "MESSAGE": [104, 105, 255] }), "hi\u{fffd}"),
            (json!({ "MESSAGE": ["first", "second"] }), "first"),
            (json!({ "MESSAGE": [[104, 105], "second"] }), "hi"),
            (json!({ "MESSAGE": null }), ""),
            (json!({}), ""),
            (json!({ "MESSAGE": [] }), ""),
        ];
        for (fields, message) in table {
            assert_eq!(parsed(&fields).message, message, "{fields}");
        }
        assert_eq!(parsed(&json!({ "MESSAGE": "x".repeat(1 << 20) })).message.len(), LONGEST_MESSAGE);
    }

    #[test]
    fn what_systemd_says_of_a_unit_is_the_units() {
        let entry =
            parsed(&json!({ "_SYSTEMD_UNIT": "init.scope", "UNIT": "a.service", "PRIORITY": "3", "_PID": "1" }));
        assert_eq!(
            (entry.unit.as_deref(), entry.priority.as_deref(), entry.pid),
            (Some("a.service"), Some("err"), Some(1))
        );
        assert_eq!(entry.ts, "2026-01-02T02:50:45.678901Z");
        assert_eq!(parsed(&json!({ "PRIORITY": "9" })).priority, None);
    }

    #[test]
    fn a_line_that_is_no_entry_is_none() {
        for line in ["", "-- No entries --", "[]", "{}", r#"{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"soon"}"#] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }
}
