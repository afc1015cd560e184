//! Approvals.

use std::sync::Arc;

use osmoda_api::agentd::{Approval, ApprovalAsk, ApprovalDecision, ApprovalId, Approvals, Challenge, Claim, Claimed};
use osmoda_ipc::{Call, Fault, Nothing};

use crate::{
    agentd::Agentd,
    approvals::{Principal, Question},
};

pub(crate) async fn request(agentd: Arc<Agentd>, call: Call, ask: ApprovalAsk) -> Result<Approval, Fault> {
    let principal = Principal::from(&call.caller);
    let question = Question::ahead(ask, call.request_id.as_str())?;
    let asked = agentd.approvals.ask(question, &principal, &agentd.rules().config.approvals).await?;
    agentd.record_asked(&principal, &asked).await?;
    Ok(asked.approval)
}

pub(crate) async fn pending(agentd: Arc<Agentd>, _call: Call, _request: Nothing) -> Result<Approvals, Fault> {
    agentd.approvals.pending().await.map(|approvals| Approvals { approvals })
}

pub(crate) async fn approve(agentd: Arc<Agentd>, call: Call, decision: ApprovalDecision) -> Result<Approval, Fault> {
    agentd.approvals.decide(decision.id, true, decision.nonce, Principal::from(&call.caller)).await
}

pub(crate) async fn deny(agentd: Arc<Agentd>, call: Call, decision: ApprovalDecision) -> Result<Approval, Fault> {
    agentd.approvals.decide(decision.id, false, decision.nonce, Principal::from(&call.caller)).await
}

pub(crate) async fn check(agentd: Arc<Agentd>, _call: Call, request: ApprovalId) -> Result<Approval, Fault> {
    agentd.approvals.check(request.id).await
}

pub(crate) async fn claim(agentd: Arc<Agentd>, _call: Call, claim: Claim) -> Result<Claimed, Fault> {
    let principal = Principal { uid: claim.uid, name: claim.name, role: claim.role };
    let leave = agentd.leave(&principal, &claim.request_id, &claim.tool, &claim.request, claim.why).await?;
    Ok(Claimed { approval_id: leave.approval_id, supersedes: leave.supersedes })
}

pub(crate) async fn challenge(agentd: Arc<Agentd>, _call: Call, request: ApprovalId) -> Result<Challenge, Fault> {
    agentd.approvals.challenge(request.id).await
}
