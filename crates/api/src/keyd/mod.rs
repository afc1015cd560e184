//! keyd: wallets that an agent can use and can't abuse.

mod health;
mod operator;
mod signing;
mod wallets;

use osmoda_ipc::EndpointInfo;

pub use self::{health::*, operator::*, signing::*, wallets::*};

/// What keyd serves, by subject.
pub fn endpoints() -> Vec<EndpointInfo> {
    vec![
        EndpointInfo::of::<KeydHealth>(),
        EndpointInfo::of::<WalletCreate>(),
        EndpointInfo::of::<WalletList>(),
        EndpointInfo::of::<WalletDelete>(),
        EndpointInfo::of::<WalletSign>(),
        EndpointInfo::of::<WalletSend>(),
        EndpointInfo::of::<WalletBuildTx>(),
        EndpointInfo::of::<WalletReceipt>(),
        EndpointInfo::of::<WalletNew>(),
        EndpointInfo::of::<WalletImport>(),
        EndpointInfo::of::<WalletExport>(),
    ]
}
