//! Terminals: a shell behind a pseudo terminal, for people who sit elsewhere, over a WebSocket.

mod ask;
mod pty;
mod session;
mod shell;

pub(crate) use self::{
    ask::Ask,
    session::{Limits, serve},
    shell::{Prepared, Terminals},
};
