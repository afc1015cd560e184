//! Approvals: the operator's yes to exactly one act.

use osmoda_ipc::{Access, Nothing, Record, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{endpoint, osmoda_api_about};

endpoint! {
    /// Ask the operator for leave to act.
    ApprovalRequest = Post "/approval/request" as "approval_request", Write, ApprovalAsk => Approval
}

/// What leave is asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalAsk {
    /// The shell command, exactly as it will be given to shell_exec; with `tool`, a line that says what it is about.
    #[schemars(length(min = 1, max = 65536))]
    pub command: String,
    /// Why it is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub reason: Option<String>,
    /// The tool that will be called; shell_exec by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub tool: Option<String>,
    /// The arguments it will be called with, without approval_id; the command alone by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Map<String, Value>>,
}

/// A question to the operator, and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Approval {
    /// `apr_` and a ULID.
    pub id: String,
    /// How it stands.
    pub status: ApprovalStatus,
    /// When it can no longer be answered or used (RFC 3339).
    pub expires_at: String,
    /// The tool it is for.
    pub tool: String,
    /// What it is about, in a line.
    pub command: String,
    /// Why an approval is needed.
    pub why: String,
    /// Why the asker wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The exact arguments, abridged where long.
    pub arguments: Value,
    /// SHA-256 of tool and arguments: what it is bound to.
    pub request_hash: String,
    /// Who asked.
    pub requested_by: String,
    /// When (RFC 3339).
    pub requested_at: String,
    /// Who answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// When it was answered (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<String>,
    /// The act it was asked for in.
    pub request_id: String,
}

/// How an approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalStatus {
    /// Waits for the operator.
    Pending,
    /// The operator said yes; not used yet.
    Approved,
    /// The operator said no.
    Denied,
    /// Nobody answered, or nobody used it, in time.
    Expired,
    /// Used up.
    Used,
}

endpoint! {
    /// What waits for the operator's answer.
    ApprovalPending = Get "/approval/pending" as "approval_pending", Read, Nothing => Approvals
}

/// Approvals, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Approvals {
    /// The approvals.
    pub approvals: Vec<Approval>,
}

endpoint! {
    /// The operator's yes. Refused to whoever asked.
    ApprovalApprove = Post "/approval/{id}/approve" as "approval_approve", Destructive, ApprovalDecision => Approval, {
        fn audit(request: &ApprovalDecision) -> Value {
            json!({ "id": request.id, "asked_in_place": request.nonce.is_some() })
        }

        fn receipt(answer: &Approval) -> Value {
            json!({ "id": answer.id, "tool": answer.tool, "request_hash": answer.request_hash, "requested_by": answer.requested_by })
        }
    }
}

endpoint! {
    /// The operator's no.
    ApprovalDeny = Post "/approval/{id}/deny" as "approval_deny", Write, ApprovalDecision => Approval, {
        const ACCESS: Access = Access::Operator;

        fn audit(request: &ApprovalDecision) -> Value {
            json!({ "id": request.id, "asked_in_place": request.nonce.is_some() })
        }
    }
}

/// Which approval is answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalDecision {
    /// The approval's id.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
    /// The challenge's nonce, where the person was asked in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub nonce: Option<String>,
}

endpoint! {
    /// How an approval stands.
    ApprovalCheck = Get "/approval/{id}" as "approval_check", Read, ApprovalId => Approval
}

/// Which approval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalId {
    /// The approval's id.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
}

endpoint! {
    /// Leave for an act of another daemon's caller: for the suite's own daemons.
    ApprovalClaim = Post "/approval/claim" as "approval_claim", Write, Claim => Claimed, {
        const ACCESS: Access = Access::Daemon;
        // The act that it is for has its own intent and outcome.
        const RECORD: Record = Record::Nothing;
    }
}

/// An act that another daemon is about to start for a caller of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The endpoint's name.
    pub tool: String,
    /// The whole request, with its approval_id where it has one.
    pub request: Value,
    /// The caller's account.
    pub uid: u32,
    /// The caller's account name.
    pub name: String,
    /// The caller's role.
    pub role: Role,
    /// The act.
    pub request_id: String,
    /// The daemon's own reason why the operator must be asked, beside agentd's rules; none of its own by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub why: Option<String>,
}

/// Leave to act.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Claimed {
    /// The approval that was used up for it, where one was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_id: Option<String>,
    /// The earlier call that asked for this approval and whose place this one takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
}

endpoint! {
    /// A nonce for asking the operator in place: for an MCP server that runs under an operator's account.
    ApprovalChallenge = Post "/approval/{id}/challenge" as "approval_challenge", Write, ApprovalId => Challenge, {
        const ACCESS: Access = Access::Operator;
        // The answer that spends the nonce is recorded.
        const RECORD: Record = Record::Nothing;
    }
}

/// A single-use nonce that lives in agentd.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Challenge {
    /// What the answer must carry.
    pub nonce: String,
    /// The question for the person.
    pub question: String,
}
