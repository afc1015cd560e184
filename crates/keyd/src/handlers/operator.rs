//! What operators alone do with keys.

use std::sync::Arc;

use osmoda_api::keyd::{
    Secret, Wallet, WalletExportRequest, WalletExported, WalletImportRequest, WalletNewRequest, WalletWithPhrase,
};
use osmoda_ipc::{Call, Fault};

use super::{blocking, label};
use crate::{
    keyd::Keyd,
    keys::{KeyError, NewKey, derive, new_phrase, open_portable, seal_portable},
};

pub(crate) async fn new(keyd: Arc<Keyd>, _call: Call, request: WalletNewRequest) -> Result<WalletWithPhrase, Fault> {
    let label = label(request.label)?;
    blocking(move || {
        let phrase = new_phrase()?;
        let key = derive(request.chain, &phrase)?;
        let wallet = keyd.keys.add(request.chain, label, NewKey::Given(key))?;
        Ok::<_, KeyError>(WalletWithPhrase { wallet, phrase: Secret(phrase.to_string()) })
    })
    .await
}

pub(crate) async fn import(keyd: Arc<Keyd>, _call: Call, request: WalletImportRequest) -> Result<Wallet, Fault> {
    let label = label(request.label)?;
    blocking(move || {
        let passphrase = request.passphrase.as_ref().map(|passphrase| passphrase.0.as_str());
        let key = open_portable(request.chain, &request.secret.0, passphrase)?;
        keyd.keys.add(request.chain, label, NewKey::Given(key))
    })
    .await
}

pub(crate) async fn export(
    keyd: Arc<Keyd>,
    _call: Call,
    request: WalletExportRequest,
) -> Result<WalletExported, Fault> {
    blocking(move || {
        let wallet = keyd.keys.find(&request.wallet_id)?;
        let sealed = keyd
            .keys
            .with_key(&wallet.id, |key| seal_portable(key, wallet.chain, &wallet.address, &request.passphrase.0))?;
        Ok::<_, KeyError>(WalletExported { file: sealed? })
    })
    .await
}
