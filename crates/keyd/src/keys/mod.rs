//! Keys at rest and in memory: sealed under a master key, open for the time of one signature.

mod locked;
mod master;
mod phrase;
mod portable;
mod seal;
mod store;

use osmoda_ipc::{Fault, chain};
use std::{borrow::Cow, io, path::PathBuf};
use zeroize::Zeroizing;

pub use self::master::KeySource;
pub(crate) use self::{
    master::MasterKey,
    phrase::{derive, new_phrase},
    portable::{open_portable, seal_portable},
    store::{Keys, NewKey},
};

/// The bytes of one private key: a secp256k1 scalar, or an ed25519 seed.
pub(crate) type KeyBytes = Zeroizing<[u8; 32]>;

/// A key can't be made, kept, found or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No such wallet.
    #[error("there is no wallet {0}; wallet_list shows which there are")]
    Unknown(String),
    /// It is there already.
    #[error("the wallet of {0} is here already, as {1}")]
    Twice(String, String),
    /// Too many.
    #[error("{0} wallets are here already, and no more are kept")]
    TooMany(usize),
    /// The file was changed, or the master key is another one.
    #[error("the key of {0} does not open: its file was changed, or belongs to another master key")]
    Broken(String),
    /// A master key or wallet file.
    #[error("{} can't be used", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that others can read or that is no key.
    #[error("{} is no key file: {why}", .path.display())]
    BadFile {
        /// Which.
        path: PathBuf,
        /// Why.
        why: Cow<'static, str>,
    },
    /// The master key does not open what is here.
    #[error("the master key is not the one that the wallets here were sealed under; nothing was changed")]
    WrongMaster,
    /// No passphrase, no credential.
    #[error("the master key should come from {0}, which is not there")]
    NoSource(String),
    /// The system gave no randomness.
    #[error("the system gave no random bytes")]
    NoRandomness,
    /// Locking a page of memory.
    #[error("no page of memory can be had for the master key")]
    NoPage(#[source] nix::Error),
    /// Key derivation.
    #[error("the passphrase can't be turned into a key: {0}")]
    Derivation(String),
    /// What was to be imported.
    #[error("{0}")]
    BadSecret(&'static str),
}

impl From<KeyError> for Fault {
    fn from(error: KeyError) -> Self {
        let (message, private) = (error.to_string(), chain(&error));
        match error {
            KeyError::Unknown(_) => Self::not_found("wallet_unknown", message),
            KeyError::Twice(..) => Self::conflict("wallet_exists", message),
            KeyError::TooMany(_) => Self::conflict("too_many_wallets", message),
            KeyError::Broken(_) => Self::failed("key_broken", message),
            KeyError::Io { .. } | KeyError::BadFile { .. } => Self::failed("key_file", message).with_private(private),
            KeyError::WrongMaster | KeyError::NoSource(_) => Self::failed("master_key", message),
            KeyError::NoRandomness | KeyError::NoPage(_) | KeyError::Derivation(_) => {
                Self::failed("key_failed", message).with_private(private)
            }
            KeyError::BadSecret(_) => Self::bad_request("bad_secret", message),
        }
    }
}

/// Fresh bytes from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| KeyError::NoRandomness)?;
    Ok(bytes)
}

/// Overwrites the part of this thread's stack where the arithmetic on a key ran: values that a library moved leave
/// copies behind that no drop wipes.
#[inline(never)]
pub(crate) fn scrub_stack() {
    // Words: wiped by the byte, this would take as long as a signature.
    let below = [0_u64; 12 << 10];
    // Seen by somebody, so that it must really be there.
    std::hint::black_box(&below);
}
