//! agentd: the system bridge, the ledger and the approvals.

mod agentd;
mod approvals;
mod capabilities;
mod card;
mod config;
mod database;
mod files;
mod gate;
pub mod guard;
mod handlers;
mod incidents;
mod journal;
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
