//! The card's key: Ed25519, made once, kept in agentd's own folder.

use std::{
    io,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64_URL};
use ed25519_dalek::{Signer, SigningKey};
use osmoda_api::agentd::AgentCardSignature;
use osmoda_ipc::daemon::{Guardian, SecretError, read_secret, write_secret};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Signs cards.
pub(crate) struct CardKey {
    key: SigningKey,
    /// The protected header, in base64url.
    protected: String,
}

/// The key can't be had.
#[derive(Debug, thiserror::Error)]
#[error("the agent card's key {} can't be used: {source}", .path.display())]
pub struct KeyError {
    path: PathBuf,
    source: SecretError,
}

impl CardKey {
    /// The key in this file; a new one where there is none.
    pub(crate) fn open(path: &Path) -> Result<Self, KeyError> {
        let seed = read_or_make(path).map_err(|source| KeyError { path: path.to_owned(), source })?;
        let key = SigningKey::from_bytes(&seed);
        let jwk = json!({ "crv": "Ed25519", "kty": "OKP", "x": BASE64_URL.encode(key.verifying_key().as_bytes()) });
        // RFC 7638: the members that are required, by name, without space.
        let thumbprint = Sha256::digest(canonical(&jwk));
        let header = json!({ "alg": "EdDSA", "jwk": jwk, "kid": BASE64_URL.encode(thumbprint), "typ": "JOSE" });
        Ok(Self { protected: BASE64_URL.encode(canonical(&header)), key })
    }

    /// A JWS over the card's canonical form (RFC 8785), without what is empty, as A2A 1.0 has it signed.
    pub(crate) fn sign(&self, card: Value) -> AgentCardSignature {
        let card = without_empty(card).unwrap_or_else(|| json!({}));
        let signed = format!("{}.{}", self.protected, BASE64_URL.encode(canonical(&card)));
        let signature = BASE64_URL.encode(self.key.sign(signed.as_bytes()).to_bytes());
        AgentCardSignature { protected: self.protected.clone(), signature }
    }
}

fn read_or_make(path: &Path) -> Result<Zeroizing<[u8; 32]>, SecretError> {
    match read_secret(path, Guardian::Owner) {
        Ok(seed) => match seed.as_slice().try_into() {
            Ok(seed) => Ok(Zeroizing::new(seed)),
            Err(_) => Err(SecretError::Unfit("it has not 32 bytes".into())),
        },
        Err(error) if error.is_missing() => {
            let mut seed = Zeroizing::new([0; 32]);
            getrandom::fill(seed.as_mut()).map_err(io::Error::other)?;
            write_secret(path, seed.as_ref())?;
            Ok(seed)
        }
        Err(error) => Err(error),
    }
}

/// Without empty texts, lists and objects, at any depth.
fn without_empty(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::Array(items) => {
            let items: Vec<Value> = items.into_iter().filter_map(without_empty).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Value::Object(fields) => {
            let fields: Map<String, Value> =
                fields.into_iter().filter_map(|(name, field)| Some((name, without_empty(field)?))).collect();
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        other => Some(other),
    }
}

/// RFC 8785 for what a card holds: texts, lists, objects, booleans and whole numbers. serde_json escapes texts as it
/// wants them; the names are ASCII, so that bytes sort as UTF-16 does.
fn canonical(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            let field = |(name, value): (&String, &Value)| format!("{}:{}", json!(name), canonical(value));
            format!("{{{}}}", fields.into_iter().map(field).collect::<Vec<_>>().join(","))
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signature, Verifier};

    use super::*;

    #[test]
    fn the_canonical_form_is_sorted_dense_and_without_empties() {
        let value = json!({ "b": [1, "é\n\u{1}\"", [], {}], "a": { "z": false, "y": "", "x": {} }, "c": null });
        let cleaned = without_empty(value).unwrap();
        assert_eq!(canonical(&cleaned), r#"{"a":{"z":false},"b":[1,"é\n\u0001\""]}"#);
        assert_eq!(without_empty(json!([{}, "", []])), None);
    }

    #[test]
    fn a_key_outlasts_its_process_and_its_header_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card.key");
        let card = json!({ "name": "x" });
        let first = CardKey::open(&path).unwrap().sign(card.clone());
        let key = CardKey::open(&path).unwrap();
        assert_eq!(key.sign(card.clone()), first);
        let header: Value = serde_json::from_slice(&BASE64_URL.decode(&first.protected).unwrap()).unwrap();
        assert_eq!((&header["alg"], &header["jwk"]["crv"]), (&json!("EdDSA"), &json!("Ed25519")));
        let signature = Signature::from_slice(&BASE64_URL.decode(&first.signature).unwrap()).unwrap();
        let signed = |card: &Value| format!("{}.{}", first.protected, BASE64_URL.encode(canonical(card)));
        let public = key.key.verifying_key();
        assert!(public.verify(signed(&card).as_bytes(), &signature).is_ok());
        assert!(public.verify(signed(&json!({ "name": "y" })).as_bytes(), &signature).is_err());
        std::fs::write(&path, "short").unwrap();
        assert!(CardKey::open(&path).is_err());
    }
}
