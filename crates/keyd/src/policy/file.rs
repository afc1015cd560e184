//! The rules' file: read whole, checked whole, and refused whole where anything in it is not understood.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use nix::unistd::Uid;
use osmoda_api::keyd::Chain;
use serde::Deserialize;
use toml::Value;

use super::{
    Action, Asset,
    rule::{Decision, Rule, address, native_decimals, rule},
};

/// The most rules a file may hold.
const MOST_RULES: usize = 1000;

/// The policy can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadPolicy {
    #[error("the policy {} can't be read", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    #[error("the policy {} can be changed by others; give it to root, with mode 0644 or stricter", .0.display())]
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
pub(super) struct RuleEntry {
    pub(super) name: String,
    #[serde(default)]
    pub(super) decision: Decision,
    pub(super) chain: Chain,
    #[serde(default)]
    pub(super) chain_ids: Vec<u64>,
    pub(super) actions: Vec<Action>,
    pub(super) wallets: Option<Vec<String>>,
    pub(super) to: Option<Vec<String>>,
    pub(super) tokens: Option<Vec<String>>,
    #[serde(default)]
    pub(super) calls: Vec<CallEntry>,
    #[serde(default)]
    pub(super) typed: Vec<TypedEntry>,
    #[serde(default)]
    pub(super) unlimited: bool,
    pub(super) max_per_act: Option<Value>,
    pub(super) max_per_hour: Option<Value>,
    pub(super) max_per_day: Option<Value>,
    pub(super) max_total: Option<Value>,
    pub(super) approval_from: Option<Value>,
    pub(super) max_fee: Option<Value>,
    pub(super) max_fees_per_day: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallEntry {
    pub(super) contract: String,
    pub(super) selector: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedEntry {
    pub(super) contract: String,
    pub(super) primary_type: String,
}

/// A token whose decimals the operator knows.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) symbol: String,
    pub(super) chain: Chain,
    pub(super) chain_id: Option<u64>,
    pub(super) address: String,
    pub(super) decimals: u8,
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
        let file = fs::metadata(path).map_err(|error| BadPolicy::Unreadable(path.to_owned(), error))?;
        let is_ours = [0, Uid::effective().as_raw()].contains(&file.uid());
        if file.mode() & 0o022 != 0 || !is_ours {
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

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address as Contract, U256};

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
