//! agentd: the system bridge, the ledger and the approvals.

pub mod guard;
