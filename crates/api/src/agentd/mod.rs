//! agentd: the system bridge, the ledger and the approvals.

mod approvals;
mod files;
mod ledger;
mod network;
mod raw;
mod requests;
mod shell;
mod system;

use osmoda_ipc::EndpointInfo;

pub use self::{approvals::*, files::*, ledger::*, network::*, raw::*, requests::*, shell::*, system::*};

/// What agentd serves, by subject.
pub fn endpoints() -> Vec<EndpointInfo> {
    vec![
        EndpointInfo::of::<SystemHealth>(),
        EndpointInfo::of::<SystemQuery>(),
        EndpointInfo::of::<SystemDiscover>(),
        EndpointInfo::of::<NetworkInfo>(),
        EndpointInfo::of::<ShellExec>(),
        EndpointInfo::of::<FileRead>(),
        EndpointInfo::of::<FileWrite>(),
        EndpointInfo::of::<DirectoryList>(),
        EndpointInfo::of::<EventLog>(),
        EndpointInfo::of::<ReceiptList>(),
        EndpointInfo::of::<LedgerAppend>(),
        EndpointInfo::of::<LedgerVerify>(),
        EndpointInfo::of::<LedgerProve>(),
        EndpointInfo::of::<LedgerConsistency>(),
        EndpointInfo::of::<RequestGet>(),
        EndpointInfo::of::<RequestList>(),
        EndpointInfo::of::<ApprovalRequest>(),
        EndpointInfo::of::<ApprovalPending>(),
        EndpointInfo::of::<ApprovalApprove>(),
        EndpointInfo::of::<ApprovalDeny>(),
        EndpointInfo::of::<ApprovalCheck>(),
        EndpointInfo::of::<ApprovalClaim>(),
        EndpointInfo::of::<ApprovalChallenge>(),
    ]
}
