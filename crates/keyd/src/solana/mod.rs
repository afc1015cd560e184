//! Solana: addresses, messages, transfers and their signatures.

mod address;
mod message;
mod offchain;

use ed25519_dalek::{
    SigningKey, VerifyingKey,
    hazmat::{ExpandedSecretKey, raw_sign},
};
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::keys::KeyBytes;

pub(crate) use self::{
    address::{Address, BadAddress},
    message::{Message, spl_transfer, system_transfer},
    offchain::offchain,
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

    /// RFC 8032, section 7.1, tests 1 to 3 and the one with 1023 bytes left out.
    #[test]
    fn signatures_are_those_of_rfc_8032() {
        let cases: [([u8; 32], &[u8], &str, &str); 3] = [
            (
                hex!("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"),
                &[],
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                hex!("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
                &[0x72],
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                hex!("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"),
                &[0xaf, 0x82],
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ];
        for (seed, message, public, signature) in cases {
            let key = Zeroizing::new(seed);
            let address = address_of_key(&key);
            assert_eq!(hex::encode(address.0), public);
            assert_eq!(hex::encode(sign(&key, &address, message).unwrap()), signature);
        }
    }
}
