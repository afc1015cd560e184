//! What can be signed, and what comes of it.

use alloy_primitives::{B256, hex, keccak256};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use sha2::{Digest, Sha256};

use crate::{
    ethereum::{self, Authorization, Eip1559},
    keys::KeyBytes,
    solana,
};

/// Bytes that wait for a signature. Messages and transactions are different variants, and each is signed in its own
/// way alone.
#[derive(Debug)]
pub(crate) enum Unsigned {
    /// EIP-1559.
    Transaction(Eip1559),
    /// EIP-712.
    Typed(B256),
    /// x402.
    Payment(Authorization),
    /// EIP-191.
    Message(B256),
    /// A Solana transaction, and who signs it.
    Solana(solana::Address, solana::Message),
    /// A message on Solana, and who signs it.
    Offchain(solana::Address, Vec<u8>),
}

/// What a caller gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) text: String,
    pub(crate) hash: String,
}

impl Unsigned {
    pub(crate) fn digest(&self) -> B256 {
        match self {
            Self::Transaction(transaction) => transaction.digest(),
            Self::Typed(digest) | Self::Message(digest) => *digest,
            Self::Payment(authorization) => authorization.digest(),
            Self::Solana(_, message) => B256::from(<[u8; 32]>::from(Sha256::digest(message.bytes()))),
            Self::Offchain(_, bytes) => B256::from(<[u8; 32]>::from(Sha256::digest(bytes))),
        }
    }

    /// Signs. Nothing comes of a key that is none of the chain's.
    pub(crate) fn sign(&self, key: &KeyBytes) -> Option<Signed> {
        match self {
            Self::Transaction(transaction) => {
                let (signature, is_odd) = ethereum::sign(key, &transaction.digest())?;
                let raw = transaction.signed(&signature, is_odd);
                Some(Signed { text: hex::encode_prefixed(&raw), hash: keccak256(&raw).to_string() })
            }
            Self::Typed(digest) | Self::Message(digest) => {
                let signature = ethereum::sign_with_v(key, digest)?;
                Some(Signed { text: hex::encode_prefixed(signature), hash: digest.to_string() })
            }
            Self::Payment(authorization) => {
                let digest = authorization.digest();
                let header = authorization.header(&ethereum::sign_with_v(key, &digest)?).ok()?;
                Some(Signed { text: header, hash: digest.to_string() })
            }
            Self::Solana(address, message) => {
                let signature = solana::sign(key, address, message.bytes())?;
                let text = BASE64.encode(message.signed(&signature));
                Some(Signed { text, hash: solana::signature_text(&signature) })
            }
            Self::Offchain(address, bytes) => {
                let signature = solana::signature_text(&solana::sign(key, address, bytes)?);
                Some(Signed { text: signature, hash: self.digest().to_string() })
            }
        }
    }
}
