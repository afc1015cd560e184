//! Ethereum's transactions from requests.

use alloy_primitives::{Address, B256, U256, hex};
use osmoda_api::keyd::TxType;

use super::{BuildError, Job, Prepared, Unsigned, meaning};
use crate::{
    ethereum::{Authorization, Call, Eip1559, TypedMeaning, parse_address, read_call, read_typed, transfer_data},
    keys::random,
    policy::{Action, Amount, Asset, Meaning, UNLIMITED, parse_amount},
};

/// What a plain transfer needs.
const GAS_OF_TRANSFER: u64 = 21_000;
/// Enough for a token's transfer.
const GAS_OF_TOKEN: u64 = 100_000;
/// How long an x402 authorisation is good where nobody says, in seconds.
const PAYMENT_LASTS: u64 = 300;

impl Job<'_> {
    pub(super) fn ethereum(&self) -> Result<Prepared, BuildError> {
        match self.kind {
            TxType::TypedData => self.typed(),
            TxType::X402Authorization => self.payment(),
            _ => self.transaction(),
        }
    }

    fn chain_id(&self) -> Result<u64, BuildError> {
        match self.params.chain_id {
            Some(0) => Err(BuildError::Param("chain_id", "is never 0".into())),
            Some(id) => Ok(id),
            None => Err(BuildError::Missing("chain_id")),
        }
    }

    fn own_address(&self) -> Result<Address, BuildError> {
        Ok(parse_address(&self.wallet.address)?)
    }

    fn wei(&self, name: &'static str, text: Option<&String>) -> Result<u128, BuildError> {
        let text = text.ok_or(BuildError::Missing(name))?;
        match parse_amount(text)? {
            Amount::Smallest(wei) => {
                u128::try_from(wei).map_err(|_| BuildError::Param(name, "is more than a fee can be".into()))
            }
            Amount::Whole(..) => Err(BuildError::Param(name, "is in wei, without a point".into())),
        }
    }

    fn transaction(&self) -> Result<Prepared, BuildError> {
        let to = parse_address(self.to)?;
        let params = self.params;
        if params.data.is_some() && self.kind != TxType::ContractCall {
            return Err(BuildError::Confusing("data belongs to tx_type contract_call alone"));
        }
        let token = match (self.kind, &params.token) {
            (TxType::Erc20Transfer, Some(token)) => Some(parse_address(token)?),
            (TxType::Erc20Transfer, None) => return Err(BuildError::Missing("token")),
            (_, Some(_)) => {
                return Err(BuildError::Confusing("token belongs to erc20_transfer and x402_authorization"));
            }
            (_, None) => None,
        };
        let (target, value, data, default_gas) = match token {
            Some(token) if token == to => {
                return Err(BuildError::Confusing("to is the token's own contract, and what is sent there is lost"));
            }
            Some(token) => {
                let amount = self.smallest(&Asset::Token(token.to_string()), None)?;
                (token, U256::ZERO, transfer_data(to, amount), Some(GAS_OF_TOKEN))
            }
            None => {
                let value = self.smallest(&Asset::Native, None)?;
                let data = params.data.as_deref().map(unhex).transpose()?.unwrap_or_default();
                let gas = (self.kind == TxType::Transfer).then_some(GAS_OF_TRANSFER);
                (to, value, data, gas)
            }
        };
        let transaction = Eip1559 {
            chain_id: self.chain_id()?,
            nonce: params.nonce.ok_or(BuildError::Missing("nonce"))?,
            max_priority_fee: self.wei("max_priority_fee_per_gas", params.max_priority_fee_per_gas.as_ref())?,
            max_fee: self.wei("max_fee_per_gas", params.max_fee_per_gas.as_ref())?,
            gas_limit: params.gas_limit.or(default_gas).ok_or(BuildError::Missing("gas_limit"))?,
            to: target,
            value,
            data,
        };
        if transaction.max_priority_fee > transaction.max_fee {
            return Err(BuildError::Param("max_priority_fee_per_gas", "is more than max_fee_per_gas".into()));
        }
        if transaction.gas_limit < GAS_OF_TRANSFER {
            return Err(BuildError::Param("gas_limit", "is less than any transaction needs (21000)".into()));
        }
        let meaning = self.meaning_of(&transaction)?;
        Ok(Prepared { meaning, unsigned: Unsigned::Transaction(transaction) })
    }

    /// What a transaction does, whatever it was asked for as.
    fn meaning_of(&self, transaction: &Eip1559) -> Result<Meaning, BuildError> {
        let contract = transaction.to;
        let token = || Asset::Token(contract.to_string());
        let selector = transaction.data.first_chunk::<4>().copied().unwrap_or_default();
        let call = read_call(&transaction.data)?;
        if !transaction.value.is_zero() && !matches!(call, Call::Empty | Call::Unknown) {
            return Err(BuildError::Confusing(
                "a token's call that carries the chain's coin too spends two things at once",
            ));
        }
        let own = self.own_address()?;
        let called = Some((contract, selector));
        let text = |address: Address| Some(address.to_string());
        let (action, to, asset, amount, called) = match call {
            Call::Empty => (Action::Transfer, text(contract), Asset::Native, transaction.value, None),
            Call::Transfer { to, amount } => (Action::Erc20Transfer, text(to), token(), amount, None),
            Call::TransferFrom { from, to, amount } if from == own => {
                (Action::Erc20Transfer, text(to), token(), amount, None)
            }
            Call::TransferFrom { to, amount, .. } => (Action::ContractCall, text(to), token(), amount, called),
            Call::Approve { spender, amount } => (Action::ContractCall, text(spender), token(), amount, called),
            Call::ApproveAll { operator } => (Action::ContractCall, text(operator), token(), U256::MAX, called),
            Call::Unknown => (Action::ContractCall, text(contract), Asset::Native, transaction.value, called),
        };
        let gives_right = matches!(call, Call::Approve { .. } | Call::ApproveAll { .. });
        Ok(Meaning {
            chain_id: Some(transaction.chain_id),
            fee: transaction.most_fee(),
            call: called,
            unlimited: gives_right && amount >= UNLIMITED,
            ..meaning(self.wallet, action, to, asset, amount)
        })
    }

    fn typed(&self) -> Result<Prepared, BuildError> {
        let typed = read_typed(self.params.typed_data.as_ref().ok_or(BuildError::Missing("typed_data"))?)?;
        if self.params.chain_id.is_some_and(|id| id != typed.chain_id) {
            return Err(BuildError::Param("chain_id", "is not the typed data's".into()));
        }
        let own = self.own_address()?;
        let base = |action, to: Address, asset, amount| Meaning {
            chain_id: Some(typed.chain_id),
            ..meaning(self.wallet, action, Some(to.to_string()), asset, amount)
        };
        let meaning = match typed.meaning {
            TypedMeaning::Authorization { from, .. } if from != own => {
                return Err(BuildError::Confusing("the authorisation is over another account's tokens"));
            }
            TypedMeaning::Permit { owner: Some(owner), .. } if owner != own => {
                return Err(BuildError::Confusing("the permit is over another account's tokens"));
            }
            TypedMeaning::Authorization { to, amount, .. } => {
                base(Action::X402Authorization, to, Asset::Token(typed.contract.to_string()), amount)
            }
            TypedMeaning::Permit { token, spender, amount, .. } => Meaning {
                unlimited: amount >= UNLIMITED,
                ..base(Action::TypedData, spender, Asset::Token(token.to_string()), amount)
            },
            TypedMeaning::Unknown => Meaning {
                typed: Some((typed.contract, typed.primary_type.clone())),
                ..base(Action::TypedData, typed.contract, Asset::Native, U256::ZERO)
            },
        };
        // What the caller says beside it must be what it is.
        if !self.to.is_empty() && Some(parse_address(self.to)?.to_string()) != meaning.to {
            return Err(BuildError::Confusing(
                "to is not whom the typed data is about; leave it empty or say the same",
            ));
        }
        if !self.amount.is_empty() && self.smallest(&meaning.asset, None)? != meaning.amount {
            return Err(BuildError::Confusing("amount is not the typed data's; leave it empty or say the same"));
        }
        Ok(Prepared { meaning, unsigned: Unsigned::Typed(typed.digest) })
    }

    fn payment(&self) -> Result<Prepared, BuildError> {
        let params = self.params;
        let token = parse_address(params.token.as_deref().ok_or(BuildError::Missing("token"))?)?;
        let to = parse_address(self.to)?;
        let asset = Asset::Token(token.to_string());
        let amount = self.smallest(&asset, None)?;
        let now = u64::try_from(self.now / 1000).unwrap_or(0);
        let nonce = match &params.authorization_nonce {
            None => B256::from(
                random::<32>()
                    .map_err(|_| BuildError::Param("authorization_nonce", "could not be made; say one".into()))?,
            ),
            Some(text) => {
                let bytes = unhex(text)?;
                B256::try_from(bytes.as_slice())
                    .map_err(|_| BuildError::Param("authorization_nonce", "is 32 bytes in hex".into()))?
            }
        };
        let authorization = Authorization {
            chain_id: self.chain_id()?,
            token,
            name: params.token_name.clone().ok_or(BuildError::Missing("token_name"))?,
            version: params.token_version.clone().unwrap_or_else(|| "2".into()),
            from: self.own_address()?,
            to,
            value: amount,
            valid_after: params.valid_after.unwrap_or(0),
            valid_before: params.valid_before.unwrap_or(now + PAYMENT_LASTS),
            nonce,
            network: params.network.clone().ok_or(BuildError::Missing("network"))?,
        };
        let meaning = Meaning {
            chain_id: Some(authorization.chain_id),
            ..meaning(self.wallet, Action::X402Authorization, Some(to.to_string()), asset, amount)
        };
        Ok(Prepared { meaning, unsigned: Unsigned::Payment(authorization) })
    }
}

/// Bytes in hex, with or without 0x.
pub(crate) fn unhex(text: &str) -> Result<Vec<u8>, BuildError> {
    hex::decode(text).map_err(|_| BuildError::NoHex)
}
