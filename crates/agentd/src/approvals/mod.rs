//! Approvals: asked for by an agent, answered by an operator, bound to the exact request, used once, and soon over.

mod question;
mod store;

use osmoda_ipc::{Caller, Fault, Role};

pub(crate) use self::{
    question::Question,
    store::{Approvals, Asked, StoreError},
};

/// Who asks, answers or acts: an account in a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principal {
    pub(crate) uid: u32,
    pub(crate) name: String,
    pub(crate) role: Role,
}

impl Principal {
    /// `role:uid`, which says whether two are the same.
    pub(crate) fn key(&self) -> String {
        format!("{}:{}", self.role.as_str(), self.uid)
    }

    /// `role:name`, for people and for the ledger.
    pub(crate) fn actor(&self) -> String {
        format!("{}:{}", self.role.as_str(), self.name)
    }
}

impl From<&Caller> for Principal {
    fn from(caller: &Caller) -> Self {
        Self { uid: caller.uid, name: caller.name.to_string(), role: caller.role }
    }
}

/// An approval can't be asked for, answered or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApprovalError {
    #[error("there is no approval {0}")]
    Unknown(String),
    #[error("whoever asked for an approval can't answer it; an operator must, under their own name")]
    OwnQuestion,
    #[error("approvals are answered by operators; you act as {0}")]
    NotOperator(&'static str),
    #[error("approval {id} is {status}, and no longer waits for an answer")]
    NotPending { id: String, status: &'static str },
    #[error("approval {0} still waits for the operator; ask for: agentctl approve {0}")]
    StillPending(String),
    #[error("the operator denied approval {0}")]
    Denied(String),
    #[error("approval {0} has expired; call without approval_id to ask anew")]
    Expired(String),
    #[error("approval {0} has been used; each is good for one call. Call without approval_id to ask anew")]
    Used(String),
    #[error("approval {0} is for another call: tool, arguments and account must be exactly those that were approved")]
    Mismatch(String),
    #[error("the answer carries a nonce that is not, or no longer, the challenge's; ask again")]
    BadNonce,
    #[error("{0} questions of yours wait for the operator already; wait until some are answered")]
    TooMany(u32),
    #[error("there is no tool {0}")]
    UnknownTool(String),
    #[error("the arguments don't fit {tool}: {why}")]
    BadArguments { tool: String, why: String },
}

impl From<ApprovalError> for Fault {
    fn from(error: ApprovalError) -> Self {
        let message = error.to_string();
        match error {
            ApprovalError::Unknown(_) => Self::not_found("approval_unknown", message),
            ApprovalError::OwnQuestion => Self::forbidden("approval_self", message),
            ApprovalError::NotOperator(_) => Self::forbidden("forbidden", message),
            ApprovalError::NotPending { .. } => Self::conflict("approval_not_pending", message),
            ApprovalError::StillPending(_) => Self::forbidden("approval_pending", message),
            ApprovalError::Denied(_) => Self::forbidden("approval_denied", message),
            ApprovalError::Expired(_) => Self::forbidden("approval_expired", message),
            ApprovalError::Used(_) => Self::forbidden("approval_used", message),
            ApprovalError::Mismatch(_) => Self::forbidden("approval_mismatch", message),
            ApprovalError::BadNonce => Self::forbidden("approval_bad_nonce", message),
            ApprovalError::TooMany(_) => Self::too_many("too_many_approvals", message),
            ApprovalError::UnknownTool(_) => Self::not_found("unknown_tool", message),
            ApprovalError::BadArguments { .. } => Self::bad_request("invalid_request", message),
        }
    }
}
