//! agentd: the system bridge, the ledger and the approvals.

mod approvals;
mod apps;
mod backups;
mod capabilities;
mod card;
mod files;
mod incidents;
mod ledger;
mod memory;
mod memory_documents;
mod memory_keeping;
mod network;
mod operator_files;
mod raw;
mod requests;
mod safety;
mod sandbox;
mod services;
mod shell;
mod spec_kit;
mod system;

use osmoda_ipc::EndpointInfo;

pub use self::{
    approvals::*, apps::*, backups::*, capabilities::*, card::*, files::*, incidents::*, ledger::*, memory::*,
    memory_documents::*, memory_keeping::*, network::*, operator_files::*, raw::*, requests::*, safety::*, sandbox::*,
    services::*, shell::*, spec_kit::*, system::*,
};

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
        EndpointInfo::of::<ServiceStatus>(),
        EndpointInfo::of::<JournalLogs>(),
        EndpointInfo::of::<SafetyStatus>(),
        EndpointInfo::of::<SafetyRollback>(),
        EndpointInfo::of::<SafetyPanic>(),
        EndpointInfo::of::<SafetyRestart>(),
        EndpointInfo::of::<BackupCreate>(),
        EndpointInfo::of::<BackupList>(),
        EndpointInfo::of::<CapabilityMint>(),
        EndpointInfo::of::<CapabilityNarrow>(),
        EndpointInfo::of::<CapabilityVerify>(),
        EndpointInfo::of::<CapabilityRevoke>(),
        EndpointInfo::of::<CapabilityList>(),
        EndpointInfo::of::<CapabilityKey>(),
        EndpointInfo::of::<AgentCardGet>(),
        EndpointInfo::of::<AgentCardWellKnown>(),
        EndpointInfo::of::<OperatorFileList>(),
        EndpointInfo::of::<OperatorFileRead>(),
        EndpointInfo::of::<OperatorFileWrite>(),
        EndpointInfo::of::<OperatorFileUpload>(),
        EndpointInfo::of::<OperatorFileDownload>(),
        EndpointInfo::of::<OperatorFileMkdir>(),
        EndpointInfo::of::<OperatorFileRename>(),
        EndpointInfo::of::<OperatorFileDelete>(),
        EndpointInfo::of::<IncidentCreate>(),
        EndpointInfo::of::<IncidentAddStep>(),
        EndpointInfo::of::<IncidentList>(),
        EndpointInfo::of::<IncidentShow>(),
        EndpointInfo::of::<IncidentClose>(),
        EndpointInfo::of::<MemoryStore>(),
        EndpointInfo::of::<MemoryRecall>(),
        EndpointInfo::of::<MemoryList>(),
        EndpointInfo::of::<MemoryGet>(),
        EndpointInfo::of::<MemoryForget>(),
        EndpointInfo::of::<MemoryIngest>(),
        EndpointInfo::of::<MemoryHealth>(),
        EndpointInfo::of::<MemoryReindex>(),
        EndpointInfo::of::<MemoryJunk>(),
        EndpointInfo::of::<MemoryPrune>(),
        EndpointInfo::of::<MemoryModelInstall>(),
        EndpointInfo::of::<MemoryDocumentAdd>(),
        EndpointInfo::of::<MemoryDocumentList>(),
        EndpointInfo::of::<MemoryDocumentExport>(),
        EndpointInfo::of::<MemoryDocumentReindex>(),
        EndpointInfo::of::<MemoryDocumentRemove>(),
        EndpointInfo::of::<SandboxExec>(),
        EndpointInfo::of::<AppDeploy>(),
        EndpointInfo::of::<AppList>(),
        EndpointInfo::of::<AppLogs>(),
        EndpointInfo::of::<AppStop>(),
        EndpointInfo::of::<AppRestart>(),
        EndpointInfo::of::<AppRemove>(),
        EndpointInfo::of::<SpecKitInit>(),
        EndpointInfo::of::<SpecKitRun>(),
    ]
}
