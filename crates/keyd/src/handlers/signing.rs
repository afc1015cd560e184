//! Signatures.

use std::sync::Arc;

use osmoda_api::keyd::{BuildTxRequest, BuiltTx, Chain, Sent, Signature, WalletSendRequest, WalletSignRequest};
use osmoda_ipc::{Call, Fault};

use crate::{act::decoded, keyd::Keyd};

pub(crate) async fn sign(keyd: Arc<Keyd>, call: Call, request: WalletSignRequest) -> Result<Signature, Fault> {
    let allowed = keyd.sign(&call, keyd.prepare_message(&request)?).await?;
    let scheme = match allowed.meaning.chain {
        Chain::Ethereum => "eip191",
        Chain::Solana => "solana_offchain_v0",
    };
    Ok(Signature { signature: allowed.signed.text, scheme: scheme.to_owned(), policy: allowed.rule })
}

pub(crate) async fn send(keyd: Arc<Keyd>, call: Call, request: WalletSendRequest) -> Result<Sent, Fault> {
    let allowed = keyd.sign(&call, keyd.prepare_send(&request)?).await?;
    Ok(Sent {
        signed_tx: allowed.signed.text,
        tx_hash: allowed.signed.hash,
        from: allowed.meaning.wallet_address,
        to: allowed.meaning.to.unwrap_or_default(),
        amount: allowed.meaning.amount.to_string(),
        policy: allowed.rule,
    })
}

pub(crate) async fn build(keyd: Arc<Keyd>, call: Call, request: BuildTxRequest) -> Result<BuiltTx, Fault> {
    let allowed = keyd.sign(&call, keyd.prepare(&request)?).await?;
    Ok(BuiltTx {
        signed_tx: allowed.signed.text,
        tx_hash: allowed.signed.hash,
        estimated_fee: allowed.meaning.fee.to_string(),
        decoded: decoded(&allowed.meaning),
        policy: allowed.rule,
    })
}
