//! The id that follows one act from the edge through every daemon into every ledger event and log line.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The header it travels in.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

/// `req_` and a ULID: sorts by time of birth.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestId(Box<str>);

impl RequestId {
    /// A new id.
    pub fn generate() -> Self {
        Self(format!("req_{}", ulid::Ulid::generate()).into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not `req_` and a ULID.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a request id is req_ and a ULID of 26 characters")]
pub struct BadRequestId;

impl FromStr for RequestId {
    type Err = BadRequestId;

    fn from_str(text: &str) -> Result<Self, BadRequestId> {
        let ulid = text.strip_prefix("req_").ok_or(BadRequestId)?;
        let well_formed = ulid.len() == 26 && ulid.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        if well_formed { Ok(Self(text.into())) } else { Err(BadRequestId) }
    }
}

impl TryFrom<String> for RequestId {
    type Error = BadRequestId;

    fn try_from(text: String) -> Result<Self, BadRequestId> {
        text.parse()
    }
}

impl From<RequestId> for String {
    fn from(id: RequestId) -> Self {
        id.0.into()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_reads_back_and_foreign_text_does_not() {
        let id = RequestId::generate();
        assert_eq!(id.as_str().parse::<RequestId>().unwrap(), id);
        for text in [
            "",
            "req_",
            "req_0",
            "01KXYZ",
            "req_01kxyz01kxyz01kxyz01kxyz01",
            "req_01KX|Z01KXYZ01KXYZ01KXYZ0",
            "REQ_01KXYZ01KXYZ01KXYZ01KXYZ01",
        ] {
            assert_eq!(text.parse::<RequestId>(), Err(BadRequestId), "{text}");
        }
    }
}
