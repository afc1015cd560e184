//! Calls that must not be lost or done twice: idempotency keys, receipts, and answers that come later.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{call::Call, endpoint::EndpointInfo, fault::Fault};

/// The header that makes a call one that is done once.
pub const IDEMPOTENCY_KEY_HEADER: &str = "idempotency-key";
/// The header that says that an answer is a repetition of an earlier one.
pub const REPLAYED_HEADER: &str = "idempotent-replayed";
/// The header by which a caller asks for a receipt in place of a long wait (RFC 7240).
pub const PREFER_HEADER: &str = "prefer";

/// 16 to 128 of `A-Z a-z 0-9 _ -`, made up by the caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of a request; 400 `invalid_idempotency_key` where it has another form.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, Fault> {
        let mut given = headers.get_all(IDEMPOTENCY_KEY_HEADER).iter();
        let Some(value) = given.next() else { return Ok(None) };
        let text = value.to_str().ok().filter(|text| {
            (16..=128).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        });
        match (text, given.next()) {
            (Some(text), None) => Ok(Some(Self(text.into()))),
            _ => Err(Fault::bad_request(
                "invalid_idempotency_key",
                "an Idempotency-Key is one of 16 to 128 letters, digits, _ and -; a random UUID will do",
            )),
        }
    }
}

/// How long a caller that prefers a receipt waits for the answer itself; `None` where it does not.
pub(crate) fn respond_async(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(PREFER_HEADER).iter().filter_map(|value| value.to_str().ok());
    let preferences: Vec<String> =
        values.flat_map(|value| value.split([',', ';'])).map(|one| one.trim().to_ascii_lowercase()).collect();
    if !preferences.iter().any(|one| one == "respond-async") {
        return None;
    }
    let wait = preferences.iter().find_map(|one| one.strip_prefix("wait=")?.parse::<u64>().ok());
    Some(Duration::from_secs(wait.unwrap_or(0).min(60)))
}

/// A call that comes to the desk.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Whose endpoint it is.
    pub endpoint: &'a EndpointInfo,
    /// The caller's key, where it gave one.
    pub key: Option<&'a IdempotencyKey>,
    /// Path and query string, as they were sent.
    pub target: &'a str,
    /// The body, as it was sent.
    pub body: &'a [u8],
}

/// A call that the desk keeps a receipt of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub i64);

/// What the desk says to a call.
#[derive(Debug)]
pub enum Opened {
    /// It is new: do it, and close the ticket.
    New(Ticket),
    /// It was done before: this is its answer.
    Done(KeptAnswer),
    /// It is being done: this is the receipt.
    Running(Ticket),
}

/// An answer that is given again.
#[derive(Clone, Debug)]
pub struct KeptAnswer {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: Bytes,
}

/// How far an act has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// How much is done, in the act's own unit.
    pub done: u64,
    /// How much there is to do, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// What is being done, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Where receipts are kept. Its state outlives the daemon.
pub trait Desk: Send + Sync + 'static {
    /// Takes a call in, before anything of it is done; the ticket is on disk when this answers. 409
    /// `idempotency_key_reused` where the key was used for another request, 409 `outcome_unknown` where the daemon's end
    /// cut the first one off.
    fn open<'a>(&'a self, call: &'a Call, asked: Asked<'a>) -> BoxFuture<'a, Result<Opened, Fault>>;

    /// The call ended; `None` where it was refused before anything was done, which leaves the key free.
    fn close(&self, ticket: Ticket, answer: Option<KeptAnswer>) -> BoxFuture<'_, ()>;

    /// The call has come so far.
    fn progress(&self, ticket: Ticket, progress: Progress);

    /// The receipt as JSON, and the id of its act.
    fn receipt(&self, ticket: Ticket) -> BoxFuture<'_, Result<(String, Value), Fault>>;
}

/// What a call carries for the desk.
#[derive(Clone, Default)]
pub(crate) struct Track {
    /// Cancelled once something of the act may have been done; there where somebody holds a receipt.
    pub(crate) began: Option<CancellationToken>,
    pub(crate) ticket: Option<(Arc<dyn Desk>, Ticket)>,
}

impl Track {
    /// From here on something of the act may have been done.
    pub(crate) fn begins(&self) {
        if let Some(began) = &self.began {
            began.cancel();
        }
    }
}

impl fmt::Debug for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Track").field(&self.ticket.as_ref().map(|(_, ticket)| ticket)).finish()
    }
}

impl Call {
    /// Tells whoever holds this call's receipt how far it has come; nothing where nobody does.
    pub fn progress(&self, progress: Progress) {
        if let Some((desk, ticket)) = &self.track.ticket {
            desk.progress(*ticket, progress);
        }
    }

    /// Whether somebody holds a receipt of this call.
    pub fn is_tracked(&self) -> bool {
        self.track.ticket.is_some()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let name = http::HeaderName::from_static(name);
        values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn a_key_has_one_form() {
        let long = "x".repeat(128);
        for text in ["0123456789abcdef", "AZ_-az09AZ_-az09", &long] {
            let key = IdempotencyKey::of(&headers(IDEMPOTENCY_KEY_HEADER, &[text])).unwrap().unwrap();
            assert_eq!(key.as_str(), text);
        }
        assert_eq!(IdempotencyKey::of(&HeaderMap::new()).unwrap(), None);
        let longer = "x".repeat(129);
        for text in ["", "0123456789abcde", &longer, "0123456789abcdef!", "0123456789 abcdef", "\"0123456789abcdef\""] {
            let fault = IdempotencyKey::of(&headers(IDEMPOTENCY_KEY_HEADER, &[text])).unwrap_err();
            assert_eq!(fault.code(), "invalid_idempotency_key", "{text}");
        }
        let twice = headers(IDEMPOTENCY_KEY_HEADER, &["0123456789abcdef", "0123456789abcdef"]);
        assert!(IdempotencyKey::of(&twice).is_err());
    }

    #[test]
    fn a_preference_is_found_among_others() {
        for (values, expected) in [
            (vec![], None),
            (vec!["return=minimal"], None),
            (vec!["respond-async"], Some(0)),
            (vec!["Respond-Async, wait=10"], Some(10)),
            (vec!["return=minimal; respond-async", "wait=5"], Some(5)),
            (vec!["respond-async, wait=100000"], Some(60)),
            (vec!["wait=5"], None),
            (vec!["not-respond-async"], None),
        ] {
            let found = respond_async(&headers(PREFER_HEADER, &values));
            assert_eq!(found.map(|wait| wait.as_secs()), expected, "{values:?}");
        }
    }
}
