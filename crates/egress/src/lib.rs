//! egress: the only way out for sandboxed code.

pub mod addresses;
mod book;
mod config;
mod egress;
mod handlers;
mod metrics;
mod names;
mod pages;
mod proxy;
mod refusal;
mod report;
mod routes;
pub mod tls;
mod tokens;

pub use self::{
    config::{BadConfig, Config, Limits},
    egress::{Egress, NotStarted, start},
    refusal::Refusal,
};
