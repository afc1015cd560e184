//! Addresses: 32 bytes in base58, and those that programs derive.

use std::{fmt, str::FromStr};

use curve25519_dalek::edwards::CompressedEdwardsY;
use sha2::{Digest, Sha256};

/// An account's address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address(pub(crate) [u8; 32]);

/// A text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no Solana address: 32 bytes in base58")]
pub(crate) struct BadAddress(String);

impl Address {
    /// The system program: 32 zero bytes.
    pub(crate) const SYSTEM: Self = Self([0; 32]);
    /// `TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA`
    pub(crate) const TOKEN: Self = Self([
        6, 221, 246, 225, 215, 101, 161, 147, 217, 203, 225, 70, 206, 235, 121, 172, 28, 180, 133, 237, 95, 91, 55,
        145, 58, 140, 245, 133, 126, 255, 0, 169,
    ]);
    /// `TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb`
    pub(crate) const TOKEN_2022: Self = Self([
        6, 221, 246, 225, 238, 117, 143, 222, 24, 66, 93, 188, 228, 108, 205, 218, 182, 26, 252, 77, 131, 185, 13, 39,
        254, 189, 249, 40, 216, 161, 139, 252,
    ]);
    /// `ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL`
    const ASSOCIATED: Self = Self([
        140, 151, 37, 143, 78, 36, 137, 241, 187, 61, 16, 41, 20, 142, 13, 131, 11, 90, 19, 153, 218, 255, 16, 132, 4,
        142, 123, 216, 219, 233, 248, 89,
    ]);

    /// Whether somebody can have the key: a program's derived address is no point of the curve.
    pub(crate) fn is_on_curve(&self) -> bool {
        CompressedEdwardsY(self.0).decompress().is_some()
    }

    /// The account in which `owner` holds `mint`; nothing where there is none (a chance of 2^-256).
    pub(crate) fn token_account(owner: &Self, mint: &Self, program: &Self) -> Option<Self> {
        (0..=u8::MAX).rev().find_map(|bump| {
            let hash = Sha256::new()
                .chain_update(owner.0)
                .chain_update(program.0)
                .chain_update(mint.0)
                .chain_update([bump])
                .chain_update(Self::ASSOCIATED.0)
                .chain_update(b"ProgramDerivedAddress");
            let derived = Self(hash.finalize().into());
            (!derived.is_on_curve()).then_some(derived)
        })
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let mut bytes = [0; 32];
        // Base58 has one way to write a number; leading zeros are ones.
        match five8::decode_32(text, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(_) => Err(BadAddress(text.chars().take(64).collect())),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 44];
        let length = usize::from(five8::encode_32(&self.0, &mut text));
        f.write_str(std::str::from_utf8(&text[..length]).unwrap_or_default())
    }
}

/// A signature in base58.
pub(crate) fn signature_text(signature: &[u8; 64]) -> String {
    let mut text = [0; 88];
    let length = usize::from(five8::encode_64(signature, &mut text));
    String::from_utf8_lossy(&text[..length]).into_owned()
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_have_the_addresses_that_everybody_knows() {
        let table = [
            (Address::SYSTEM, "11111111111111111111111111111111"),
            (Address::TOKEN, "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"),
            (Address::TOKEN_2022, "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"),
            (Address::ASSOCIATED, "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"),
        ];
        for (address, text) in table {
            assert_eq!(address.to_string(), text);
            assert_eq!(text.parse(), Ok(address));
        }
        let long = "z".repeat(200);
        for text in [
            "",
            "1111111111111111111111111111111",
            "0OIl",
            "111111111111111111111111111111111",
            "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
            "éééééééééééééééééééééééééééééééé",
            " 1111111111111111111111111111111",
            &long,
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
