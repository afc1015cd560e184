//! What may be signed: the operator's rules. The first that matches decides; where none matches, nothing is signed.

mod amount;
mod file;
mod judge;
mod rule;

use alloy_primitives::{Address, U256};
use osmoda_api::keyd::Chain;

#[cfg(test)]
pub(crate) use self::judge::Limit;
pub(crate) use self::{
    amount::{Amount, BadAmount, parse_amount},
    file::{BadPolicy, Policy},
    judge::{Refusal, Span, Verdict},
};

/// What kind of act it is, as decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    Transfer,
    Erc20Transfer,
    ContractCall,
    TypedData,
    X402Authorization,
    SplTransfer,
    Message,
}

impl Action {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Erc20Transfer => "erc20_transfer",
            Self::ContractCall => "contract_call",
            Self::TypedData => "typed_data",
            Self::X402Authorization => "x402_authorization",
            Self::SplTransfer => "spl_transfer",
            Self::Message => "message",
        }
    }
}

/// What is spent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Asset {
    /// The chain's own coin.
    Native,
    /// A token, by its contract (EIP-55) or mint (base58).
    Token(String),
}

impl Asset {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Native => "native",
            Self::Token(token) => token,
        }
    }
}

/// What an act means, decoded from exactly the bytes that would be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) action: Action,
    pub(crate) chain: Chain,
    /// Of Ethereum's acts but messages.
    pub(crate) chain_id: Option<u64>,
    pub(crate) wallet_id: String,
    pub(crate) wallet_address: String,
    /// Who receives, who may spend, or the contract that is called; nobody for messages.
    pub(crate) to: Option<String>,
    pub(crate) asset: Asset,
    /// In the smallest unit.
    pub(crate) amount: U256,
    /// The most that it costs beside, in the chain's coin.
    pub(crate) fee: U256,
    /// A call that is no plain transfer: contract and selector.
    pub(crate) call: Option<(Address, [u8; 4])>,
    /// Typed data that keyd does not know: contract and primary type.
    pub(crate) typed: Option<(Address, String)>,
    /// Whether it gives away more than can be counted.
    pub(crate) unlimited: bool,
}

/// From this amount on an allowance is no number any more: the largest of the narrowest tokens, 2^96 - 1.
pub(crate) const UNLIMITED: U256 = U256::from_limbs([u64::MAX, u32::MAX as u64, 0, 0]);
