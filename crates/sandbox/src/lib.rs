//! Untrusted commands, enforced by the kernel: bubblewrap's namespaces and read-only root, Landlock, a seccomp filter,
//! limits. If a layer can't be set up the command does not run.
//!
//! Three processes: whoever asks sends a [`Plan`] over a Unix socket to the runner (`osmoda-sandbox`, an account of its
//! own, no secrets); the runner starts bwrap and watches; bwrap starts `osmoda-sandbox-init` as process 1 inside, which
//! puts on what bwrap can't, starts the command and tells how it ended.

mod account;
mod direct;
mod filter;
mod grant;
mod group;
mod hand;
mod host;
mod init;
pub mod inside;
mod limits;
mod plan;
mod report;
mod run;
mod serve;
mod view;
mod watch;
mod wire;

pub use self::{
    account::{AccountError, become_account},
    hand::{connect, read_reply},
    init::Init,
    limits::{Limit, Limits},
    plan::{Access, Ended, Grant, LONGEST_COMMAND, Layer, MOST_GRANTS, Network, Outcome, Plan, Refusal, Reply, Ring},
    serve::{ServeError, Settings, serve},
    wire::{LONGEST_FRAME, frame},
};
