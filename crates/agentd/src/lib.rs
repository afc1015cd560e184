//! agentd: the system bridge, the ledger and the approvals.

mod agentd;
mod approvals;
mod apps;
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
mod memory;
pub mod network;
mod recorder;
mod requests;
mod routes;
mod sandbox;
mod shell;
mod spec_kit;
mod streams;
pub mod system;
mod terminal;

pub use self::{
    agentd::{Agentd, NotStarted, start},
    config::Config,
};
