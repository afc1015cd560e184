//! Solana's transactions from requests.

use alloy_primitives::U256;
use osmoda_api::keyd::{TxType, Wallet};

use super::{BuildError, Job, Prepared, Unsigned, meaning};
use crate::{
    policy::{Action, Asset, Meaning},
    solana::{Address, Message, spl_transfer, system_transfer},
};

pub(super) fn own_address(wallet: &Wallet) -> Result<Address, BuildError> {
    Ok(wallet.address.parse()?)
}

impl Job<'_> {
    pub(super) fn solana(&self) -> Result<Prepared, BuildError> {
        let params = self.params;
        let from = own_address(self.wallet)?;
        let to: Address = self.to.parse()?;
        let blockhash: Address =
            params.recent_blockhash.as_deref().ok_or(BuildError::Missing("recent_blockhash"))?.parse()?;
        let integer =
            |amount: U256| u64::try_from(amount).map_err(|_| BuildError::Confusing("amounts on Solana have 64 bits"));
        let (action, asset, amount, transfer) = if self.kind == TxType::Transfer {
            let amount = self.smallest(&Asset::Native, None)?;
            (Action::Transfer, Asset::Native, amount, system_transfer(from, to, integer(amount)?))
        } else {
            let mint: Address = params.token.as_deref().ok_or(BuildError::Missing("token"))?.parse()?;
            let decimals = params.decimals.ok_or(BuildError::Missing("decimals"))?;
            let program = match params.token_program.as_deref() {
                None | Some("token") => Address::TOKEN,
                Some("token-2022") => Address::TOKEN_2022,
                Some(_) => return Err(BuildError::Param("token_program", "is token or token-2022".into())),
            };
            if !to.is_on_curve() {
                return Err(BuildError::Confusing(
                    "to is no wallet's address but a program's; say the owner, not its token account",
                ));
            }
            let asset = Asset::Token(mint.to_string());
            let amount = self.smallest(&asset, Some(decimals))?;
            let transfer = spl_transfer(from, to, mint, program, integer(amount)?, decimals)
                .ok_or(BuildError::Confusing("the token accounts can't be derived"))?;
            (Action::SplTransfer, asset, amount, transfer)
        };
        let meaning = Meaning {
            fee: U256::from(Message::fee()),
            ..meaning(self.wallet, action, Some(to.to_string()), asset, amount)
        };
        Ok(Prepared { meaning, unsigned: Unsigned::Solana(from, Message::new(from, &transfer, blockhash)) })
    }
}
