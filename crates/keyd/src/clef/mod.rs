//! The interface of clef, go-ethereum's former signer: JSON-RPC over a Unix socket of its own, under the same policy.

mod methods;
mod server;

pub(crate) use self::server::{serve, turn_away};
