//! The id that follows one act from the edge through every daemon into every ledger event and log line.

use std::{
    fmt,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// The header it travels in.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

/// The same, read once.
pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static(REQUEST_ID_HEADER);

const PREFIX: &[u8; 4] = b"req_";
const LENGTH: usize = PREFIX.len() + ulid::ULID_LEN;

/// `req_` and a ULID: sorts by time of birth.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestId([u8; LENGTH]);

impl RequestId {
    /// A new id.
    pub fn generate() -> Self {
        let mut text = [0; LENGTH];
        let (prefix, ulid) = text.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX);
        if let Ok(ulid) = ulid.try_into() {
            fresh_ulid().array_to_str(ulid);
        }
        Self(text)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever put in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(crate) fn from_bytes(text: &[u8]) -> Result<Self, BadRequestId> {
        let text: [u8; LENGTH] = text.try_into().map_err(|_| BadRequestId)?;
        let ulid = text.strip_prefix(PREFIX).ok_or(BadRequestId)?;
        let well_formed = ulid.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        if well_formed { Ok(Self(text)) } else { Err(BadRequestId) }
    }
}

/// From the kernel's random bytes: a generator of the process's own would ask the processor what it can do at its first use,
/// which a command that makes one call notices on a virtual machine.
fn fresh_ulid() -> Ulid {
    let mut random = [0; 16];
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| u64::try_from(since.as_millis()));
    match (getrandom::fill(&mut random), now) {
        (Ok(()), Ok(Ok(now))) => Ulid::from_parts(now, u128::from_le_bytes(random)),
        _ => Ulid::generate(),
    }
}

impl From<&RequestId> for HeaderValue {
    fn from(id: &RequestId) -> Self {
        // Every ASCII letter, digit and `_` may stand in a header.
        Self::from_bytes(&id.0).unwrap_or(Self::from_static(""))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestId").field(&self.as_str()).finish()
    }
}

/// The text is not `req_` and a ULID.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a request id is req_ and a ULID of 26 characters")]
pub struct BadRequestId;

impl FromStr for RequestId {
    type Err = BadRequestId;

    fn from_str(text: &str) -> Result<Self, BadRequestId> {
        Self::from_bytes(text.as_bytes())
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
        id.as_str().to_owned()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
