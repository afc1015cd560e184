//! What agentd serves.

use std::sync::Arc;

use osmoda_api::agentd::{
    AgentCardGet, AgentCardWellKnown, AppDeploy, AppList, AppLogs, AppRemove, AppRestart, AppStop, ApprovalApprove,
    ApprovalChallenge, ApprovalCheck, ApprovalClaim, ApprovalDeny, ApprovalPending, ApprovalRequest, BackupCreate,
    BackupList, CapabilityKey, CapabilityList, CapabilityMint, CapabilityNarrow, CapabilityRevoke, CapabilityVerify,
    DirectoryList, EVENTS_STREAM, EventLog, FileRead, FileWrite, IncidentAddStep, IncidentClose, IncidentCreate,
    IncidentList, IncidentShow, JournalLogs, LedgerAppend, LedgerConsistency, LedgerProve, LedgerVerify,
    MemoryDocumentAdd, MemoryDocumentExport, MemoryDocumentList, MemoryDocumentReindex, MemoryDocumentRemove,
    MemoryForget, MemoryGet, MemoryHealth, MemoryIngest, MemoryJunk, MemoryList, MemoryModelInstall, MemoryPrune,
    MemoryRecall, MemoryReindex, MemoryStore, NetworkInfo, OperatorFileDelete, OperatorFileDownload, OperatorFileList,
    OperatorFileMkdir, OperatorFileRead, OperatorFileRename, OperatorFileUpload, OperatorFileWrite, ReceiptList,
    RequestGet, RequestList, SafetyPanic, SafetyRestart, SafetyRollback, SafetyStatus, SandboxExec, ServiceStatus,
    ShellExec, SpecKitInit, SpecKitRun, SystemDiscover, SystemHealth, SystemQuery, TERMINAL, TLOG_CHECKPOINT, TLOG_KEY,
    TLOG_TILE,
};
use osmoda_ipc::Routes;

use crate::{
    agentd::Agentd,
    gate::AgentdGate,
    handlers::{
        approvals, apps, backups, capabilities, card, files, incidents, ledger, memory, network, operator_files,
        requests, safety, sandbox, services, shell, spec_kit, system, terminal, tlog,
    },
    recorder::LedgerRecorder,
};

pub(crate) fn routes(agentd: Arc<Agentd>, recorder: Arc<LedgerRecorder>) -> Routes<Agentd> {
    let gate = Arc::new(AgentdGate(agentd.clone()));
    let desk = agentd.desk.clone();
    Routes::new("agentd", agentd)
        .recorded_by(recorder)
        .gated_by(gate)
        .received_by(desk)
        .on::<SystemHealth>(system::health)
        .on::<SystemQuery>(system::query)
        .on::<SystemDiscover>(system::discover)
        .on::<NetworkInfo>(network::info)
        .on::<ShellExec>(shell::exec)
        .on::<FileRead>(files::read)
        .on::<FileWrite>(files::write)
        .on::<DirectoryList>(files::list)
        .on::<EventLog>(ledger::events)
        .on::<ReceiptList>(ledger::receipts)
        .on::<LedgerAppend>(ledger::append)
        .on::<LedgerVerify>(ledger::verify)
        .on::<LedgerProve>(ledger::prove)
        .on::<LedgerConsistency>(ledger::consistency)
        .raw(TLOG_CHECKPOINT, tlog::checkpoint)
        .raw(TLOG_KEY, tlog::key)
        .raw(TLOG_TILE, tlog::tile)
        .raw(EVENTS_STREAM, tlog::stream)
        .on::<RequestGet>(requests::get)
        .on::<RequestList>(requests::list)
        .on::<ApprovalRequest>(approvals::request)
        .on::<ApprovalPending>(approvals::pending)
        .on::<ApprovalApprove>(approvals::approve)
        .on::<ApprovalDeny>(approvals::deny)
        .on::<ApprovalCheck>(approvals::check)
        .on::<ApprovalClaim>(approvals::claim)
        .on::<ApprovalChallenge>(approvals::challenge)
        .on::<ServiceStatus>(services::status)
        .on::<JournalLogs>(services::journal)
        .on::<SafetyStatus>(safety::status)
        .on::<SafetyRollback>(safety::rollback)
        .on::<SafetyPanic>(safety::panic)
        .on::<SafetyRestart>(safety::restart)
        .on::<BackupCreate>(backups::create)
        .on::<BackupList>(backups::list)
        .on::<CapabilityMint>(capabilities::mint)
        .on::<CapabilityNarrow>(capabilities::narrow)
        .on::<CapabilityVerify>(capabilities::verify)
        .on::<CapabilityRevoke>(capabilities::revoke)
        .on::<CapabilityList>(capabilities::list)
        .on::<CapabilityKey>(capabilities::key)
        .on::<AgentCardGet>(card::card)
        .on::<AgentCardWellKnown>(card::card)
        .on::<OperatorFileList>(operator_files::list)
        .on::<OperatorFileRead>(operator_files::read)
        .on::<OperatorFileWrite>(operator_files::write)
        .on::<OperatorFileUpload>(operator_files::upload)
        .on::<OperatorFileDownload>(operator_files::download)
        .on::<OperatorFileMkdir>(operator_files::mkdir)
        .on::<OperatorFileRename>(operator_files::rename)
        .on::<OperatorFileDelete>(operator_files::delete)
        .websocket(TERMINAL, terminal::open)
        .on::<IncidentCreate>(incidents::create)
        .on::<IncidentAddStep>(incidents::step)
        .on::<IncidentList>(incidents::list)
        .on::<IncidentShow>(incidents::show)
        .on::<IncidentClose>(incidents::close)
        .on::<MemoryStore>(memory::store)
        .on::<MemoryRecall>(memory::recall)
        .on::<MemoryList>(memory::list)
        .on::<MemoryGet>(memory::get)
        .on::<MemoryForget>(memory::forget)
        .on::<MemoryIngest>(memory::ingest)
        .on::<MemoryHealth>(memory::health)
        .on::<MemoryReindex>(memory::reindex)
        .on::<MemoryJunk>(memory::junk)
        .on::<MemoryPrune>(memory::prune)
        .on::<MemoryModelInstall>(memory::install_model)
        .on::<MemoryDocumentAdd>(memory::add_document)
        .on::<MemoryDocumentList>(memory::documents)
        .on::<MemoryDocumentExport>(memory::export_document)
        .on::<MemoryDocumentReindex>(memory::reindex_document)
        .on::<MemoryDocumentRemove>(memory::remove_document)
        .on::<SandboxExec>(sandbox::exec)
        .on::<AppDeploy>(apps::deploy)
        .on::<AppList>(apps::list)
        .on::<AppLogs>(apps::logs)
        .on::<AppStop>(apps::stop)
        .on::<AppRestart>(apps::restart)
        .on::<AppRemove>(apps::remove)
        .on::<SpecKitInit>(spec_kit::init)
        .on::<SpecKitRun>(spec_kit::run)
}
