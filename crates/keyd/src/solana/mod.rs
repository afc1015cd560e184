//! Solana: addresses, messages, transfers and their signatures.

mod address;
mod message;
mod offchain;
mod parse;

use ed25519_dalek::{
    SigningKey, VerifyingKey,
    hazmat::{ExpandedSecretKey, raw_sign},
};
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::keys::KeyBytes;

pub(crate) use self::{
    address::{Address, BadAddress, signature_text},
    message::{Message, spl_transfer, system_transfer},
    offchain::offchain,
    parse::parses_as_transaction,
};

/// The address of a key: its public key.
pub(crate) fn address_of_key(key: &KeyBytes) -> Address {
    Address(SigningKey::from_bytes(key).verifying_key().to_bytes())
}

/// Signs by RFC 8032. `address` must be the key's own, as the key's sealing guarantees: with another one the signature
/// would give the key away.
pub(crate) fn sign(key: &KeyBytes, address: &Address, message: &[u8]) -> Option<[u8; 64]> {
    let public = VerifyingKey::from_bytes(&address.0).ok()?;
    let hash = Zeroizing::new(<[u8; 64]>::from(Sha512::digest(key.as_ref())));
    let expanded = ExpandedSecretKey::from_bytes(&hash);
    Some(raw_sign::<Sha512>(&expanded, message, &public).to_bytes())
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;

    /// RFC 8032, section 7.1: all five.
    #[test]
    fn signatures_are_those_of_rfc_8032() {
        let mut tried = 0;
        for line in include_str!("../../vectors/rfc8032.txt").lines().filter(|line| !line.starts_with('#')) {
            let [seed, public, message, signature] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let key = Zeroizing::new(<[u8; 32]>::try_from(hex::decode(seed).unwrap()).unwrap());
            let message = hex::decode(message.trim_start_matches('-')).unwrap();
            let address = address_of_key(&key);
            assert_eq!(hex::encode(address.0), public);
            assert_eq!(hex::encode(sign(&key, &address, &message).unwrap()), signature);
            tried += 1;
        }
        assert_eq!(tried, 5);
    }
}
