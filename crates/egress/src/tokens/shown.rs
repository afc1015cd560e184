//! Tokens that were shown and are genuine: their signature is checked once, whether they still hold each time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use osmoda_capability::{Claims, Feed, Refused, Verifier};
use sha2::{Digest, Sha256};

use crate::refusal::Refusal;

/// Tokens that are remembered at a time.
const MOST: usize = 4096;

/// What agentd said last, and the tokens that passed.
#[derive(Debug, Default)]
pub(crate) struct ShownTokens {
    rule: RwLock<Option<Rule>>,
    /// By the SHA-256 of their text, which is not kept.
    genuine: Mutex<HashMap<[u8; 32], Arc<Claims>>>,
}

#[derive(Debug)]
struct Rule {
    feed: Feed,
    verifier: Verifier,
}

impl ShownTokens {
    /// Takes a feed, unless it is older than the one before; whether it was taken.
    pub(crate) fn follow(&self, feed: Feed) -> bool {
        let mut rule = self.rule.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = rule.as_ref() {
            if !feed.may_follow(&before.feed) {
                return false;
            }
            if feed.key != before.feed.key {
                self.genuine.lock().unwrap_or_else(PoisonError::into_inner).clear();
            }
        }
        *rule = Some(Rule { verifier: feed.verifier(), feed });
        true
    }

    /// The claims of a token that holds now.
    pub(crate) fn check(&self, text: &str, now: u64) -> Result<Arc<Claims>, Refusal> {
        let rule = self.rule.read().unwrap_or_else(PoisonError::into_inner);
        let verifier = &rule.as_ref().ok_or(Refusal::KeyUnknown)?.verifier;
        let claims = self.read(verifier, text).map_err(|why| refused(&why))?;
        verifier.stands(&claims, now).map_err(|why| refused(&why))?;
        Ok(claims)
    }

    /// The id of a genuine token, whether it still holds or not. One that is not genuine may name anybody's.
    pub(crate) fn id_of(&self, text: &str) -> Option<String> {
        let rule = self.rule.read().unwrap_or_else(PoisonError::into_inner);
        self.read(&rule.as_ref()?.verifier, text).ok().map(|claims| claims.id.to_string())
    }

    fn read(&self, verifier: &Verifier, text: &str) -> Result<Arc<Claims>, Refused> {
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let known = self.genuine.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned();
        if let Some(claims) = known {
            return Ok(claims);
        }
        let claims = Arc::new(verifier.read(text)?);
        let mut genuine = self.genuine.lock().unwrap_or_else(PoisonError::into_inner);
        if genuine.len() >= MOST {
            genuine.clear();
        }
        genuine.insert(digest, claims.clone());
        Ok(claims)
    }

    /// Why claims that passed before hold no longer.
    pub(crate) fn fallen(&self, claims: &Claims, now: u64) -> Option<&'static str> {
        let rule = self.rule.read().unwrap_or_else(PoisonError::into_inner);
        rule.as_ref()?.verifier.stands(claims, now).err().map(|why| code(&why))
    }

    /// The feed's number and how many tokens it takes back.
    pub(crate) fn feed(&self) -> Option<(u64, usize)> {
        let rule = self.rule.read().unwrap_or_else(PoisonError::into_inner);
        rule.as_ref().map(|rule| (rule.feed.sequence, rule.feed.revoked.len()))
    }

    /// The key in force, as text.
    pub(crate) fn key(&self) -> Option<String> {
        let rule = self.rule.read().unwrap_or_else(PoisonError::into_inner);
        rule.as_ref().map(|rule| rule.feed.key.to_string())
    }
}

fn refused(why: &Refused) -> Refusal {
    Refusal::Token { code: code(why), why: why.to_string() }
}

fn code(why: &Refused) -> &'static str {
    match why {
        Refused::Malformed => "token_malformed",
        Refused::Signature => "token_foreign",
        Refused::Expired(_) => "token_expired",
        Refused::Revoked(_) => "token_revoked",
    }
}

#[cfg(test)]
mod tests {
    use osmoda_capability::{Limits, NewClaims, Permissions, Revocations, SigningKey, TokenId, sign};

    use super::*;

    fn token(key: &SigningKey) -> (Claims, String) {
        let asked = NewClaims {
            holder: "x".into(),
            permissions: Permissions::parse(&["net:a.org"]).unwrap(),
            limits: Limits::default(),
            expires: 1000,
        };
        let claims = Claims::new(TokenId::generate(), asked, 1).unwrap();
        let text = sign(key, &claims).unwrap().to_string();
        (claims, text)
    }

    fn feed(key: &SigningKey, sequence: u64, revoked: &[&Claims]) -> Feed {
        let revoked: Revocations = revoked.iter().map(|claims| (claims.id.clone(), claims.expires)).collect();
        Feed { key: key.public(), sequence, revoked }
    }

    fn code_of(result: Result<Arc<Claims>, Refusal>) -> &'static str {
        result.map_or_else(|why| why.code(), |_| "ok")
    }

    #[test]
    fn a_token_that_is_known_falls_all_the_same() {
        let key = SigningKey::generate().unwrap();
        let (claims, text) = token(&key);
        let shown = ShownTokens::default();
        assert_eq!(code_of(shown.check(&text, 5)), "capabilities_unknown");
        assert!(shown.follow(feed(&key, 1, &[])));
        for (now, expected) in [(5, "ok"), (5, "ok"), (1000, "token_expired"), (999, "ok")] {
            assert_eq!(code_of(shown.check(&text, now)), expected);
        }
        assert_eq!(shown.fallen(&claims, 999), None);
        assert!(shown.follow(feed(&key, 2, &[&claims])));
        assert_eq!(code_of(shown.check(&text, 5)), "token_revoked");
        assert_eq!(shown.fallen(&claims, 5), Some("token_revoked"));
        assert!(!shown.follow(feed(&key, 1, &[])), "an older feed brings nothing back");
        assert_eq!(code_of(shown.check(&text, 5)), "token_revoked");
        assert!(shown.follow(feed(&SigningKey::generate().unwrap(), 1, &[])));
        assert_eq!(code_of(shown.check(&text, 5)), "token_foreign", "what another key signed is forgotten");
        assert_eq!(code_of(shown.check("nonsense", 5)), "token_malformed");
    }

    #[test]
    fn a_refusal_is_of_a_token_only_where_that_is_genuine() {
        let key = SigningKey::generate().unwrap();
        let (claims, text) = token(&key);
        let shown = ShownTokens::default();
        assert_eq!(shown.id_of(&text), None);
        assert!(shown.follow(feed(&key, 1, &[&claims])));
        assert_eq!(code_of(shown.check(&text, 5)), "token_revoked");
        assert_eq!(shown.id_of(&text), Some(claims.id.to_string()));
        assert_eq!(shown.id_of(&token(&SigningKey::generate().unwrap()).1), None);
    }
}
