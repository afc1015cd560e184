//! Wallets.

use std::sync::Arc;

use osmoda_api::keyd::{
    Wallet, WalletCreateRequest, WalletDeleteRequest, WalletDeleted, WalletReceiptRequest, WalletReceipts, Wallets,
};
use osmoda_ipc::{Call, Fault, Nothing};

use super::{blocking, label};
use crate::{keyd::Keyd, keys::NewKey};

pub(crate) async fn create(keyd: Arc<Keyd>, _call: Call, request: WalletCreateRequest) -> Result<Wallet, Fault> {
    let label = label(request.label)?;
    blocking(move || keyd.keys.add(request.chain, label, NewKey::Random)).await
}

pub(crate) async fn list(keyd: Arc<Keyd>, _call: Call, _request: Nothing) -> Result<Wallets, Fault> {
    Ok(Wallets { wallets: keyd.keys.list() })
}

pub(crate) async fn delete(keyd: Arc<Keyd>, _call: Call, request: WalletDeleteRequest) -> Result<WalletDeleted, Fault> {
    let id = request.wallet_id.clone();
    blocking(move || keyd.keys.remove(&id)).await?;
    Ok(WalletDeleted { deleted: request.wallet_id })
}

pub(crate) async fn receipts(
    keyd: Arc<Keyd>,
    _call: Call,
    request: WalletReceiptRequest,
) -> Result<WalletReceipts, Fault> {
    let limit = request.limit.unwrap_or(50).clamp(1, 1000);
    let receipts = blocking(move || keyd.book.receipts(request.wallet_id.as_deref(), limit)).await?;
    Ok(WalletReceipts { receipts })
}
