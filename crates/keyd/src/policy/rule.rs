//! One rule: checked when it is read, so that it means one thing when it is used.

use alloy_primitives::{Address as Contract, U256, hex};
use osmoda_api::keyd::Chain;
use serde::Deserialize;
use toml::Value;

use super::{
    Action, Asset,
    amount::parse_amount,
    file::{RuleEntry, Token},
};
use crate::{ethereum, solana};

/// What an act's gas may cost at most where a rule says nothing: 0.01 of the chain's coin, and 0.1 a day.
const MOST_FEE: (u64, u64) = (10_000_000_000_000_000, 100_000_000_000_000_000);
/// The same on Solana, where a signature costs 5000 lamports: 0.0001, and 0.01 a day.
const MOST_FEE_SOLANA: (u64, u64) = (100_000, 10_000_000);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Decision {
    #[default]
    Allow,
    Refuse,
}

/// An asset, on one chain id alone where that is said.
pub(super) type AssetOn = (Option<u64>, Asset);

/// One rule, ready to be held against an act.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) decision: Decision,
    pub(super) chain: Chain,
    pub(super) chain_ids: Vec<u64>,
    pub(super) actions: Vec<Action>,
    pub(super) wallets: Option<Vec<String>>,
    pub(super) to: Option<Vec<String>>,
    pub(super) assets: Vec<AssetOn>,
    pub(super) calls: Vec<(Contract, [u8; 4])>,
    pub(super) typed: Vec<(Contract, String)>,
    pub(super) unlimited: bool,
    pub(super) per_act: Option<U256>,
    pub(super) per_hour: Option<U256>,
    pub(super) per_day: Option<U256>,
    pub(super) total: Option<U256>,
    pub(super) approval_from: Option<U256>,
    pub(super) fee: U256,
    pub(super) fees_per_day: U256,
}

pub(super) fn native_decimals(chain: Chain) -> u8 {
    match chain {
        Chain::Ethereum => 18,
        Chain::Solana => 9,
    }
}

/// An address in the one way that addresses are compared in.
pub(super) fn address(chain: Chain, text: &str) -> Result<String, String> {
    match chain {
        Chain::Ethereum => ethereum::parse_address(text).map(|a| a.to_string()).map_err(|error| error.to_string()),
        Chain::Solana => text.parse::<solana::Address>().map(|a| a.to_string()).map_err(|error| error.to_string()),
    }
}

/// The rule of an entry, or what is wrong with it.
pub(super) fn rule(entry: RuleEntry, tokens: &[Token]) -> Result<Rule, String> {
    let chain = entry.chain;
    if entry.actions.is_empty() {
        return Err("it names no action".into());
    }
    for action in &entry.actions {
        let fits = match (action, chain) {
            (Action::Transfer | Action::Message, _) | (Action::SplTransfer, Chain::Solana) => true,
            (Action::SplTransfer, Chain::Ethereum) => false,
            (_, chain) => chain == Chain::Ethereum,
        };
        if !fits {
            return Err(format!("{} is no action of {}", action.as_str(), chain.as_str()));
        }
    }
    let spends = entry.actions.iter().any(|action| *action != Action::Message);
    match chain {
        Chain::Ethereum if spends && entry.chain_ids.is_empty() => return Err("it names no chain_ids".into()),
        Chain::Solana if !entry.chain_ids.is_empty() => return Err("Solana has no chain ids".into()),
        _ => {}
    }
    let (assets, decimals) = assets(&entry, tokens)?;
    let amount = |name: &str, value: &Option<Value>, decimals| {
        value.as_ref().map(|value| read_amount(value, decimals)).transpose().map_err(|why| format!("{name}: {why}"))
    };
    let native = Some(native_decimals(chain));
    let (fee, fees) = if chain == Chain::Ethereum { MOST_FEE } else { MOST_FEE_SOLANA };
    let list = |texts: &Option<Vec<String>>| -> Result<Option<Vec<String>>, String> {
        texts.as_ref().map(|texts| texts.iter().map(|text| address(chain, text)).collect()).transpose()
    };
    let contract = |text: &str| ethereum::parse_address(text).map_err(|error| error.to_string());
    let rule = Rule {
        decision: entry.decision,
        chain,
        to: list(&entry.to)?,
        assets,
        calls: entry
            .calls
            .iter()
            .map(|call| Ok((contract(&call.contract)?, selector(&call.selector)?)))
            .collect::<Result<_, String>>()?,
        typed: entry
            .typed
            .iter()
            .map(|typed| Ok((contract(&typed.contract)?, typed.primary_type.clone())))
            .collect::<Result<_, String>>()?,
        unlimited: entry.unlimited,
        per_act: amount("max_per_act", &entry.max_per_act, decimals)?,
        per_hour: amount("max_per_hour", &entry.max_per_hour, decimals)?,
        per_day: amount("max_per_day", &entry.max_per_day, decimals)?,
        total: amount("max_total", &entry.max_total, decimals)?,
        approval_from: amount("approval_from", &entry.approval_from, decimals)?,
        fee: amount("max_fee", &entry.max_fee, native)?.unwrap_or(U256::from(fee)),
        fees_per_day: amount("max_fees_per_day", &entry.max_fees_per_day, native)?.unwrap_or(U256::from(fees)),
        wallets: entry.wallets,
        name: entry.name,
        chain_ids: entry.chain_ids,
        actions: entry.actions,
    };
    let bounded = rule.per_hour.is_some() || rule.per_day.is_some() || rule.total.is_some();
    if spends && rule.decision == Decision::Allow && !bounded {
        return Err("it allows spending and has none of max_per_hour, max_per_day and max_total".into());
    }
    Ok(rule)
}

/// What the rule is about: the chain's coin, or the tokens it names. One unit of account, or its limits would mean
/// different things for each.
fn assets(entry: &RuleEntry, tokens: &[Token]) -> Result<(Vec<AssetOn>, Option<u8>), String> {
    let Some(names) = &entry.tokens else {
        let token_actions = [Action::Erc20Transfer, Action::X402Authorization, Action::SplTransfer];
        if let Some(action) = entry.actions.iter().find(|action| token_actions.contains(action)) {
            return Err(format!("{} needs the tokens that it may move", action.as_str()));
        }
        return Ok((vec![(None, Asset::Native)], Some(native_decimals(entry.chain))));
    };
    let mut assets = Vec::new();
    let mut decimals: Vec<Option<u8>> = Vec::new();
    for name in names {
        let known: Vec<&Token> = tokens
            .iter()
            .filter(|token| token.chain == entry.chain && token.symbol == *name)
            .filter(|token| token.chain_id.is_none_or(|id| entry.chain_ids.contains(&id)))
            .collect();
        if known.is_empty() {
            assets.push((None, Asset::Token(address(entry.chain, name)?)));
            decimals.push(None);
        }
        for token in known {
            assets.push((token.chain_id, Asset::Token(token.address.clone())));
            decimals.push(Some(token.decimals));
        }
    }
    decimals.dedup();
    match decimals.as_slice() {
        [] => Err("tokens is empty".into()),
        [one] => Ok((assets, *one)),
        _ => Err(
            "its tokens have different decimals, so that one limit would mean different amounts; make a rule for each"
                .into(),
        ),
    }
}

fn read_amount(value: &Value, decimals: Option<u8>) -> Result<U256, String> {
    let text = match value {
        Value::Integer(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Float(_) => return Err("an amount is an integer, or text; a float loses digits".into()),
        _ => return Err("an amount is an integer, or text".into()),
    };
    parse_amount(&text).and_then(|amount| amount.smallest(decimals, &text)).map_err(|error| error.to_string())
}

fn selector(text: &str) -> Result<[u8; 4], String> {
    let mut selector = [0; 4];
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 8);
    let read = digits.is_some_and(|digits| hex::decode_to_slice(digits, &mut selector).is_ok());
    if read { Ok(selector) } else { Err(format!("{text:?} is no selector: 0x and 8 hex digits")) }
}
