//! What agentd tells everybody who checks tokens: its public key and what it revoked, signed, in one small file.

use std::{collections::HashMap, fmt::Write};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64_URL};

use crate::{
    id::TokenId,
    key::{PublicKey, SigningKey},
    token::Verifier,
};

/// The feed's name in the suite's runtime folder. agentd replaces it whole; who watches the folder sees it move in.
pub const FEED_FILE: &str = "capabilities";

const FIRST_LINE: &str = "osmoda capabilities 1";
const HEADING: &str = "osmoda capability feed 1";

/// Tokens that permit nothing any more, each with the time (seconds since 1970) from which on it would not anyway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocations(HashMap<TokenId, u64>);

impl Revocations {
    /// Whether this token was revoked.
    pub fn contains(&self, id: &TokenId) -> bool {
        self.0.contains_key(id)
    }

    /// One more.
    pub fn insert(&mut self, id: TokenId, expires: u64) {
        self.0.insert(id, expires);
    }

    /// Forgets those that have expired by themselves.
    pub fn forget_expired(&mut self, now: u64) {
        self.0.retain(|_, expires| *expires > now);
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(TokenId, u64)> for Revocations {
    fn from_iter<T: IntoIterator<Item = (TokenId, u64)>>(pairs: T) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// The file's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Who signs tokens.
    pub key: PublicKey,
    /// Rises with each feed of one key: an older one never takes the place of a newer one.
    pub sequence: u64,
    /// What was revoked and would still hold otherwise.
    pub revoked: Revocations,
}

/// The text is no feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFeed {
    /// It has another form.
    #[error("this is no feed of capabilities that this version reads")]
    Malformed,
    /// Its signature is not that of its own key.
    #[error("the feed's signature is wrong")]
    Signature,
}

impl Feed {
    /// The file's text.
    pub fn to_text(&self, key: &SigningKey) -> String {
        let mut text = format!("{FIRST_LINE}\nkey {}\nsequence {}\n", self.key, self.sequence);
        let mut revoked: Vec<_> = self.revoked.0.iter().collect();
        revoked.sort();
        for (id, expires) in revoked {
            // Writing into a String can't fail.
            let _ = writeln!(text, "revoked {id} {expires}");
        }
        let signature = BASE64_URL.encode(key.signature(HEADING, text.as_bytes()));
        let _ = writeln!(text, "signature {signature}");
        text
    }

    /// Reads the file's text. The key is the one it names: that the file is agentd's, its place and its owner say.
    pub fn parse(text: &str) -> Result<Self, BadFeed> {
        let body = text.strip_suffix('\n').ok_or(BadFeed::Malformed)?;
        let (_, last) = body.rsplit_once('\n').ok_or(BadFeed::Malformed)?;
        let signed = text.get(..body.len() - last.len()).ok_or(BadFeed::Malformed)?;
        let signature = last.strip_prefix("signature ").ok_or(BadFeed::Malformed)?;
        let signature = BASE64_URL.decode(signature).map_err(|_| BadFeed::Malformed)?;
        let mut lines = signed.lines();
        if lines.next() != Some(FIRST_LINE) {
            return Err(BadFeed::Malformed);
        }
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let key = value("key").and_then(|key| PublicKey::parse(key).ok()).ok_or(BadFeed::Malformed)?;
        let sequence = value("sequence").and_then(|number| number.parse().ok()).ok_or(BadFeed::Malformed)?;
        if !key.verifies(HEADING, signed.as_bytes(), &signature) {
            return Err(BadFeed::Signature);
        }
        let revoked = lines.map(|line| {
            let (id, expires) = line.strip_prefix("revoked ")?.split_once(' ')?;
            Some((id.parse().ok()?, expires.parse().ok()?))
        });
        let revoked = revoked.collect::<Option<Revocations>>().ok_or(BadFeed::Malformed)?;
        Ok(Self { key, sequence, revoked })
    }

    /// Whether this feed may take the place of that one: another key, or the same key and not older.
    pub fn may_follow(&self, before: &Self) -> bool {
        self.key != before.key || self.sequence >= before.sequence
    }

    /// Checks tokens by this feed.
    pub fn verifier(&self) -> Verifier {
        Verifier::new(self.key, self.revoked.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(key: &SigningKey) -> Feed {
        let revoked = [(TokenId::generate(), 5), (TokenId::generate(), 7)].into_iter().collect();
        Feed { key: key.public(), sequence: 3, revoked }
    }

    #[test]
    fn a_feed_reads_back() {
        let key = SigningKey::generate().unwrap();
        let full = feed(&key);
        let empty = Feed { revoked: Revocations::default(), ..full.clone() };
        for feed in [full, empty] {
            assert_eq!(Feed::parse(&feed.to_text(&key)), Ok(feed));
        }
    }

    #[test]
    fn a_feed_that_was_cut_or_changed_is_refused() {
        let key = SigningKey::generate().unwrap();
        let text = feed(&key).to_text(&key);
        let without_one: String =
            text.lines().filter(|line| !line.ends_with(" 7")).map(|line| format!("{line}\n")).collect();
        for (text, why) in [
            (without_one.as_str(), BadFeed::Signature),
            (&text.replace("sequence 3", "sequence 4"), BadFeed::Signature),
            (
                &text.replace(&key.public().to_string(), &SigningKey::generate().unwrap().public().to_string()),
                BadFeed::Signature,
            ),
            (&text[..text.len() - 1], BadFeed::Malformed),
            (&text[..100], BadFeed::Malformed),
            ("", BadFeed::Malformed),
            ("\n", BadFeed::Malformed),
            (&text.replace("ties 1", "ties 2"), BadFeed::Malformed),
        ] {
            assert_eq!(Feed::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn an_older_feed_never_brings_a_token_back() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let now = feed(&key);
        assert!(Feed { sequence: 4, ..now.clone() }.may_follow(&now) && now.may_follow(&now));
        assert!(!Feed { sequence: 2, ..now.clone() }.may_follow(&now));
        assert!(Feed { sequence: 1, ..feed(&other) }.may_follow(&now), "a new key begins anew");
    }

    #[test]
    fn what_has_expired_by_itself_is_forgotten() {
        let mut revoked = feed(&SigningKey::generate().unwrap()).revoked;
        revoked.forget_expired(5);
        assert_eq!(revoked.len(), 1);
        revoked.forget_expired(7);
        assert!(revoked.is_empty());
    }
}
