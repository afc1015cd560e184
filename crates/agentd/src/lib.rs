//! agentd: the system bridge, the ledger and the approvals.

mod agentd;
mod approvals;
mod config;
mod files;
mod gate;
pub mod guard;
mod handlers;
pub mod network;
mod recorder;
mod requests;
mod routes;
mod shell;
mod streams;
pub mod system;

pub use self::{
    agentd::{Agentd, NotStarted, start},
    config::Config,
};
