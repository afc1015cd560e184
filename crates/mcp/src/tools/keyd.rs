//! keyd's tools.

use osmoda_api::keyd as api;

use super::{ToolInfo, row as tool};
use crate::Toolset::Wallet;

pub(super) fn rows() -> Vec<ToolInfo> {
    vec![
        tool::<api::WalletCreate>("Make a wallet", Wallet),
        tool::<api::WalletList>("List wallets", Wallet),
        tool::<api::WalletSign>("Sign a message", Wallet),
        tool::<api::WalletSend>("Sign a transfer", Wallet),
        tool::<api::WalletDelete>("Delete a wallet", Wallet),
        tool::<api::WalletReceipt>("List decisions over keys", Wallet),
        tool::<api::WalletBuildTx>("Build and sign a transaction", Wallet),
    ]
}
