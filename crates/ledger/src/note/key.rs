//! The keys of signed notes (c2sp.org/signed-note), in the text forms that Go's `sumdb/note` and its users read.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The signature type of Ed25519 in a key's id and encoding.
const ED25519: u8 = 1;

/// A key can't be read or made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not `name+id+base64`.
    #[error("this is no verification key; it has the form name+8 hexadecimal digits+Base64")]
    Verifying,
    /// Not `PRIVATE+KEY+name+id+base64`.
    #[error("this is no signing key in the form PRIVATE+KEY+name+id+Base64")]
    Signing,
    /// The system has no randomness.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
}

/// A public key with the name it signs under. Prints as `name+id+base64`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifyingKey {
    /// Reads `name+id+base64`.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Verifying);
        };
        let bytes = STANDARD.decode(encoded).map_err(|_| KeyError::Verifying)?;
        let (Some((&ED25519, key)), true) = (bytes.split_first(), is_key_name(name)) else {
            return Err(KeyError::Verifying);
        };
        let key = key.try_into().map_err(|_| KeyError::Verifying)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&key).map_err(|_| KeyError::Verifying)?;
        let key = Self { name: name.to_owned(), key };
        if format!("{:08x}", key.id()) == id { Ok(key) } else { Err(KeyError::Verifying) }
    }

    /// The name it signs under; the log's origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of `SHA-256(name || 0x0A || 0x01 || key)`.
    pub fn id(&self) -> u32 {
        let hash = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes());
        let hash: [u8; 32] = hash.finalize().into();
        u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
    }

    /// Whether this key made the signature over these bytes; stricter than RFC 8032 asks for.
    pub(super) fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = Signature::from_slice(signature) else { return false };
        self.key.verify_strict(text, &signature).is_ok()
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519];
        bytes.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{:08x}+{}", self.name, self.id(), STANDARD.encode(bytes))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A private key with its name. Prints as `<secret>`, and is wiped from memory when it is dropped.
pub struct SigningKey {
    name: String,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// A new key, whose name is made of the key itself: no two machines have the same one.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(|error| KeyError::Random(error.to_string()))?;
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let hash = Sha256::digest(key.verifying_key().as_bytes());
        let digits: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { name: format!("osmoda.local/ledger/{digits}"), key })
    }

    /// Reads `PRIVATE+KEY+name+id+base64`.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let rest = text.trim().strip_prefix("PRIVATE+KEY+").ok_or(KeyError::Signing)?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Signing);
        };
        let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| KeyError::Signing)?);
        let (Some((&ED25519, seed)), true) = (bytes.split_first(), is_key_name(name)) else {
            return Err(KeyError::Signing);
        };
        let seed = Zeroizing::new(<[u8; 32]>::try_from(seed).map_err(|_| KeyError::Signing)?);
        let key = Self { name: name.to_owned(), key: ed25519_dalek::SigningKey::from_bytes(&seed) };
        if format!("{:08x}", key.verifying().id()) == id { Ok(key) } else { Err(KeyError::Signing) }
    }

    /// The text that [`SigningKey::parse`] reads; wiped when dropped.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(vec![ED25519]);
        bytes.extend_from_slice(self.key.as_bytes());
        let encoded = Zeroizing::new(STANDARD.encode(&bytes));
        Zeroizing::new(format!("PRIVATE+KEY+{}+{:08x}+{}", self.name, self.verifying().id(), encoded.as_str()))
    }

    /// Its public half.
    pub fn verifying(&self) -> VerifyingKey {
        VerifyingKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    pub(super) fn signature(&self, text: &[u8]) -> [u8; 64] {
        self.key.sign(text).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// Whether a key may have this name: not empty, without spaces and plus signs.
pub(super) fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of Go's `sumdb/note` documentation.
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn keys_read_as_go_writes_them() {
        let key = VerifyingKey::parse(PETER).unwrap();
        assert_eq!((key.name(), key.id(), key.to_string().as_str()), ("PeterNeumann", 0xc74f_20a3, PETER));
        for text in [
            "",
            "PeterNeumann",
            "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+AhpC",
            "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ] {
            assert_eq!(VerifyingKey::parse(text), Err(KeyError::Verifying), "{text}");
        }
    }

    #[test]
    fn a_signing_key_survives_its_text_and_never_prints() {
        let key = SigningKey::generate().unwrap();
        let text = key.to_secret_text();
        let again = SigningKey::parse(&text).unwrap();
        assert_eq!(again.verifying(), key.verifying());
        assert_eq!(format!("{key:?}"), "<secret>");
        assert_ne!(SigningKey::generate().unwrap().verifying(), key.verifying());
        for text in ["", "PRIVATE+KEY+", &text[..text.len() - 4], &text.replace("osmoda", "other")] {
            assert!(SigningKey::parse(text).is_err(), "{text}");
        }
    }
}
