//! A token as text: `cap1.<claims>.<signature>`, both in base64url, so that it fits a header, a URL and a variable.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64_URL};
use zeroize::Zeroizing;

use crate::{
    claims::Claims,
    feed::Revocations,
    id::TokenId,
    key::{PublicKey, SigningKey},
};

/// The longest token, in bytes.
pub const LONGEST_TOKEN: usize = 8192;

const VERSION: &str = "cap1";
const HEADING: &str = "osmoda capability token 1";

/// Signing it would make a text that no reader takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token would be longer than {LONGEST_TOKEN} bytes; give it fewer permissions or shorter paths")]
pub struct TooLong;

/// A token permits nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not a token, or of a version this one does not know.
    #[error("this is no capability token that this version reads")]
    Malformed,
    /// Somebody else signed it, or nobody.
    #[error("the token was not signed by this machine's agentd")]
    Signature,
    /// It is over.
    #[error("the token {0} has expired")]
    Expired(TokenId),
    /// It was taken back, or one above it was.
    #[error("the token {0} was revoked")]
    Revoked(TokenId),
}

/// The token's text; wiped when dropped. Whoever has it holds what it permits.
pub fn sign(key: &SigningKey, claims: &Claims) -> Result<Zeroizing<String>, TooLong> {
    let claims = serde_json::to_vec(claims).map_err(|_| TooLong)?;
    let signature = key.signature(HEADING, &claims);
    let text = Zeroizing::new(format!("{VERSION}.{}.{}", BASE64_URL.encode(claims), BASE64_URL.encode(signature)));
    if text.len() > LONGEST_TOKEN { Err(TooLong) } else { Ok(text) }
}

/// Checks tokens offline: agentd's public key, and what was revoked.
#[derive(Clone, Debug)]
pub struct Verifier {
    key: PublicKey,
    revoked: Revocations,
}

impl Verifier {
    /// A verifier of tokens that this key signed and that are not among these.
    pub fn new(key: PublicKey, revoked: Revocations) -> Self {
        Self { key, revoked }
    }

    /// The key.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// What was revoked.
    pub fn revoked(&self) -> &Revocations {
        &self.revoked
    }

    /// What the token says, where it is genuine and holds at `now` (seconds since 1970).
    pub fn verify(&self, text: &str, now: u64) -> Result<Claims, Refused> {
        let claims = self.read(text)?;
        self.stands(&claims, now)?;
        Ok(claims)
    }

    /// What the token says, where it is genuine; whether it still holds is another question.
    pub fn read(&self, text: &str) -> Result<Claims, Refused> {
        if text.len() > LONGEST_TOKEN {
            return Err(Refused::Malformed);
        }
        let rest = text.strip_prefix(VERSION).and_then(|rest| rest.strip_prefix('.')).ok_or(Refused::Malformed)?;
        let (claims, signature) = rest.split_once('.').ok_or(Refused::Malformed)?;
        let claims = BASE64_URL.decode(claims).map_err(|_| Refused::Malformed)?;
        let signature = BASE64_URL.decode(signature).map_err(|_| Refused::Malformed)?;
        if !self.key.verifies(HEADING, &claims, &signature) {
            return Err(Refused::Signature);
        }
        // Only what agentd signed is parsed.
        serde_json::from_slice(&claims).map_err(|_| Refused::Malformed)
    }

    /// Whether claims that were read before still hold at `now`.
    pub fn stands(&self, claims: &Claims, now: u64) -> Result<(), Refused> {
        if let Some(id) = claims.line().find(|id| self.revoked.contains(id)) {
            return Err(Refused::Revoked(id.clone()));
        }
        if now >= claims.expires { Err(Refused::Expired(claims.id.clone())) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Limits, NewClaims, Permissions};

    fn claims(id: TokenId) -> Claims {
        let asked = NewClaims {
            holder: "build".into(),
            permissions: Permissions::parse(&["net:example.org:443", "fs.read:/srv"]).unwrap(),
            limits: Limits { connections: Some(3), ..Limits::default() },
            expires: 1000,
        };
        Claims::new(id, asked, 100).unwrap()
    }

    #[test]
    fn a_token_is_read_offline_and_falls_with_what_stands_above_it() {
        let key = SigningKey::generate().unwrap();
        let root = claims(TokenId::generate());
        let child = NewClaims {
            holder: "step".into(),
            permissions: Permissions::parse(&["net:example.org:443"]).unwrap(),
            limits: Limits::default(),
            expires: 900,
        };
        let child = root.narrow(TokenId::generate(), child, 200).unwrap();
        let (root_text, child_text) = (sign(&key, &root).unwrap(), sign(&key, &child).unwrap());
        let none = Verifier::new(key.public(), Revocations::default());
        assert_eq!(none.verify(&root_text, 999), Ok(root.clone()));
        assert_eq!(none.verify(&root_text, 1000), Err(Refused::Expired(root.id.clone())));
        assert_eq!(none.verify(&child_text, 899), Ok(child.clone()));
        assert_eq!(none.verify(&child_text, 900), Err(Refused::Expired(child.id.clone())));
        let revoked = |id: &TokenId| Verifier::new(key.public(), [(id.clone(), 1000)].into_iter().collect());
        assert_eq!(revoked(&root.id).verify(&child_text, 300), Err(Refused::Revoked(root.id.clone())));
        assert_eq!(revoked(&child.id).verify(&child_text, 300), Err(Refused::Revoked(child.id.clone())));
        assert!(revoked(&child.id).verify(&root_text, 300).is_ok());
        let text = root_text.as_str();
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{text}");
    }

    #[test]
    fn what_agentd_did_not_sign_is_refused() {
        let key = SigningKey::generate().unwrap();
        let verifier = Verifier::new(key.public(), Revocations::default());
        let other = SigningKey::generate().unwrap();
        let claims = claims(TokenId::generate());
        let text = sign(&key, &claims).unwrap();
        let (head, signature) = text.rsplit_once('.').unwrap();
        let wider = serde_json::to_string(&claims).unwrap().replace("example.org", "example.com");
        let foreign = sign(&other, &claims).unwrap();
        for (text, why) in [
            (foreign.as_str(), Refused::Signature),
            (&format!("cap1.{}.{signature}", BASE64_URL.encode(wider)), Refused::Signature),
            (&format!("{head}.{}", BASE64_URL.encode([0; 64])), Refused::Signature),
            (&format!("{head}.{}", &signature[..80]), Refused::Signature),
            (&format!("{head}."), Refused::Signature),
            (head, Refused::Malformed),
            (&text.replace("cap1", "cap2"), Refused::Malformed),
            (&format!("{}=", text.as_str()), Refused::Malformed),
            ("", Refused::Malformed),
            ("cap1..", Refused::Signature),
            (&"cap1.".repeat(2000), Refused::Malformed),
        ] {
            assert_eq!(verifier.verify(text, 200), Err(why), "{text}");
        }
        let strange = serde_json::to_string(&claims).unwrap().replacen('{', "{\"only_on\":\"mondays\",", 1);
        let signature = BASE64_URL.encode(key.signature(HEADING, strange.as_bytes()));
        let text = format!("cap1.{}.{signature}", BASE64_URL.encode(strange));
        assert_eq!(verifier.verify(&text, 200), Err(Refused::Malformed), "what is not understood permits nothing");
    }

    #[test]
    fn a_token_that_nobody_would_read_is_not_made() {
        let key = SigningKey::generate().unwrap();
        let long: Vec<String> = (0..20).map(|n| format!("fs.read:/{n}{}", "x".repeat(1000))).collect();
        let claims = Claims { permissions: Permissions::parse(&long).unwrap(), ..claims(TokenId::generate()) };
        assert_eq!(sign(&key, &claims), Err(TooLong));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fall(text in "(cap1\\.)?[A-Za-z0-9_.-]{0,200}") {
            let verifier = Verifier::new(SigningKey::generate().unwrap().public(), Revocations::default());
            prop_assert!(verifier.verify(&text, 0).is_err());
        }
    }
}
