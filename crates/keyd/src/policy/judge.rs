//! Holds an act's meaning against the rules. Pure: what was spent before is counted elsewhere.

use alloy_primitives::U256;
use osmoda_ipc::Fault;
use serde_json::json;

use super::{
    Action, Meaning, Policy,
    rule::{Decision, Rule},
};

/// Over which time a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Span {
    Hour,
    Day,
    Ever,
}

impl Span {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "an hour",
            Self::Day => "a day",
            Self::Ever => "all time",
        }
    }
}

/// A limit that the act must fit into together with what was spent before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) span: Span,
    pub(crate) most: U256,
    /// Whether fees are counted, or amounts.
    pub(crate) of_fees: bool,
}

/// A rule's yes, as long as the limits hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) rule: String,
    pub(crate) limits: Vec<Limit>,
    /// Why the operator must be asked, where an agent acts.
    pub(crate) approval: Option<String>,
}

/// A no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no policy, and without one nothing is signed; the operator writes {0}")]
    NoPolicy(String),
    #[error("no rule of the policy matches this act")]
    NoRule,
    #[error("the rule refuses it")]
    ByRule(String),
    #[error("{amount} is more than the rule allows in one act ({most})")]
    PerAct { rule: String, amount: U256, most: U256 },
    #[error("its fee of up to {fee} is more than the rule allows ({most}); lower gas_limit or max_fee_per_gas")]
    Fee { rule: String, fee: U256, most: U256 },
    #[error("{} in {}: {spent} are spent, {amount} more would be over {most}", if *.of_fees { "fees" } else { "amounts" }, .span.as_str())]
    Spent { rule: String, span: Span, of_fees: bool, spent: U256, amount: U256, most: U256 },
    #[error("it needs the operator's leave now; call again with the same arguments")]
    Approval { rule: String },
}

impl Refusal {
    /// The rule that decided; empty where none did.
    pub(crate) fn rule(&self) -> &str {
        match self {
            Self::NoPolicy(_) | Self::NoRule => "",
            Self::ByRule(rule)
            | Self::PerAct { rule, .. }
            | Self::Fee { rule, .. }
            | Self::Spent { rule, .. }
            | Self::Approval { rule } => rule,
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let why = refusal.to_string();
        let (code, retryable) = match &refusal {
            Refusal::NoPolicy(_) | Refusal::NoRule | Refusal::ByRule(_) => ("policy_refused", false),
            Refusal::PerAct { .. } | Refusal::Fee { .. } => ("policy_limit", false),
            Refusal::Spent { span, .. } => ("policy_limit", *span != Span::Ever),
            Refusal::Approval { .. } => ("approval_required", true),
        };
        let by = if refusal.rule().is_empty() { String::new() } else { format!(" (rule {:?})", refusal.rule()) };
        Self::forbidden(code, format!("not signed: {why}{by}"))
            .with_detail(json!({ "rule": refusal.rule(), "why": why }))
            .with_retryable(retryable)
    }
}

impl Policy {
    /// The first rule that matches decides.
    pub(crate) fn judge(&self, act: &Meaning) -> Result<Verdict, Refusal> {
        let rule = self.rules.iter().find(|rule| rule.matches(act)).ok_or(Refusal::NoRule)?;
        let name = || rule.name.clone();
        if rule.decision == Decision::Refuse {
            return Err(Refusal::ByRule(name()));
        }
        // What can't be counted is only here where the rule says `unlimited`.
        let amount = if act.unlimited { U256::ZERO } else { act.amount };
        if let Some(most) = rule.per_act.filter(|most| amount > *most) {
            return Err(Refusal::PerAct { rule: name(), amount, most });
        }
        if act.fee > rule.fee {
            return Err(Refusal::Fee { rule: name(), fee: act.fee, most: rule.fee });
        }
        let limit = |span, most: Option<U256>| most.map(|most| Limit { span, most, of_fees: false });
        let mut limits: Vec<Limit> =
            [limit(Span::Hour, rule.per_hour), limit(Span::Day, rule.per_day), limit(Span::Ever, rule.total)]
                .into_iter()
                .flatten()
                .collect();
        limits.push(Limit { span: Span::Day, most: rule.fees_per_day, of_fees: true });
        let approval = rule
            .approval_from
            .filter(|from| act.unlimited || act.amount >= *from)
            .map(|from| format!("{}; rule {:?} asks from {from} on", act.in_words(), rule.name));
        Ok(Verdict { rule: name(), limits, approval })
    }
}

impl Meaning {
    /// One line for the operator.
    pub(crate) fn in_words(&self) -> String {
        let amount = if self.unlimited { "an unlimited amount".to_owned() } else { self.amount.to_string() };
        let chain = self.chain_id.map_or(self.chain.as_str().to_owned(), |id| format!("{} {id}", self.chain.as_str()));
        format!(
            "{} of {amount} ({}) to {} on {chain} from {}",
            self.action.as_str(),
            self.asset.as_str(),
            self.to.as_deref().unwrap_or("nobody"),
            self.wallet_address
        )
    }
}

impl Rule {
    fn matches(&self, act: &Meaning) -> bool {
        let listed =
            |list: &Option<Vec<String>>, one: &str| list.as_ref().is_none_or(|all| all.iter().any(|x| x == one));
        let wallet = listed(&self.wallets, &act.wallet_id) || listed(&self.wallets, &act.wallet_address);
        let chain_id = match act.chain_id {
            Some(id) => self.chain_ids.contains(&id),
            None => true,
        };
        let to = match &act.to {
            Some(to) => listed(&self.to, to),
            None => self.to.is_none(),
        };
        let asset = act.action == Action::Message
            || self
                .assets
                .iter()
                .any(|(id, asset)| *asset == act.asset && id.is_none_or(|id| act.chain_id == Some(id)));
        // What a refusing rule names is refused in every form; what an allowing one does not name is not allowed.
        let refuses = self.decision == Decision::Refuse;
        let call = match &act.call {
            Some(call) => self.calls.contains(call) || (refuses && self.calls.is_empty()),
            None => self.calls.is_empty() || act.action != Action::ContractCall,
        };
        let typed = match &act.typed {
            Some(typed) => self.typed.contains(typed) || (refuses && self.typed.is_empty()),
            None => true,
        };
        self.chain == act.chain
            && chain_id
            && self.actions.contains(&act.action)
            && wallet
            && to
            && (asset || (refuses && self.assets == [(None, super::Asset::Native)]))
            && call
            && typed
            && (!act.unlimited || self.unlimited || refuses)
    }
}
