//! Capability tokens: signed here, listed, taken back, and told to everybody who checks them.

mod error;
mod feed;
mod key;
mod store;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use osmoda_capability::{
    Claims, FEED_FILE, Feed, Limits, NewClaims, Permissions, PublicKey, SigningKey, TokenId, Verifier, sign,
};
use tokio::sync::watch;
use zeroize::Zeroizing;

pub(crate) use self::error::CapabilityError;
pub(crate) use self::error::code;
pub(crate) use self::store::Given;
use self::store::Store;

/// Seconds a token lives where nobody says how long.
const DEFAULT_TTL_SECS: u64 = 3600;

/// Every token of this machine.
pub(crate) struct Capabilities {
    key: SigningKey,
    store: Mutex<Store>,
    feed: PathBuf,
    /// What checks tokens now. Whoever runs something under a token watches it: the sandbox, for one.
    verifier: watch::Sender<Arc<Verifier>>,
}

/// What is asked for, as text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grant {
    pub(crate) holder: String,
    pub(crate) permissions: Vec<String>,
    pub(crate) ttl_secs: Option<u64>,
    pub(crate) limits: Limits,
}

/// A token that was just signed.
#[derive(Debug)]
pub(crate) struct Minted {
    pub(crate) token: Zeroizing<String>,
    pub(crate) claims: Claims,
}

/// Who takes a token back.
#[derive(Clone, Debug)]
pub(crate) struct Revoker {
    pub(crate) actor: String,
    /// The account that the token must have been made by; any, for operators.
    pub(crate) only_of_uid: Option<u32>,
}

/// What was taken back.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) id: TokenId,
    pub(crate) at: i64,
    pub(crate) also: Vec<TokenId>,
}

impl Capabilities {
    /// Opens key and list in agentd's folder, and publishes the feed in the runtime folder.
    pub(crate) fn open(folder: &Path, run: &Path) -> Result<Self, CapabilityError> {
        let key = key::load_or_make(&folder.join("capability.key"))?;
        let store = Store::open(&folder.join("capabilities.db"), now())?;
        let (verifier, _) = watch::channel(Arc::new(Verifier::new(key.public(), store.revocations(now())?)));
        let opened = Self { key, store: Mutex::new(store), feed: run.join(FEED_FILE), verifier };
        opened.publish(&mut opened.store())?;
        Ok(opened)
    }

    /// A token of its own.
    pub(crate) fn mint(&self, grant: &Grant, by: &str, uid: u32) -> Result<Minted, CapabilityError> {
        let now = now();
        let asked = grant.asked(now.saturating_add(grant.ttl_secs.unwrap_or(DEFAULT_TTL_SECS)))?;
        self.give(Claims::new(TokenId::generate(), asked, now)?, by, uid)
    }

    /// A narrower token from one that is held.
    pub(crate) fn narrow(&self, token: &str, grant: &Grant, by: &str, uid: u32) -> Result<Minted, CapabilityError> {
        let now = now();
        let parent = self.verifier().verify(token, now)?;
        let asked = grant.asked(grant.ttl_secs.map_or(parent.expires, |ttl| now.saturating_add(ttl)))?;
        self.give(parent.narrow(TokenId::generate(), asked, now)?, by, uid)
    }

    fn give(&self, claims: Claims, by: &str, uid: u32) -> Result<Minted, CapabilityError> {
        let token = sign(&self.key, &claims)?;
        self.store().add(&claims, by, uid)?;
        Ok(Minted { token, claims })
    }

    /// Takes a token back, with every one below it. Doing it again publishes it again.
    pub(crate) fn revoke(&self, id: &TokenId, by: &Revoker) -> Result<Taken, CapabilityError> {
        let mut store = self.store();
        let taken = store.revoke(id, by, now())?;
        // The list on disk stands; who watches in this process learns it even where the feed can't be written.
        let published = self.publish(&mut store);
        self.verifier.send_replace(Arc::new(Verifier::new(self.key.public(), store.revocations(now())?)));
        published.map(|()| taken)
    }

    /// The tokens, newest first.
    pub(crate) fn list(&self, all: bool, limit: u32) -> Result<Vec<Given>, CapabilityError> {
        self.store().list(all, limit, now())
    }

    /// What checks tokens now.
    pub(crate) fn verifier(&self) -> Arc<Verifier> {
        self.verifier.borrow().clone()
    }

    /// What checks tokens, now and whenever one is taken back.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Verifier>> {
        self.verifier.subscribe()
    }

    /// The key, the feed's place and its number.
    pub(crate) fn key(&self) -> Result<(PublicKey, &Path, u64), CapabilityError> {
        Ok((self.key.public(), &self.feed, self.store().sequence()?))
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, store: &mut Store) -> Result<(), CapabilityError> {
        let sequence = store.next_sequence(Timestamp::now().as_millisecond().unsigned_abs())?;
        let feed = Feed { key: self.key.public(), sequence, revoked: store.revocations(now())? };
        feed::write(&self.feed, &feed.to_text(&self.key))
            .map_err(|source| CapabilityError::Feed { path: self.feed.clone(), source })
    }
}

impl Grant {
    fn asked(&self, expires: u64) -> Result<NewClaims, CapabilityError> {
        let permissions = Permissions::parse(&self.permissions)?;
        Ok(NewClaims { holder: self.holder.clone(), permissions, limits: self.limits, expires })
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use osmoda_capability::Refused;

    use super::*;

    fn opened() -> (tempfile::TempDir, Capabilities) {
        let folder = tempfile::tempdir().unwrap();
        let capabilities = Capabilities::open(folder.path(), folder.path()).unwrap();
        (folder, capabilities)
    }

    fn grant(permissions: &[&str]) -> Grant {
        Grant {
            holder: "build".into(),
            permissions: permissions.iter().map(ToString::to_string).collect(),
            ..Grant::default()
        }
    }

    fn anybody() -> Revoker {
        Revoker { actor: "operator:root".into(), only_of_uid: None }
    }

    fn feed(folder: &tempfile::TempDir) -> Feed {
        Feed::parse(&std::fs::read_to_string(folder.path().join(FEED_FILE)).unwrap()).unwrap()
    }

    #[test]
    fn whoever_reads_the_feed_learns_what_was_taken_back() {
        let (folder, capabilities) = opened();
        let root = capabilities.mint(&grant(&["net:*.example.org"]), "agent:x", 7).unwrap();
        let narrower = capabilities.narrow(&root.token, &grant(&["net:a.example.org:443"]), "agent:x", 7).unwrap();
        assert_eq!(narrower.claims.expires, root.claims.expires);
        let before = feed(&folder);
        assert_eq!(before.verifier().verify(&narrower.token, now()), Ok(narrower.claims.clone()));
        let mut watched = capabilities.verifier.subscribe();
        let taken = capabilities.revoke(&root.claims.id, &anybody()).unwrap();
        assert_eq!(taken.also, std::slice::from_ref(&narrower.claims.id));
        let after = feed(&folder);
        assert!(after.sequence > before.sequence);
        let refused = Err(Refused::Revoked(root.claims.id.clone()));
        assert_eq!(after.verifier().verify(&narrower.token, now()), refused);
        assert!(watched.has_changed().unwrap());
        assert_eq!(watched.borrow_and_update().verify(&narrower.token, now()), refused);
        assert!(capabilities.narrow(&root.token, &grant(&["net:a.example.org"]), "agent:x", 7).is_err());
    }

    #[test]
    fn key_list_and_revocations_outlast_their_process_and_the_runtime_folder() {
        let (folder, capabilities) = opened();
        let kept = capabilities.mint(&grant(&["fs.read:/srv"]), "agent:x", 7).unwrap();
        let gone = capabilities.mint(&grant(&["fs.read:/srv"]), "agent:x", 7).unwrap();
        capabilities.revoke(&gone.claims.id, &anybody()).unwrap();
        let sequence = feed(&folder).sequence;
        drop(capabilities);
        std::fs::remove_file(folder.path().join(FEED_FILE)).unwrap();
        let capabilities = Capabilities::open(folder.path(), folder.path()).unwrap();
        let feed = feed(&folder);
        assert!(feed.sequence > sequence);
        assert!(feed.verifier().verify(&kept.token, now()).is_ok());
        assert_eq!(feed.verifier().verify(&gone.token, now()), Err(Refused::Revoked(gone.claims.id.clone())));
        let listed =
            |all| capabilities.list(all, 10).unwrap().into_iter().map(|given| given.claims.id).collect::<Vec<_>>();
        assert_eq!(listed(false), std::slice::from_ref(&kept.claims.id));
        assert_eq!(listed(true), [gone.claims.id, kept.claims.id]);
    }

    #[test]
    fn an_agent_takes_back_only_what_it_had_made() {
        let (_folder, capabilities) = opened();
        let token = capabilities.mint(&grant(&["fs.read:/srv"]), "agent:x", 7).unwrap();
        let by = |uid| Revoker { actor: "agent:y".into(), only_of_uid: Some(uid) };
        let id = &token.claims.id;
        assert!(matches!(capabilities.revoke(id, &by(8)), Err(CapabilityError::NotYours(_))));
        assert!(matches!(capabilities.revoke(&TokenId::generate(), &by(7)), Err(CapabilityError::Unknown(_))));
        let first = capabilities.revoke(id, &by(7)).unwrap();
        assert_eq!(capabilities.revoke(id, &by(7)).unwrap().at, first.at, "once more changes nothing");
    }

    #[test]
    fn a_feed_that_cannot_be_written_is_an_error_and_the_token_still_falls_here() {
        let (folder, capabilities) = opened();
        let token = capabilities.mint(&grant(&["fs.read:/srv"]), "agent:x", 7).unwrap();
        let place = folder.path().join(FEED_FILE);
        std::fs::remove_file(&place).unwrap();
        std::fs::create_dir(&place).unwrap();
        let id = &token.claims.id;
        assert!(matches!(capabilities.revoke(id, &anybody()), Err(CapabilityError::Feed { .. })));
        assert!(capabilities.verifier().verify(&token.token, now()).is_err());
        std::fs::remove_dir(&place).unwrap();
        capabilities.revoke(id, &anybody()).unwrap();
        assert!(feed(&folder).revoked.contains(id));
    }
}
