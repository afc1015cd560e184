//! Events as server-sent events: the ledger's own, and those of control planes that are read out of them.
//!
//! A frame's id is the ledger's. Of the frames of one event only the last that is sent carries it, so that whoever is
//! cut off between two of them gets both again.

use std::{collections::HashSet, fmt::Write, sync::LazyLock};

use bytes::Bytes;
use osmoda_api::agentd::Event;
use osmoda_ipc::Effect;
use osmoda_ledger::Committed;
use serde_json::{Value, json};

use super::Kinds;
use crate::requests::failure;

/// One server-sent event without its id.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: String,
    /// `event:` and `data:` lines.
    pub(crate) text: Bytes,
}

impl Frame {
    pub(crate) fn new(kind: impl Into<String>, data: &Value) -> Self {
        Self::with_text(kind.into(), &data.to_string())
    }

    /// JSON has no line feeds of its own: one data line is enough.
    fn with_text(kind: String, data: &str) -> Self {
        let text = format!("event: {kind}\ndata: {data}\n").into();
        Self { kind, text }
    }
}

/// The frames of one event, and its place in the ledger; live ones have none.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) id: Option<i64>,
    pub(crate) frames: Vec<Frame>,
}

impl Moment {
    /// Appends the wanted frames.
    pub(crate) fn write(&self, kinds: &Kinds, to: &mut Vec<u8>) {
        let mut wanted = self.frames.iter().filter(|frame| kinds.want(&frame.kind)).peekable();
        while let Some(frame) = wanted.next() {
            if let (Some(id), None) = (self.id, wanted.peek()) {
                to.extend_from_slice(format!("id: {id}\n").as_bytes());
            }
            to.extend_from_slice(&frame.text);
            to.push(b'\n');
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.frames.iter().map(|frame| frame.text.len() + 64).sum()
    }
}

impl From<&Committed> for Moment {
    fn from(event: &Committed) -> Self {
        let mut data = String::with_capacity(event.payload.len() + 320);
        let (kind, actor) = (json!(event.kind), json!(event.actor));
        // The payload is JSON already; parsing and writing every one again would cost more than all the rest.
        let _ = write!(
            data,
            r#"{{"id":{},"ts":"{}","type":{kind},"actor":{actor},"payload":{},"prev_hash":"{}","hash":"{}"}}"#,
            event.id,
            event.ts,
            event.payload,
            event.prev.as_str(),
            event.hash.as_str()
        );
        let mut frames = if derives(&event.kind) {
            let payload = serde_json::from_str(&event.payload).unwrap_or(Value::Null);
            derived(event.id, &event.ts, &event.kind, &event.actor, &payload)
        } else {
            Vec::new()
        };
        frames.push(Frame::with_text(event.kind.clone(), &data));
        Self { id: Some(event.id), frames }
    }
}

impl From<&Event> for Moment {
    fn from(event: &Event) -> Self {
        let mut frames = derived(event.id, &event.ts, &event.kind, &event.actor, &event.payload);
        frames.push(Frame::new(event.kind.clone(), &serde_json::to_value(event).unwrap_or_default()));
        Self { id: Some(event.id), frames }
    }
}

fn derives(kind: &str) -> bool {
    kind.ends_with(".intent") || kind.ends_with(".outcome") || kind == "approval.requested"
}

/// Acts that change nothing.
static READS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let endpoints = osmoda_api::daemons().into_iter().flat_map(|daemon| daemon.endpoints);
    endpoints.filter(|endpoint| endpoint.effect == Effect::Read).map(|endpoint| endpoint.name).collect()
});

/// What control planes call what this event says.
fn derived(id: i64, ts: &str, kind: &str, actor: &str, payload: &Value) -> Vec<Frame> {
    let request = &payload["request_id"];
    let changed = |action: &str| {
        let resource = action.split('_').next().unwrap_or(action);
        Frame::new(
            "state.changed",
            &json!({ "resource": resource, "action": action, "request_id": request, "event_id": id, "at": ts }),
        )
    };
    if kind == "approval.requested" {
        return vec![changed("approval_request")];
    }
    let base = |action: &str, status: &str| json!({ "request_id": request, "action": action, "actor": actor, "status": status, "event_id": id });
    if let Some(action) = kind.strip_suffix(".intent") {
        let mut accepted = base(action, "accepted");
        accepted["accepted_at"] = json!(ts);
        let mut frames = vec![Frame::new("request.accepted", &accepted)];
        if let Some(old) = payload["supersedes"].as_str() {
            let superseded = json!({ "request_id": old, "action": action, "status": "superseded", "superseded_by": request, "event_id": id, "at": ts });
            frames.push(Frame::new("request.superseded", &superseded));
        }
        return frames;
    }
    let Some(action) = kind.strip_suffix(".outcome") else { return Vec::new() };
    let is_ok = payload["ok"] == Value::Bool(true);
    let mut ended = base(action, if is_ok { "completed" } else { "failed" });
    ended["completed_at"] = json!(ts);
    ended["duration_ms"] = payload["duration_ms"].clone();
    if !is_ok {
        let code = payload["code"].as_str().unwrap_or("failed");
        ended["failure"] = json!(failure(code, None, request.as_str().unwrap_or_default()));
        return vec![Frame::new("request.failed", &ended)];
    }
    ended["result"] = payload["result"].clone();
    let mut frames = vec![Frame::new("request.completed", &ended)];
    if !READS.contains(action) {
        frames.push(changed(action));
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(kind: &str, payload: Value) -> Moment {
        Moment::from(&Event {
            id: 7,
            ts: "2026-01-02T03:04:05.678Z".into(),
            kind: kind.into(),
            actor: "agent:x".into(),
            payload,
            prev_hash: "p".into(),
            hash: "h".into(),
        })
    }

    fn kinds(moment: &Moment) -> Vec<&str> {
        moment.frames.iter().map(|frame| frame.kind.as_str()).collect()
    }

    #[test]
    fn acts_are_told_in_the_words_of_control_planes_too() {
        let table = [
            ("shell_exec.intent", json!({"request_id": "r"}), vec!["request.accepted", "shell_exec.intent"]),
            (
                "shell_exec.intent",
                json!({"request_id": "r", "supersedes": "q"}),
                vec!["request.accepted", "request.superseded", "shell_exec.intent"],
            ),
            (
                "shell_exec.outcome",
                json!({"request_id": "r", "ok": true}),
                vec!["request.completed", "state.changed", "shell_exec.outcome"],
            ),
            (
                "shell_exec.outcome",
                json!({"ok": false, "code": "timeout"}),
                vec!["request.failed", "shell_exec.outcome"],
            ),
            ("file_read.outcome", json!({"ok": true}), vec!["request.completed", "file_read.outcome"]),
            ("approval.requested", json!({}), vec!["state.changed", "approval.requested"]),
            ("daemon.started", json!("text"), vec!["daemon.started"]),
        ];
        for (kind, payload, expected) in table {
            assert_eq!(kinds(&moment(kind, payload)), expected, "{kind}");
        }
    }

    #[test]
    fn the_last_wanted_frame_of_an_event_carries_its_id() {
        let moment = moment("shell_exec.outcome", json!({"request_id": "r", "ok": true}));
        for (filter, first, last) in [
            (None, "event: request.completed\n", "id: 7\nevent: shell_exec.outcome\n"),
            (Some("request."), "id: 7\nevent: request.completed\n", "id: 7\nevent: request.completed\n"),
        ] {
            let mut text = Vec::new();
            moment.write(&Kinds::parse(filter).unwrap(), &mut text);
            let text = String::from_utf8(text).unwrap();
            assert!(text.starts_with(first), "{text}");
            assert!(text.contains(last) && text.ends_with("}\n\n"), "{text}");
            assert_eq!(text.matches("id: ").count(), 1, "{text}");
        }
        let mut text = Vec::new();
        moment.write(&Kinds::parse(Some("other.")).unwrap(), &mut text);
        assert!(text.is_empty());
    }
}
