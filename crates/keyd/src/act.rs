//! A signature, in this order and no other: decode, judge, count, record, sign, answer.

use std::sync::Arc;

use alloy_primitives::U256;
use osmoda_api::keyd::{BuildTxRequest, TxType, WalletSendRequest, WalletSignRequest};
use osmoda_ipc::{Call, Fault, NewEvent, Role};
use serde_json::{Map, Value, json};

use crate::{
    build::{self, BuildError, Prepared, Signed, unhex},
    handlers::blocking,
    keyd::Keyd,
    policy::{Meaning, Refusal, Verdict},
};

/// A signature that may leave.
#[derive(Debug)]
pub(crate) struct Allowed {
    pub(crate) signed: Signed,
    pub(crate) meaning: Meaning,
    pub(crate) rule: String,
}

impl Keyd {
    /// What a transaction would be.
    pub(crate) fn prepare(&self, request: &BuildTxRequest) -> Result<Prepared, Fault> {
        let wallet = self.keys.find(&request.wallet_id)?;
        let policy = self.policy();
        let now = jiff::Timestamp::now().as_millisecond();
        Ok(build::transaction(&wallet, request, policy.as_ref().as_ref(), now)?)
    }

    /// What a transfer of the chain's coin would be.
    pub(crate) fn prepare_send(&self, request: &WalletSendRequest) -> Result<Prepared, Fault> {
        let wallet = self.keys.find(&request.wallet_id)?;
        let params = request.chain_params.clone().map(Value::Object).map(serde_json::from_value).transpose();
        self.prepare(&BuildTxRequest {
            wallet_id: wallet.id,
            chain: wallet.chain.as_str().to_owned(),
            tx_type: Some(TxType::Transfer),
            to: request.to.clone(),
            amount: request.amount.clone(),
            chain_params: params.map_err(|error| BuildError::UnknownParam(error.to_string()))?,
            approval_id: None,
        })
    }

    /// What a message would be.
    pub(crate) fn prepare_message(&self, request: &WalletSignRequest) -> Result<Prepared, Fault> {
        let wallet = self.keys.find(&request.wallet_id)?;
        Ok(build::message(&wallet, &unhex(&request.payload)?)?)
    }

    /// Holds what would be signed against the rules in force.
    pub(crate) fn judge(&self, prepared: &Prepared) -> Result<Verdict, Refusal> {
        match self.policy().as_ref() {
            Some(policy) => policy.judge(&prepared.meaning),
            None => Err(Refusal::NoPolicy(self.policy_path().display().to_string())),
        }
    }

    /// Judges again, counts, records, and signs.
    pub(crate) async fn sign(self: &Arc<Self>, call: &Call, prepared: Prepared) -> Result<Allowed, Fault> {
        let verdict = match self.judge(&prepared) {
            Ok(verdict) => verdict,
            Err(refusal) => return Err(self.refuse(call, &prepared, refusal).await),
        };
        // The gate asked by the rules of a moment ago; these may ask where those did not.
        if verdict.approval.is_some() && call.caller.role != Role::Operator && call.leave.approval_id.is_none() {
            return Err(self.refuse(call, &prepared, Refusal::Approval { rule: verdict.rule }).await);
        }
        let digest = prepared.digest().to_string();
        let counted = {
            let (keyd, act, verdict) = (self.clone(), prepared.meaning.clone(), verdict.clone());
            let (digest, id) = (digest.clone(), call.request_id.to_string());
            blocking(move || keyd.book.count(&act, &verdict, &digest, &id)).await?
        };
        let entry = match counted {
            Ok(entry) => entry,
            Err(refusal) => return Err(self.refuse(call, &prepared, refusal).await),
        };
        let event = decision(call, &prepared.meaning, &digest, &verdict.rule, None);
        if let Err(fault) = self.steward.append_now(&event).await {
            let (keyd, act) = (self.clone(), prepared.meaning.clone());
            blocking(move || keyd.book.refund(&act, &verdict, entry)).await?;
            return Err(fault);
        }
        let keyd = self.clone();
        blocking(move || {
            let id = &prepared.meaning.wallet_id;
            let signed = keyd.keys.with_key(id, |key| prepared.unsigned.sign(key))?;
            let signed = signed.ok_or_else(|| Fault::internal_text("the key signs nothing"))?;
            keyd.book.signed(entry, &signed.hash)?;
            Ok::<_, Fault>(Allowed { signed, meaning: prepared.meaning, rule: verdict.rule })
        })
        .await
    }

    /// Notes a refusal in the book and in the ledger; the fault for the caller.
    pub(crate) async fn refuse(self: &Arc<Self>, call: &Call, prepared: &Prepared, refusal: Refusal) -> Fault {
        let digest = prepared.digest().to_string();
        let event = decision(call, &prepared.meaning, &digest, refusal.rule(), Some(&refusal.to_string()));
        let noted = {
            let (keyd, act, refusal) = (self.clone(), prepared.meaning.clone(), refusal.clone());
            let id = call.request_id.to_string();
            blocking(move || keyd.book.refuse(&act, &refusal, &digest, &id)).await
        };
        match (noted, self.steward.append_soon(event).await) {
            (Ok(()), Ok(_)) => refusal.into(),
            (Err(fault), _) | (_, Err(fault)) => fault,
        }
    }
}

/// The ledger's event of a decision.
fn decision(call: &Call, act: &Meaning, digest: &str, rule: &str, why: Option<&str>) -> NewEvent {
    let mut payload = json!({
        "request_id": call.request_id, "daemon": "keyd", "decision": if why.is_some() { "refused" } else { "signed" },
        "rule": rule, "wallet_id": act.wallet_id, "digest": digest, "meaning": decoded(act),
    });
    if let Some(why) = why {
        payload["why"] = json!(why);
    }
    if let Some(id) = &call.leave.approval_id {
        payload["approval_id"] = json!(id);
    }
    NewEvent { kind: "wallet.decision".into(), actor: call.caller.actor(), payload }
}

/// What an act means, for callers and for the ledger.
pub(crate) fn decoded(act: &Meaning) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut say = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    say("action", json!(act.action.as_str()));
    say("chain", json!(act.chain.as_str()));
    say("from", json!(act.wallet_address));
    if let Some(id) = act.chain_id {
        say("chain_id", json!(id));
    }
    if let Some(to) = &act.to {
        say("to", json!(to));
    }
    say("asset", json!(act.asset.as_str()));
    say("amount", json!(act.amount.to_string()));
    if act.fee != U256::ZERO {
        say("fee", json!(act.fee.to_string()));
    }
    if let Some((contract, selector)) = &act.call {
        say("contract", json!(contract));
        say("selector", json!(alloy_primitives::hex::encode_prefixed(selector)));
    }
    if let Some((contract, primary_type)) = &act.typed {
        say("contract", json!(contract));
        say("primary_type", json!(primary_type));
    }
    if act.unlimited {
        say("unlimited", json!(true));
    }
    fields
}
