//! Why a token can't be given, read or taken back.

use std::{io, path::PathBuf};

use osmoda_capability::{BadPermission, NotGranted, Refused, TooLong};
use osmoda_ipc::{Fault, chain};

/// A token can't be given, read or taken back.
#[derive(Debug, thiserror::Error)]
pub enum CapabilityError {
    /// A permission.
    #[error(transparent)]
    Permission(#[from] BadPermission),
    /// What was asked for as a whole.
    #[error(transparent)]
    NotGranted(#[from] NotGranted),
    /// Its text would be too long.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The token that was shown.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There is no such token.
    #[error("there is no token {0}; capability_list shows those that there are")]
    Unknown(String),
    /// It is somebody else's.
    #[error("the token {0} was made for somebody else; ask for: agentctl capability revoke {0}")]
    NotYours(String),
    /// There are too many.
    #[error("{0} tokens hold at this moment, the most that may; revoke some, or wait until they expire")]
    TooMany(u32),
    /// The list.
    #[error("the list of capability tokens can't be used")]
    Database(#[from] rusqlite::Error),
    /// The key.
    #[error("the key of capability tokens {} can't be used: {why}", .path.display())]
    Key {
        /// Its file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The feed.
    #[error("the feed of capabilities {} can't be written", .path.display())]
    Feed {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl CapabilityError {
    /// What is wrong with the key's file.
    pub(super) fn key(path: &std::path::Path, why: &impl ToString) -> Self {
        Self::Key { path: path.to_owned(), why: why.to_string() }
    }
}

/// The stable code of what is wrong with a token.
pub(crate) fn code(refused: &Refused) -> &'static str {
    match refused {
        Refused::Malformed => "token_malformed",
        Refused::Signature => "token_foreign",
        Refused::Expired(_) => "token_expired",
        Refused::Revoked(_) => "token_revoked",
    }
}

impl From<CapabilityError> for Fault {
    fn from(error: CapabilityError) -> Self {
        let message = error.to_string();
        match &error {
            CapabilityError::Permission(_) => Self::bad_request("invalid_permission", message),
            CapabilityError::NotGranted(why) => match why {
                NotGranted::Holder | NotGranted::Count | NotGranted::Expiry | NotGranted::Limit => {
                    Self::bad_request("invalid_request", message)
                }
                NotGranted::Wider(_) | NotGranted::Longer | NotGranted::More => {
                    Self::forbidden("capability_wider", message)
                }
                NotGranted::Deep => Self::conflict("capability_too_deep", message),
            },
            CapabilityError::TooLong(_) => Self::bad_request("capability_too_long", message),
            CapabilityError::Refused(why) => Self::forbidden(code(why), message),
            CapabilityError::Unknown(_) => Self::not_found("capability_unknown", message),
            CapabilityError::NotYours(_) => Self::forbidden("capability_not_yours", message),
            CapabilityError::TooMany(_) => Self::conflict("too_many_capabilities", message),
            CapabilityError::Database(_) | CapabilityError::Key { .. } => Self::unavailable(
                "capabilities_unavailable",
                "tokens can't be kept or read now; check the disk of the state folder",
            )
            .with_private(chain(&error)),
            CapabilityError::Feed { .. } => Self::unavailable(
                "capability_feed_unwritable",
                "the token is revoked here, but the others could not be told; check the runtime folder and revoke it again",
            )
            .with_private(chain(&error)),
        }
    }
}
