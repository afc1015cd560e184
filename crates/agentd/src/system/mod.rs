//! What the machine is and does: its health, tables of its state, what listens on it. Read from the kernel and from
//! files, never from another program's text. Everything but [`health`] blocks for milliseconds.

mod accounts;
mod apps;
mod discover;
mod error;
mod health;
mod mounts;
pub(crate) mod netlink;
mod packages;
mod process;
mod query;
mod sampler;
mod sockets;
mod space;
pub(crate) mod text;

pub use self::{discover::discover, error::SystemError, health::health, query::query, sampler::Sampler};

/// The most rows that one answer may hold.
pub const MAX_LIMIT: u32 = 10_000;
