//! The rules' file: read whole, checked whole, and refused whole where anything in it is not understood.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use alloy_primitives::{Address as Contract, U256, hex};
use osmoda_api::keyd::Chain;
use serde::Deserialize;
use toml::Value;

use super::{Action, Asset, amount::parse_amount};
use crate::{ethereum, solana};

/// The most rules a file may hold.
const MOST_RULES: usize = 1000;
/// What an act's gas may cost at most where a rule says nothing: 0.01 of the chain's coin, and 0.1 a day.
const MOST_FEE: (u64, u64) = (10_000_000_000_000_000, 100_000_000_000_000_000);
/// The same on Solana, where a signature costs 5000 lamports: 0.0001, and 0.01 a day.
const MOST_FEE_SOLANA: (u64, u64) = (100_000, 10_000_000);

/// The policy can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadPolicy {
    #[error("the policy {} can't be read", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    #[error("the policy {} can be changed by others; give it mode 0644 or stricter", .0.display())]
    Writable(PathBuf),
    #[error("the policy is wrong")]
    Toml(#[from] Box<toml::de::Error>),
    #[error("the policy is wrong: {0}")]
    File(String),
    #[error("the policy's rule {rule:?} is wrong: {why}")]
    Rule { rule: String, why: String },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    tokens: Vec<TokenEntry>,
    #[serde(default)]
    rules: Vec<RuleEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenEntry {
    symbol: String,
    chain: Chain,
    chain_id: Option<u64>,
    address: String,
    decimals: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    name: String,
    #[serde(default)]
    decision: Decision,
    chain: Chain,
    #[serde(default)]
    chain_ids: Vec<u64>,
    actions: Vec<Action>,
    wallets: Option<Vec<String>>,
    to: Option<Vec<String>>,
    tokens: Option<Vec<String>>,
    #[serde(default)]
    calls: Vec<CallEntry>,
    #[serde(default)]
    typed: Vec<TypedEntry>,
    #[serde(default)]
    unlimited: bool,
    max_per_act: Option<Value>,
    max_per_hour: Option<Value>,
    max_per_day: Option<Value>,
    max_total: Option<Value>,
    approval_from: Option<Value>,
    max_fee: Option<Value>,
    max_fees_per_day: Option<Value>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Decision {
    #[default]
    Allow,
    Refuse,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallEntry {
    contract: String,
    selector: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedEntry {
    contract: String,
    primary_type: String,
}

/// A token whose decimals the operator knows.
#[derive(Debug)]
struct Token {
    symbol: String,
    chain: Chain,
    chain_id: Option<u64>,
    address: String,
    decimals: u8,
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

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    pub(super) rules: Vec<Rule>,
    tokens: Vec<Token>,
}

impl Policy {
    /// Reads the file; `None` where there is none, and then everything is refused.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, BadPolicy> {
        use std::os::unix::fs::MetadataExt;
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BadPolicy::Unreadable(path.to_owned(), error)),
        };
        let mode = fs::metadata(path).map_err(|error| BadPolicy::Unreadable(path.to_owned(), error))?.mode();
        if mode & 0o022 != 0 {
            return Err(BadPolicy::Writable(path.to_owned()));
        }
        Self::parse(&text).map(Some)
    }

    /// Reads the rules.
    pub(crate) fn parse(text: &str) -> Result<Self, BadPolicy> {
        let file: File = toml::from_str(text).map_err(Box::new)?;
        if file.rules.len() > MOST_RULES {
            return Err(BadPolicy::File(format!("it has more than {MOST_RULES} rules")));
        }
        let tokens = file.tokens.into_iter().map(token).collect::<Result<Vec<_>, _>>().map_err(BadPolicy::File)?;
        let mut names = HashSet::new();
        let mut rules = Vec::with_capacity(file.rules.len());
        for entry in file.rules {
            let name = entry.name.clone();
            let wrong = |why: String| BadPolicy::Rule { rule: name.clone(), why };
            if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
                return Err(wrong("a name has 1 to 64 characters".into()));
            }
            if !names.insert(name.clone()) {
                return Err(wrong("another rule has this name; what is spent is counted by it".into()));
            }
            rules.push(rule(entry, &tokens).map_err(wrong)?);
        }
        Ok(Self { rules, tokens })
    }

    /// How many rules.
    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    /// The decimals of an asset, where they are known.
    pub(crate) fn decimals(&self, chain: Chain, chain_id: Option<u64>, asset: &Asset) -> Option<u8> {
        match asset {
            Asset::Native => Some(native_decimals(chain)),
            Asset::Token(address) => self
                .tokens
                .iter()
                .find(|token| token.chain == chain && token.chain_id == chain_id && token.address == *address)
                .map(|token| token.decimals),
        }
    }
}

fn native_decimals(chain: Chain) -> u8 {
    match chain {
        Chain::Ethereum => 18,
        Chain::Solana => 9,
    }
}

/// An address in the one way that addresses are compared in.
fn address(chain: Chain, text: &str) -> Result<String, String> {
    match chain {
        Chain::Ethereum => ethereum::parse_address(text).map(|a| a.to_string()).map_err(|error| error.to_string()),
        Chain::Solana => text.parse::<solana::Address>().map(|a| a.to_string()).map_err(|error| error.to_string()),
    }
}

fn token(entry: TokenEntry) -> Result<Token, String> {
    let TokenEntry { symbol, chain, chain_id, address: text, decimals } = entry;
    if (chain == Chain::Ethereum) != chain_id.is_some() {
        return Err(format!("token {symbol:?}: tokens of Ethereum have a chain_id, and others have none"));
    }
    if decimals > 36 {
        return Err(format!("token {symbol:?} has too many decimals"));
    }
    Ok(Token { address: address(chain, &text)?, symbol, chain, chain_id, decimals })
}

fn rule(entry: RuleEntry, tokens: &[Token]) -> Result<Rule, String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "[[rules]]\nname = \"r\"\nchain = \"ethereum\"\nchain_ids = [1]\nactions = [\"transfer\"]\n";

    #[test]
    fn what_is_not_understood_refuses_the_whole_file() {
        let with = |more: &str| format!("{RULE}{more}");
        let cases = [
            (with("max_per_day = \"1.0\"\nmax_per_dya = 1"), "max_per_dya"),
            (with(""), "none of max_per_hour"),
            (with("max_per_day = 1.5"), "float"),
            (with("max_per_day = -1"), "no amount"),
            (with("max_per_day = \"0.0000000000000000001\""), "digits behind the point"),
            (with("max_per_day = 1\nto = [\"0x1\"]"), "no Ethereum address"),
            (with("max_per_day = 1\ndecision = \"maybe\""), "maybe"),
            (
                with(
                    "max_per_day = 1\ncalls = [{ contract = \"0x0000000000000000000000000000000000000001\", selector = \"a9059cbb\" }]",
                ),
                "no selector",
            ),
            (with(&format!("max_per_day = 1\n{RULE}max_per_day = 1")), "another rule"),
            (RULE.replace("[1]", "[]") + "max_per_day = 1", "chain_ids"),
            (RULE.replace("transfer", "spl_transfer") + "max_per_day = 1", "no action of ethereum"),
            (RULE.replace("transfer", "erc20_transfer") + "max_per_day = 1", "needs the tokens"),
            (RULE.replace("transfer", "theft"), "theft"),
            (RULE.replace("\"r\"", "\"\""), "1 to 64"),
        ];
        for (text, named) in cases {
            let error = osmoda_ipc::chain(&Policy::parse(&text).unwrap_err());
            assert!(error.contains(named), "{text}: {error}");
        }
        assert_eq!(Policy::parse(&with("max_per_day = 1")).unwrap().len(), 1);
    }

    #[test]
    fn tokens_of_different_decimals_never_share_a_limit() {
        let token = |symbol: &str, byte: u8, decimals: u8| {
            format!(
                "[[tokens]]\nsymbol = \"{symbol}\"\nchain = \"ethereum\"\nchain_id = 1\naddress = \"{}\"\ndecimals = {decimals}\n",
                Contract::repeat_byte(byte)
            )
        };
        let rule = |names: &str| {
            RULE.replace("\"transfer\"", "\"erc20_transfer\"") + &format!("tokens = [{names}]\nmax_per_day = \"1.5\"\n")
        };
        let text = |names: &str| token("A", 1, 6) + &token("B", 2, 6) + &token("C", 3, 18) + &rule(names);
        let policy = Policy::parse(&text("\"A\", \"B\"")).unwrap();
        assert_eq!(policy.rules[0].per_day, Some(U256::from(1_500_000)));
        assert!(Policy::parse(&text("\"A\", \"C\"")).is_err());
        assert!(
            Policy::parse(&text("\"0x0000000000000000000000000000000000000009\"")).is_err(),
            "1.5 of an unknown token"
        );
    }

    #[test]
    fn a_policy_that_others_can_change_is_no_policy() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        assert!(Policy::read(&path).unwrap().is_none());
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(Policy::read(&path).unwrap().unwrap().len(), 0);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        assert!(matches!(Policy::read(&path), Err(BadPolicy::Writable(_))));
    }
}
