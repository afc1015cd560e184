//! From a request to exactly the bytes that would be signed, and what they mean.

mod error;
mod ethereum;
mod solana;
mod unsigned;

use alloy_primitives::{B256, U256};
use osmoda_api::keyd::{BuildTxRequest, Chain, ChainParams, TxType, Wallet};

pub(crate) use self::{
    error::BuildError,
    ethereum::unhex,
    unsigned::{Signed, Unsigned},
};
use crate::policy::{Action, Asset, Meaning, Policy, parse_amount};

/// What would be signed, and what it means.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) meaning: Meaning,
    pub(crate) unsigned: Unsigned,
}

/// A transaction. `policy` knows tokens' decimals; `now` is in milliseconds.
pub(crate) fn transaction(
    wallet: &Wallet,
    request: &BuildTxRequest,
    policy: Option<&Policy>,
    now: i64,
) -> Result<Prepared, BuildError> {
    if request.chain != wallet.chain.as_str() {
        return Err(BuildError::WrongChain { wallet: wallet.chain.as_str(), asked: request.chain.clone() });
    }
    let kind = request.tx_type.unwrap_or_default();
    let params = request.chain_params.clone().unwrap_or_default();
    let job = Job { wallet, kind, to: &request.to, amount: &request.amount, params: &params, policy, now };
    match (wallet.chain, kind) {
        (Chain::Ethereum, TxType::SplTransfer) => Err(BuildError::NotHere(kind.as_str(), "ethereum")),
        (Chain::Ethereum, _) => job.ethereum(),
        (Chain::Solana, TxType::Transfer | TxType::SplTransfer) => job.solana(),
        (Chain::Solana, _) => Err(BuildError::NotHere(kind.as_str(), "solana")),
    }
}

/// A message, in the format of the wallet's chain.
pub(crate) fn message(wallet: &Wallet, message: &[u8]) -> Result<Prepared, BuildError> {
    let unsigned = match wallet.chain {
        Chain::Ethereum => {
            if let Some(why) = crate::ethereum::is_no_message(message) {
                return Err(BuildError::NoMessage(why));
            }
            Unsigned::Message(crate::ethereum::message_digest(message))
        }
        Chain::Solana => {
            if crate::solana::parses_as_transaction(message) {
                return Err(BuildError::NoMessage("it parses as a transaction"));
            }
            let address = solana::own_address(wallet)?;
            let bytes = crate::solana::offchain(&address, message)
                .ok_or(BuildError::NoMessage("a message on Solana is UTF-8 text of 65535 bytes at most"))?;
            Unsigned::Offchain(address, bytes)
        }
    };
    let meaning = meaning(wallet, Action::Message, None, Asset::Native, U256::ZERO);
    Ok(Prepared { meaning, unsigned })
}

/// What is to be built, for whom.
struct Job<'a> {
    wallet: &'a Wallet,
    kind: TxType,
    to: &'a str,
    amount: &'a str,
    params: &'a ChainParams,
    policy: Option<&'a Policy>,
    now: i64,
}

impl Job<'_> {
    /// The amount in the smallest unit of the asset.
    fn smallest(&self, asset: &Asset, decimals: Option<u8>) -> Result<U256, BuildError> {
        let known = match (asset, self.policy) {
            (Asset::Native, None) => Policy::default().decimals(self.wallet.chain, None, asset),
            (_, policy) => policy.and_then(|policy| policy.decimals(self.wallet.chain, self.params.chain_id, asset)),
        };
        Ok(parse_amount(self.amount)?.smallest(known.or(decimals), self.amount)?)
    }
}

/// A meaning without fee, call or anything unusual.
fn meaning(wallet: &Wallet, action: Action, to: Option<String>, asset: Asset, amount: U256) -> Meaning {
    Meaning {
        action,
        chain: wallet.chain,
        chain_id: None,
        wallet_id: wallet.id.clone(),
        wallet_address: wallet.address.clone(),
        to,
        asset,
        amount,
        fee: U256::ZERO,
        call: None,
        typed: None,
        unlimited: false,
    }
}

impl Prepared {
    /// What identifies the act before it is signed: the digest in hex.
    pub(crate) fn digest(&self) -> B256 {
        self.unsigned.digest()
    }
}
