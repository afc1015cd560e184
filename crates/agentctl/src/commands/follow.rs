//! `agentctl events --follow`: every event as it happens, over agentd's stream, and over its ends.

use std::time::Duration;

use osmoda_api::agentd::Event;
use osmoda_ipc::{CallError, Client, RequestId};
use serde_json::Value;

use crate::{context::Context, failure::Failure};

/// How long is waited before agentd is asked again.
const PAUSE: Duration = Duration::from_millis(500);
/// A stream that says nothing for so long, not even that it lives, hangs.
const SILENCE: Duration = Duration::from_secs(45);

/// Shows every event after `last`, until `show` fails.
pub(super) async fn follow(
    context: &Context,
    client: &Client,
    kind: Option<&str>,
    mut last: i64,
    mut show: impl FnMut(&Event) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut away = false;
    loop {
        let target = target(kind, last);
        match client.stream(&target, &[]).await {
            Ok(mut chunks) => {
                away = false;
                let mut text = Frames::default();
                while let Ok(Some(Ok(bytes))) = tokio::time::timeout(SILENCE, chunks.next()).await {
                    for frame in text.take(&bytes) {
                        last = frame.id.unwrap_or(last);
                        if let Some(event) = frame.event(kind.is_some(), last) {
                            show(&event)?;
                        }
                    }
                }
            }
            // agentd comes back, and nothing of the ledger is missed.
            Err(CallError::Unreachable { .. } | CallError::Broken { .. } | CallError::Hangs { .. }) => {
                if !away {
                    context.output.remark("agentd is away; waiting for it");
                }
                away = true;
            }
            Err(CallError::Fault(fault)) if fault.is_retryable() => {}
            Err(error) => {
                return Err(Failure::of_call(error, &RequestId::generate(), &context.how_to_start()));
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The type goes as it is, but for what means something in an address.
fn target(kind: Option<&str>, last: i64) -> String {
    let mut target = format!("/events/stream?cursor={last}");
    if let Some(kind) = kind {
        target.push_str("&type=");
        for byte in kind.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'*' | b',' => {
                    target.push(char::from(byte));
                }
                other => target.push_str(&format!("%{other:02X}")),
            }
        }
    }
    target
}

/// One server-sent event.
#[derive(Debug, Default, PartialEq, Eq)]
struct Frame {
    id: Option<i64>,
    kind: String,
    data: String,
}

impl Frame {
    /// The ledger's event; and where a type was asked for, also what is not in the ledger as such.
    fn event(&self, all: bool, last: i64) -> Option<Event> {
        let data: Value = serde_json::from_str(&self.data).ok()?;
        if data.get("prev_hash").is_some() {
            return serde_json::from_value(data).ok();
        }
        let text = |name: &str| data.get(name).and_then(Value::as_str);
        let ts = ["at", "completed_at", "accepted_at"].into_iter().find_map(text).unwrap_or("-").to_owned();
        all.then(|| Event {
            id: self.id.unwrap_or(last),
            ts,
            kind: self.kind.clone(),
            actor: text("actor").unwrap_or("-").to_owned(),
            payload: data.clone(),
            prev_hash: String::new(),
            hash: String::new(),
        })
    }
}

/// Cuts a stream into its events.
#[derive(Debug, Default)]
struct Frames(Vec<u8>);

impl Frames {
    fn take(&mut self, bytes: &[u8]) -> Vec<Frame> {
        self.0.extend_from_slice(bytes);
        let mut frames = Vec::new();
        while let Some(at) = self.0.windows(2).position(|pair| pair == b"\n\n") {
            let rest = self.0.split_off(at + 2);
            let text = std::mem::replace(&mut self.0, rest);
            let mut frame = Frame::default();
            for line in String::from_utf8_lossy(&text).lines() {
                match line.split_once(": ") {
                    Some(("id", id)) => frame.id = id.parse().ok(),
                    Some(("event", kind)) => kind.clone_into(&mut frame.kind),
                    Some(("data", data)) => frame.data.push_str(data),
                    _ => {}
                }
            }
            if !frame.data.is_empty() {
                frames.push(frame);
            }
        }
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_however_the_stream_is_cut() {
        let stream = b"retry: 1000\n: hello\n\nevent: a.b\ndata: {\"at\":\"t\"}\n\nid: 7\nevent: c\ndata: {}\n\n: keep-alive\n\n";
        for size in [1, 2, 3, 7, stream.len()] {
            let mut frames = Frames::default();
            let found: Vec<Frame> = stream.chunks(size).flat_map(|part| frames.take(part)).collect();
            assert_eq!(found.len(), 2, "{size}");
            assert_eq!((found[0].id, found[0].kind.as_str(), found[1].id), (None, "a.b", Some(7)));
            assert_eq!(found[0].event(true, 6).unwrap().ts, "t");
            assert_eq!(found[0].event(false, 6), None, "what is derived is shown only to who asks for it");
        }
    }

    #[test]
    fn a_type_can_not_break_out_of_its_field() {
        assert_eq!(target(Some("a.b*,c"), 3), "/events/stream?cursor=3&type=a.b*,c");
        assert_eq!(target(Some("a&cursor=0 #"), 3), "/events/stream?cursor=3&type=a%26cursor%3D0%20%23");
        assert_eq!(target(None, 0), "/events/stream?cursor=0");
    }
}
