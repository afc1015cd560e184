//! agentd's key pair for tokens.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64_URL};
use ed25519_dalek::{Signature, Signer};
use zeroize::Zeroizing;

/// A key can't be read or made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Not 32 bytes in base64url, or no point of the curve.
    #[error("this is no Ed25519 key: 32 bytes in base64url")]
    Malformed,
    /// The system has no randomness.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
}

/// The public half. Prints as base64url.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    /// Reads 32 bytes in base64url.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let bytes = BASE64_URL.decode(text.trim()).map_err(|_| BadKey::Malformed)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| BadKey::Malformed)?;
        ed25519_dalek::VerifyingKey::from_bytes(&bytes).map(Self).map_err(|_| BadKey::Malformed)
    }

    /// Whether this key signed these bytes under this heading; stricter than RFC 8032 asks for.
    pub(crate) fn verifies(&self, heading: &str, bytes: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = Signature::from_slice(signature) else { return false };
        self.0.verify_strict(&under(heading, bytes), &signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL.encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The private half. Prints as `<secret>`, and is wiped from memory when it is dropped.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A new key.
    pub fn generate() -> Result<Self, BadKey> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(|error| BadKey::Random(error.to_string()))?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// Reads what [`SigningKey::to_secret_text`] gave.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let bytes = Zeroizing::new(BASE64_URL.decode(text.trim()).map_err(|_| BadKey::Malformed)?);
        let seed = Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| BadKey::Malformed)?);
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// 32 bytes in base64url; wiped when dropped.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64_URL.encode(self.0.as_bytes()))
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn signature(&self, heading: &str, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(&under(heading, bytes)).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// What is signed says what it is: a signature of one kind of text never passes for one of another.
fn under(heading: &str, bytes: &[u8]) -> Vec<u8> {
    [heading.as_bytes(), b"\0", bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_text_and_never_prints() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::parse(&key.to_secret_text()).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(PublicKey::parse(&key.public().to_string()), Ok(key.public()));
        assert_eq!(format!("{key:?}"), "<secret>");
        for text in ["", "AAAA", "not base64!", &"A".repeat(44)] {
            assert!(SigningKey::parse(text).is_err() && PublicKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_signature_is_for_one_kind_of_text() {
        let key = SigningKey::generate().unwrap();
        let signature = key.signature("token", b"text");
        assert!(key.public().verifies("token", b"text", &signature));
        for (heading, bytes) in [("feed", b"text".as_slice()), ("token", b"texts"), ("token\0text", b"")] {
            assert!(!key.public().verifies(heading, bytes, &signature));
        }
        assert!(!SigningKey::generate().unwrap().public().verifies("token", b"text", &signature));
        assert!(!key.public().verifies("token", b"text", &signature[..63]));
    }
}
