//! keyd: wallets that an agent can use and can't abuse.

mod act;
mod book;
mod build;
mod clef;
mod config;
mod ethereum;
mod gate;
mod handlers;
mod keyd;
mod keys;
mod path;
mod policy;
mod routes;
mod shut_in;
mod solana;
#[cfg(test)]
mod tricks;
#[cfg(test)]
mod vectors;

pub use self::{
    config::Config,
    keyd::{Keyd, NotStarted, start},
    keys::KeySource,
    path::SigningPath,
};
