//! The name of one token.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

const PREFIX: &str = "cap_";

/// `cap_` and a ULID: sorts by time of birth, and is no secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenId(Box<str>);

/// The text is not `cap_` and a ULID.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token's id is cap_ and a ULID of 26 characters")]
pub struct BadTokenId;

impl TokenId {
    /// A new id.
    pub fn generate() -> Self {
        Self(format!("{PREFIX}{}", ulid::Ulid::generate()).into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TokenId {
    type Err = BadTokenId;

    fn from_str(text: &str) -> Result<Self, BadTokenId> {
        let ulid = text.strip_prefix(PREFIX).ok_or(BadTokenId)?;
        let well_formed =
            ulid.len() == ulid::ULID_LEN && ulid.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        if well_formed { Ok(Self(text.into())) } else { Err(BadTokenId) }
    }
}

impl TryFrom<String> for TokenId {
    type Error = BadTokenId;

    fn try_from(text: String) -> Result<Self, BadTokenId> {
        text.parse()
    }
}

impl From<TokenId> for String {
    fn from(id: TokenId) -> Self {
        id.0.into()
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_reads_back_and_foreign_text_does_not() {
        let id = TokenId::generate();
        assert_eq!(id.as_str().parse::<TokenId>().unwrap(), id);
        for text in [
            "",
            "cap_",
            "cap_01kxyz01kxyz01kxyz01kxyz01",
            "apr_01KXYZ01KXYZ01KXYZ01KXYZ01",
            "cap_01KX Z01KXYZ01KXYZ01KXYZ0",
        ] {
            assert_eq!(text.parse::<TokenId>(), Err(BadTokenId), "{text}");
        }
    }
}
