//! agentd's tools.

use osmoda_api::agentd as api;

use super::{ToolInfo, row as tool};
use crate::Toolset::{
    Approval, Apps, Backup, FilesAndShell, IdentityAndReceipts, Memory, Safety, Sandbox, ServicesAndNetwork, SpecKit,
    System,
};

pub(super) fn rows() -> Vec<ToolInfo> {
    vec![
        tool::<api::SystemHealth>("Machine health", System).always_loaded(),
        tool::<api::SystemQuery>("Query system state", System).always_loaded(),
        tool::<api::SystemDiscover>("Discover what runs here", System),
        tool::<api::EventLog>("Read the ledger", System),
        tool::<api::ShellExec>("Run a shell command", FilesAndShell).always_loaded().open_world(),
        tool::<api::FileRead>("Read a file", FilesAndShell).always_loaded(),
        tool::<api::FileWrite>("Write a file", FilesAndShell).always_loaded(),
        tool::<api::DirectoryList>("List a folder", FilesAndShell).always_loaded(),
        tool::<api::MemoryStore>("Remember something", Memory).always_loaded(),
        tool::<api::MemoryRecall>("Recall what is known", Memory).always_loaded(),
        tool::<api::NetworkInfo>("Network state", ServicesAndNetwork),
        tool::<api::ServiceStatus>("Look at a service", ServicesAndNetwork),
        tool::<api::JournalLogs>("Read a service's journal", ServicesAndNetwork),
        tool::<api::AgentCardGet>("Agent card", IdentityAndReceipts),
        tool::<api::ReceiptList>("List receipts", IdentityAndReceipts),
        tool::<api::IncidentCreate>("Open an incident", IdentityAndReceipts),
        tool::<api::IncidentAddStep>("Note a step of an incident", IdentityAndReceipts),
        tool::<api::BackupCreate>("Take a backup", Backup),
        tool::<api::BackupList>("List backups", Backup),
        tool::<api::SandboxExec>("Run untrusted code", Sandbox),
        tool::<api::CapabilityMint>("Give a capability token", Sandbox),
        tool::<api::AppDeploy>("Deploy an app", Apps),
        tool::<api::AppList>("List apps", Apps),
        tool::<api::AppLogs>("Read an app's log", Apps),
        tool::<api::AppStop>("Stop an app", Apps),
        tool::<api::AppRestart>("Restart an app", Apps),
        tool::<api::AppRemove>("Remove an app", Apps),
        tool::<api::SpecKitInit>("Make a spec-driven project", SpecKit).open_world(),
        tool::<api::SpecKitRun>("Run a phase of a project", SpecKit).open_world(),
        tool::<api::SafetyStatus>("Safety status", Safety),
        tool::<api::SafetyRollback>("Roll the system back", Safety),
        tool::<api::SafetyPanic>("Stop everything", Safety),
        tool::<api::SafetyRestart>("Restart the suite", Safety),
        tool::<api::ApprovalRequest>("Ask for an approval", Approval),
        tool::<api::ApprovalPending>("List waiting approvals", Approval),
        tool::<api::ApprovalApprove>("Approve an act", Approval),
        tool::<api::ApprovalCheck>("Look at an approval", Approval),
    ]
}
