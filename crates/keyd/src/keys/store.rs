//! The wallets on disk: one sealed file each.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use jiff::Timestamp;
use osmoda_api::keyd::{Chain, Wallet};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    KeyBytes, KeyError, MasterKey,
    master::write_new,
    portable::address_of,
    random, scrub_stack,
    seal::{Sealed, open, seal},
};

/// More wallets than this are refused.
const MOST: usize = 10_000;
/// How often a key's file is overwritten before it goes.
const OVERWRITES: usize = 3;

/// A wallet's file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnDisk {
    version: u32,
    #[serde(flatten)]
    wallet: Flat,
    nonce: String,
    sealed: String,
}

/// As [`Wallet`], which is the contract's and may change with it.
#[derive(Serialize, Deserialize)]
struct Flat {
    id: String,
    chain: Chain,
    address: String,
    label: String,
    created_at: String,
}

/// Where a new key comes from.
pub(crate) enum NewKey {
    /// The system's random source.
    Random,
    /// An operator.
    Given(KeyBytes),
}

#[derive(Debug)]
struct Entry {
    wallet: Wallet,
    sealed: Sealed,
}

/// Every wallet of this machine.
#[derive(Debug)]
pub(crate) struct Keys {
    master: MasterKey,
    folder: PathBuf,
    wallets: RwLock<BTreeMap<String, Arc<Entry>>>,
}

impl Keys {
    /// Reads every wallet's file; each must be sealed under this master key.
    pub(crate) fn open(master: MasterKey, folder: &Path) -> Result<Self, KeyError> {
        let folder = folder.join("wallets");
        let io = |source| KeyError::Io { path: folder.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(io)?;
        let mut wallets = BTreeMap::new();
        for file in fs::read_dir(&folder).map_err(io)? {
            let path = file.map_err(io)?.path();
            if path.extension().is_some_and(|extension| extension == "wallet") {
                let entry = read(&path)?;
                wallets.insert(entry.wallet.id.clone(), Arc::new(entry));
            }
        }
        let keys = Self { master, folder, wallets: RwLock::new(wallets) };
        for wallet in keys.list() {
            let address = keys.with_key(&wallet.id, |key| address_of(wallet.chain, key))??;
            if address != wallet.address {
                return Err(KeyError::Broken(wallet.id));
            }
        }
        Ok(keys)
    }

    /// Whether the system keeps the master key out of the swap.
    pub(crate) fn is_locked(&self) -> bool {
        self.master.is_locked()
    }

    /// Every wallet, oldest first.
    pub(crate) fn list(&self) -> Vec<Wallet> {
        self.read().values().map(|entry| entry.wallet.clone()).collect()
    }

    /// The wallet with this id.
    pub(crate) fn find(&self, id: &str) -> Result<Wallet, KeyError> {
        self.entry(id).map(|entry| entry.wallet.clone())
    }

    /// A new wallet, on disk when this returns.
    pub(crate) fn add(&self, chain: Chain, label: Option<String>, key: NewKey) -> Result<Wallet, KeyError> {
        let key = match key {
            NewKey::Given(key) => key,
            NewKey::Random => fresh(chain)?,
        };
        let address = address_of(chain, &key)?;
        scrub_stack();
        let id = format!("wal_{}", ulid::Ulid::generate());
        let sealed = seal(self.master.bytes(), &binding(&id, chain, &address), key.as_ref())?;
        drop(key);
        let wallet =
            Wallet { id, chain, address, label: label.unwrap_or_default(), created_at: Timestamp::now().to_string() };
        let mut wallets = self.wallets.write().unwrap_or_else(PoisonError::into_inner);
        if wallets.len() >= MOST {
            return Err(KeyError::TooMany(wallets.len()));
        }
        if let Some(there) = wallets.values().find(|there| there.wallet.address == wallet.address) {
            return Err(KeyError::Twice(wallet.address, there.wallet.id.clone()));
        }
        write_new(&self.path(&wallet.id), &on_disk(&wallet, &sealed)?)?;
        wallets.insert(wallet.id.clone(), Arc::new(Entry { wallet: wallet.clone(), sealed }));
        Ok(wallet)
    }

    /// Overwrites a wallet's file, removes it and forgets the key.
    pub(crate) fn remove(&self, id: &str) -> Result<(), KeyError> {
        let mut wallets = self.wallets.write().unwrap_or_else(PoisonError::into_inner);
        if !wallets.contains_key(id) {
            return Err(KeyError::Unknown(id.chars().take(64).collect()));
        }
        let path = self.path(id);
        overwrite(&path).map_err(|source| KeyError::Io { path, source })?;
        wallets.remove(id);
        Ok(())
    }

    /// Opens the key for one piece of work, and wipes every trace of it afterwards.
    pub(crate) fn with_key<T>(&self, id: &str, work: impl FnOnce(&KeyBytes) -> T) -> Result<T, KeyError> {
        let entry = self.entry(id)?;
        let result = self.opened(&entry, work);
        scrub_stack();
        result
    }

    // A frame of its own, so that all of it lies where the stack is scrubbed.
    #[inline(never)]
    fn opened<T>(&self, entry: &Entry, work: impl FnOnce(&KeyBytes) -> T) -> Result<T, KeyError> {
        let wallet = &entry.wallet;
        let broken = || KeyError::Broken(wallet.id.clone());
        let binding = binding(&wallet.id, wallet.chain, &wallet.address);
        let plain = open(self.master.bytes(), &binding, &entry.sealed).ok_or_else(broken)?;
        let mut key = KeyBytes::default();
        if plain.len() != key.len() {
            return Err(broken());
        }
        key.copy_from_slice(&plain);
        Ok(work(&key))
    }

    fn entry(&self, id: &str) -> Result<Arc<Entry>, KeyError> {
        self.read().get(id).cloned().ok_or_else(|| KeyError::Unknown(id.chars().take(64).collect()))
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Arc<Entry>>> {
        self.wallets.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.wallet"))
    }
}

/// What a sealed key belongs to; none of the parts can hold `|`.
fn binding(id: &str, chain: Chain, address: &str) -> Vec<u8> {
    format!("osmoda-keyd-1|{id}|{}|{address}", chain.as_str()).into_bytes()
}

/// A random key that the chain's curve has.
fn fresh(chain: Chain) -> Result<KeyBytes, KeyError> {
    loop {
        let key = Zeroizing::new(random::<32>()?);
        if address_of(chain, &key).is_ok() {
            return Ok(key);
        }
    }
}

fn on_disk(wallet: &Wallet, sealed: &Sealed) -> Result<Vec<u8>, KeyError> {
    let Wallet { id, chain, address, label, created_at } = wallet.clone();
    let file = OnDisk {
        version: 1,
        wallet: Flat { id, chain, address, label, created_at },
        nonce: BASE64.encode(sealed.nonce),
        sealed: BASE64.encode(&sealed.ciphertext),
    };
    serde_json::to_vec_pretty(&file).map_err(|_| KeyError::BadSecret("the wallet can't be written as JSON"))
}

fn read(path: &Path) -> Result<Entry, KeyError> {
    let bytes = fs::read(path).map_err(|source| KeyError::Io { path: path.to_owned(), source })?;
    let bad = |why: &'static str| KeyError::BadFile { path: path.to_owned(), why: why.into() };
    let file: OnDisk = serde_json::from_slice(&bytes).map_err(|_| bad("it is no wallet's JSON"))?;
    if file.version != 1 {
        return Err(bad("it was written by a newer version"));
    }
    let Flat { id, chain, address, label, created_at } = file.wallet;
    if path.file_stem().is_none_or(|stem| stem != id.as_str()) {
        return Err(bad("its name and the id in it are not the same"));
    }
    let nonce = BASE64.decode(&file.nonce).ok().and_then(|nonce| nonce.try_into().ok()).ok_or(bad("bad nonce"))?;
    let ciphertext = BASE64.decode(&file.sealed).map_err(|_| bad("bad base64"))?;
    Ok(Entry { wallet: Wallet { id, chain, address, label, created_at }, sealed: Sealed { nonce, ciphertext } })
}

/// Random bytes over the whole file, to the disk, then the name away.
fn overwrite(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX).min(1 << 20);
    let mut noise = vec![0; length];
    for _ in 0..OVERWRITES {
        getrandom::fill(&mut noise).map_err(io::Error::other)?;
        io::Seek::rewind(&mut file)?;
        file.write_all(&noise)?;
        file.sync_all()?;
    }
    fs::remove_file(path)?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeySource;

    fn keys(folder: &Path) -> Keys {
        Keys::open(MasterKey::open(&KeySource::File, folder).unwrap(), folder).unwrap()
    }

    #[test]
    fn wallets_outlive_their_process_and_no_file_holds_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let secret = [0x5a; 32];
        let first = keys(folder.path());
        let ethereum = first.add(Chain::Ethereum, Some("main".into()), NewKey::Given(Zeroizing::new(secret))).unwrap();
        let solana = first.add(Chain::Solana, None, NewKey::Random).unwrap();
        drop(first);
        let again = keys(folder.path());
        // Listed by id, and of two ids of one millisecond either may come first.
        let mut both = [ethereum.clone(), solana];
        both.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(again.list(), both);
        assert_eq!(again.with_key(&ethereum.id, |key| **key).unwrap(), secret);
        let file = fs::read(folder.path().join(format!("wallets/{}.wallet", ethereum.id))).unwrap();
        for form in [secret.to_vec(), BASE64.encode(secret).into_bytes(), "5a".repeat(32).into_bytes()] {
            assert!(!file.windows(form.len()).any(|window| window == form));
        }
    }

    #[test]
    fn a_file_that_was_swapped_or_changed_does_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = {
            let keys = keys(folder.path());
            let add = || keys.add(Chain::Ethereum, None, NewKey::Random).unwrap();
            (add(), add())
        };
        let path = |id: &str| folder.path().join(format!("wallets/{id}.wallet"));
        let text = fs::read_to_string(path(&a.id)).unwrap();
        for changed in [
            text.replace(&a.address, &b.address),
            text.replace(&a.id, &b.id),
            text.replace("\"ethereum\"", "\"solana\""),
        ] {
            fs::write(path(&a.id), changed).unwrap();
            let master = MasterKey::open(&KeySource::File, folder.path()).unwrap();
            assert!(Keys::open(master, folder.path()).is_err());
        }
    }

    #[test]
    fn a_removed_wallet_is_gone_and_an_address_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let keys = keys(folder.path());
        let given = || NewKey::Given(Zeroizing::new([7; 32]));
        let wallet = keys.add(Chain::Solana, None, given()).unwrap();
        assert!(matches!(keys.add(Chain::Solana, None, given()), Err(KeyError::Twice(..))));
        keys.remove(&wallet.id).unwrap();
        assert!(matches!(keys.with_key(&wallet.id, |_| ()), Err(KeyError::Unknown(_))));
        assert_eq!(fs::read_dir(folder.path().join("wallets")).unwrap().count(), 0);
        assert!(matches!(keys.remove("wal_../../x"), Err(KeyError::Unknown(_))));
    }
}
