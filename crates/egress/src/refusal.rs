//! Why the proxy does not do what it was asked, in one place: status, code and words.

use http::StatusCode;
use osmoda_capability::BadHost;

use crate::addresses::{Forbidden, Kind};

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request can't be read with certainty.
    #[error("the request is not one that a proxy can forward: {0}")]
    BadRequest(&'static str),
    /// Its head has too many bytes.
    #[error("the request's head is larger than 16 KiB")]
    HeadTooLarge,
    /// Its head took too long.
    #[error("the request's head did not arrive in time")]
    HeadTooSlow,
    /// The host is none.
    #[error("{0}")]
    BadHost(#[from] BadHost),
    /// No token, and no default list has the host.
    #[error(
        "this host needs a capability token: give it as the password of the proxy's address, http://x:TOKEN@127.0.0.1:19999"
    )]
    NoToken,
    /// The token permits nothing.
    #[error("{why}")]
    Token {
        /// Its stable code.
        code: &'static str,
        /// Why.
        why: String,
    },
    /// agentd has not said yet by which key tokens are checked.
    #[error("agentd has not yet said how tokens are checked; see agentctl status")]
    KeyUnknown,
    /// The token does not permit this host.
    #[error("{host}:{port} is not among the hosts that this token permits, nor on the default list")]
    HostNotAllowed {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// The name leads inside.
    #[error("{host} leads to an address that is not reached from here ({})", kind_of(.why))]
    AddressRefused {
        /// The host.
        host: String,
        /// Why.
        why: Forbidden,
    },
    /// The name has no address.
    #[error("the name {0} has no address")]
    Unresolved(String),
    /// The names' servers don't answer.
    #[error("the address of {0} could not be found out in time")]
    ResolveTimeout(String),
    /// Nobody is there.
    #[error("{0} does not accept the connection")]
    Unreachable(String),
    /// It takes too long.
    #[error("{0} did not accept the connection in time")]
    ConnectTimeout(String),
    /// Too many at a time, of this token.
    #[error("too many connections are open with this token; close some")]
    TooMany,
    /// Too many at a time, of all.
    #[error("too many connections are open; try again in a moment")]
    Busy,
    /// Its bytes are used up.
    #[error("the bytes that this token permits are used up")]
    BytesSpent,
    /// What would be done could not be recorded.
    #[error("what is done could not be recorded now, and nothing is done without a record; see agentctl status")]
    Unrecorded,
    /// What the other side answered is no HTTP.
    #[error("{0} did not answer as a web server does")]
    BadAnswer(String),
}

fn kind_of(why: &Forbidden) -> &'static str {
    match why {
        Forbidden::Special(kind) => kind.as_str(),
        Forbidden::Own => "this_machine",
    }
}

impl Refusal {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::HeadTooLarge => "head_too_large",
            Self::HeadTooSlow => "head_too_slow",
            Self::BadHost(_) => "bad_host",
            Self::NoToken => "token_missing",
            Self::Token { code, .. } => code,
            Self::KeyUnknown => "capabilities_unknown",
            Self::HostNotAllowed { .. } => "host_not_allowed",
            Self::AddressRefused { why: Forbidden::Special(Kind::Metadata), .. } => "metadata_refused",
            Self::AddressRefused { .. } => "address_refused",
            Self::Unresolved(_) => "name_unresolved",
            Self::ResolveTimeout(_) => "name_timeout",
            Self::Unreachable(_) => "unreachable",
            Self::ConnectTimeout(_) => "connect_timeout",
            Self::TooMany => "too_many_connections",
            Self::Busy => "busy",
            Self::BytesSpent => "bytes_spent",
            Self::Unrecorded => "ledger_unavailable",
            Self::BadAnswer(_) => "bad_answer",
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::BadHost(_) => StatusCode::BAD_REQUEST,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::HeadTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::NoToken | Self::Token { .. } => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            Self::HostNotAllowed { .. } | Self::AddressRefused { .. } | Self::BytesSpent => StatusCode::FORBIDDEN,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::KeyUnknown | Self::Busy | Self::Unrecorded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unresolved(_) | Self::Unreachable(_) | Self::BadAnswer(_) => StatusCode::BAD_GATEWAY,
            Self::ResolveTimeout(_) | Self::ConnectTimeout(_) => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The body: osmoda's fault.
    pub fn body(&self) -> Vec<u8> {
        let body = serde_json::json!({ "code": self.code(), "message": self.to_string(), "error": self.code() });
        body.to_string().into_bytes()
    }

    /// The whole answer, after which the connection ends.
    pub fn answer(&self) -> Vec<u8> {
        let (status, body) = (self.status(), self.body());
        let reason = status.canonical_reason().unwrap_or_default();
        let ask = match self {
            Self::NoToken | Self::Token { .. } => "Proxy-Authenticate: Basic realm=\"osmoda\", charset=\"UTF-8\"\r\n",
            _ => "",
        };
        let mut answer = format!(
            "HTTP/1.1 {} {reason}\r\n{ask}X-Osmoda-Code: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            status.as_u16(),
            self.code(),
            body.len(),
        )
        .into_bytes();
        answer.extend_from_slice(&body);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_asks_for_a_token_only_where_one_would_help() {
        let answer = |refusal: Refusal| String::from_utf8(refusal.answer()).unwrap();
        let missing = answer(Refusal::NoToken);
        assert!(
            missing.starts_with("HTTP/1.1 407 ") && missing.contains("\r\nProxy-Authenticate: Basic "),
            "{missing}"
        );
        let denied = answer(Refusal::HostNotAllowed { host: "a.org".into(), port: 443 });
        assert!(denied.starts_with("HTTP/1.1 403 ") && !denied.contains("Authenticate"), "{denied}");
        assert!(denied.contains("\r\nX-Osmoda-Code: host_not_allowed\r\n") && denied.contains("a.org:443"), "{denied}");
    }
}
