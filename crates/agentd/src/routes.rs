//! What agentd serves.

use std::sync::Arc;

use osmoda_api::agentd::{
    ApprovalApprove, ApprovalChallenge, ApprovalCheck, ApprovalClaim, ApprovalDeny, ApprovalPending, ApprovalRequest,
    DirectoryList, EVENTS_STREAM, EventLog, FileRead, FileWrite, LedgerAppend, LedgerConsistency, LedgerProve,
    LedgerVerify, NetworkInfo, ReceiptList, RequestGet, RequestList, ShellExec, SystemDiscover, SystemHealth,
    SystemQuery, TLOG_CHECKPOINT, TLOG_KEY, TLOG_TILE,
};
use osmoda_ipc::Routes;

use crate::{
    agentd::Agentd,
    gate::AgentdGate,
    handlers::{approvals, files, ledger, network, requests, shell, system, tlog},
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
}
