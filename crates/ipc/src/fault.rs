//! The one envelope of every failure: `{"code","message","detail"?,"request_id","retryable","error"}`.

use std::{borrow::Cow, fmt};

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::request_id::RequestId;

/// A failure as its caller sees it, with what only the log may see.
///
/// `code` is stable snake_case, for programs; `message` is for people and says what to do next. Each domain error is an
/// enum whose exhaustive `match` in `From<…> for Fault` chooses status and code.
#[derive(Clone, Debug)]
pub struct Fault(Box<Parts>);

/// Boxed, so that the success of a call does not carry the size of its failure.
#[derive(Clone, Debug)]
struct Parts {
    status: StatusCode,
    code: Cow<'static, str>,
    message: String,
    detail: Option<Value>,
    retryable: bool,
    private: Option<String>,
    request_id: Option<RequestId>,
}

/// The fault on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Envelope {
    /// Stable snake_case.
    pub code: String,
    /// For people; says what to do next.
    pub message: String,
    /// More for programs, where there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
    /// The id to look for in the ledger and in the logs.
    #[serde(default)]
    pub request_id: String,
    /// Whether the same call may succeed later.
    #[serde(default)]
    pub retryable: bool,
    /// The code once more, for old clients.
    #[serde(default)]
    pub error: String,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident = $status:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(code: &'static str, message: impl Into<String>) -> Self {
            Self::new(StatusCode::$status, code, message)
        }
    )*};
}

impl Fault {
    /// A fault with its HTTP status. Server-side trouble (503, 504, 429) is marked retryable.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let retryable = matches!(
            status,
            StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
                | StatusCode::TOO_MANY_REQUESTS
                | StatusCode::REQUEST_TIMEOUT
        );
        Self(Box::new(Parts {
            status,
            code: code.into(),
            message: message.into(),
            detail: None,
            retryable,
            private: None,
            request_id: None,
        }))
    }

    constructors! {
        /// 400: the call itself is wrong.
        bad_request = BAD_REQUEST;
        /// 403: understood and refused.
        forbidden = FORBIDDEN;
        /// 404: no such thing.
        not_found = NOT_FOUND;
        /// 409: not in this state.
        conflict = CONFLICT;
        /// 413: more than the endpoint takes.
        too_large = PAYLOAD_TOO_LARGE;
        /// 429: too often.
        too_many = TOO_MANY_REQUESTS;
        /// 503: not now.
        unavailable = SERVICE_UNAVAILABLE;
        /// 504: took too long.
        timeout = GATEWAY_TIMEOUT;
        /// 500 with a code of its own.
        failed = INTERNAL_SERVER_ERROR;
    }

    /// 500 `internal`: the caller sees the request id, the log sees `error` with its sources.
    pub fn internal(error: impl std::error::Error) -> Self {
        Self::internal_text(chain(&error))
    }

    /// As [`Fault::internal`], where there is only text.
    pub fn internal_text(private: impl Into<String>) -> Self {
        let mut fault =
            Self::failed("internal", "something failed inside the daemon; its log has the cause under this request id");
        fault.0.private = Some(private.into());
        fault
    }

    /// More for programs.
    #[must_use]
    pub fn with_detail(mut self, detail: Value) -> Self {
        self.0.detail = Some(detail);
        self
    }

    /// What only the log may see.
    #[must_use]
    pub fn with_private(mut self, private: impl Into<String>) -> Self {
        self.0.private = Some(private.into());
        self
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// The act it belongs to; one that is already there stays.
    #[must_use]
    pub fn with_request_id(mut self, id: &RequestId) -> Self {
        self.0.request_id.get_or_insert_with(|| id.clone());
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The text for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// More for programs.
    pub fn detail(&self) -> Option<&Value> {
        self.0.detail.as_ref()
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// What only the log may see.
    pub fn private(&self) -> Option<&str> {
        self.0.private.as_deref()
    }

    /// The act it belongs to.
    pub fn request_id(&self) -> Option<&RequestId> {
        self.0.request_id.as_ref()
    }

    /// The fault on the wire, without what only the log may see.
    pub fn envelope(&self) -> Envelope {
        Envelope {
            code: self.0.code.to_string(),
            message: self.0.message.clone(),
            detail: self.0.detail.clone(),
            request_id: self.0.request_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            retryable: self.0.retryable,
            error: self.0.code.to_string(),
        }
    }

    /// The fault that an answer carried.
    pub fn from_envelope(status: StatusCode, envelope: Envelope) -> Self {
        Self(Box::new(Parts {
            status,
            code: envelope.code.into(),
            message: envelope.message,
            detail: envelope.detail,
            retryable: envelope.retryable,
            private: None,
            request_id: envelope.request_id.parse().ok(),
        }))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)
    }
}

impl std::error::Error for Fault {}

/// An error's text with the texts of its sources.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_repeats_the_code_and_keeps_private_detail_out() {
        let id = RequestId::generate();
        let fault = Fault::internal_text("password was hunter2").with_request_id(&id);
        let text = serde_json::to_string(&fault.envelope()).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        let back = fault.envelope();
        assert_eq!(
            (back.code.as_str(), back.error.as_str(), back.request_id.as_str()),
            ("internal", "internal", id.as_str())
        );
        assert_eq!(fault.private(), Some("password was hunter2"));
    }

    #[test]
    fn a_fault_survives_the_wire() {
        let fault = Fault::unavailable("ledger_unavailable", "the ledger can't be written")
            .with_detail(serde_json::json!({"n": 1}));
        let back = Fault::from_envelope(fault.status(), fault.envelope());
        assert_eq!(back.envelope(), fault.envelope());
        assert!(back.is_retryable());
    }
}
