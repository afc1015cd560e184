//! The way of a signature without callers, approvals and ledger: decoding, rules, book and key, as the daemon has them.
//! Its speed is measured by it.

use std::path::Path;

use osmoda_api::keyd::{BuildTxRequest, Chain};
use osmoda_ipc::Fault;

use crate::{
    book::Book,
    build::{self, Prepared, Signed},
    keys::{KeySource, Keys, MasterKey, NewKey},
    policy::{Policy, Verdict},
};

/// Keys, rules and a book in one folder.
#[derive(Debug)]
pub struct SigningPath {
    keys: Keys,
    policy: Policy,
    book: Book,
}

impl SigningPath {
    /// A fresh one in an empty folder, under these rules.
    pub fn open(folder: &Path, policy: &str) -> Result<Self, Fault> {
        let master = MasterKey::open(&KeySource::File, folder)?;
        let policy = Policy::parse(policy).map_err(Fault::internal)?;
        Ok(Self { keys: Keys::open(master, folder)?, policy, book: Book::open(&folder.join("book.db"))? })
    }

    /// A new wallet's id.
    pub fn wallet(&self, chain: Chain) -> Result<String, Fault> {
        Ok(self.keys.add(chain, None, NewKey::Random)?.id)
    }

    /// Decodes, judges and signs: the signed transaction.
    pub fn sign(&self, request: &BuildTxRequest) -> Result<String, Fault> {
        let (prepared, _) = self.judge(request)?;
        Ok(self.signed(&prepared)?.text)
    }

    /// The same, and counted on disk before the signature is made.
    pub fn sign_counted(&self, request: &BuildTxRequest) -> Result<String, Fault> {
        let (prepared, verdict) = self.judge(request)?;
        let digest = prepared.digest().to_string();
        let entry = self.book.count(&prepared.meaning, &verdict, &digest, "")??;
        let signed = self.signed(&prepared)?;
        self.book.signed(entry, &signed.hash)?;
        Ok(signed.text)
    }

    fn judge(&self, request: &BuildTxRequest) -> Result<(Prepared, Verdict), Fault> {
        let wallet = self.keys.find(&request.wallet_id)?;
        let prepared = build::transaction(&wallet, request, Some(&self.policy), 0)?;
        let verdict = self.policy.judge(&prepared.meaning)?;
        Ok((prepared, verdict))
    }

    fn signed(&self, prepared: &Prepared) -> Result<Signed, Fault> {
        let signed = self.keys.with_key(&prepared.meaning.wallet_id, |key| prepared.unsigned.sign(key))?;
        signed.ok_or_else(|| Fault::internal_text("the key signs nothing"))
    }
}
