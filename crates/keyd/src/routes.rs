//! What keyd serves.

use std::sync::Arc;

use osmoda_api::keyd::{
    KeydHealth, WalletBuildTx, WalletCreate, WalletDelete, WalletExport, WalletImport, WalletList, WalletNew,
    WalletReceipt, WalletSend, WalletSign,
};
use osmoda_ipc::Routes;

use crate::{
    gate::KeydGate,
    handlers::{health, operator, signing, wallets},
    keyd::Keyd,
};

pub(crate) fn routes(keyd: Arc<Keyd>) -> Routes<Keyd> {
    let (recorder, gate) = (keyd.steward.clone(), Arc::new(KeydGate(keyd.clone())));
    Routes::new("keyd", keyd)
        .recorded_by(recorder)
        .gated_by(gate)
        .on::<KeydHealth>(health::health)
        .on::<WalletCreate>(wallets::create)
        .on::<WalletList>(wallets::list)
        .on::<WalletDelete>(wallets::delete)
        .on::<WalletReceipt>(wallets::receipts)
        .on::<WalletSign>(signing::sign)
        .on::<WalletSend>(signing::send)
        .on::<WalletBuildTx>(signing::build)
        .on::<WalletNew>(operator::new)
        .on::<WalletImport>(operator::import)
        .on::<WalletExport>(operator::export)
}
