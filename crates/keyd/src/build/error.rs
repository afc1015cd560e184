//! Why a transaction can't be built.

use osmoda_ipc::Fault;

use crate::{
    ethereum::{BadAddress, BadCall, BadTypedData},
    policy::BadAmount,
    solana,
};

/// A request from which nothing can be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BuildError {
    #[error("the wallet is of {wallet}, not of {asked:?}")]
    WrongChain { wallet: &'static str, asked: String },
    #[error("{0} is no transaction of {1}")]
    NotHere(&'static str, &'static str),
    #[error("chain_params.{0} is missing; keyd has no network, so look it up and say it")]
    Missing(&'static str),
    #[error("chain_params.{0} {1}")]
    Param(&'static str, String),
    #[error("chain_params has no {0}")]
    UnknownParam(String),
    #[error("{0}")]
    EthereumAddress(#[from] BadAddress),
    #[error("{0}")]
    SolanaAddress(#[from] solana::BadAddress),
    #[error("{0}")]
    Amount(#[from] BadAmount),
    #[error("{0}")]
    Call(#[from] BadCall),
    #[error("{0}")]
    Typed(#[from] BadTypedData),
    #[error("this is no message: {0}")]
    NoMessage(&'static str),
    #[error("{0}")]
    Confusing(&'static str),
    #[error("the payload is not hex")]
    NoHex,
}

impl From<BuildError> for Fault {
    fn from(error: BuildError) -> Self {
        let message = error.to_string();
        match error {
            BuildError::WrongChain { .. } => Self::bad_request("wrong_chain", message),
            BuildError::NotHere(..) | BuildError::UnknownParam(_) | BuildError::Param(..) | BuildError::NoHex => {
                Self::bad_request("invalid_request", message)
            }
            BuildError::Missing(_) => Self::bad_request("missing_chain_param", message),
            BuildError::EthereumAddress(_) | BuildError::SolanaAddress(_) => {
                Self::bad_request("invalid_address", message)
            }
            BuildError::Amount(_) => Self::bad_request("invalid_amount", message),
            BuildError::Call(_) => Self::bad_request("invalid_call_data", message),
            BuildError::Typed(_) => Self::bad_request("invalid_typed_data", message),
            BuildError::NoMessage(_) => Self::forbidden("not_a_message", message),
            BuildError::Confusing(_) => Self::bad_request("ambiguous_transaction", message),
        }
    }
}
