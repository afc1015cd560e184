//! Untrusted code: what a call is given, and the runner that shuts it in.

mod error;
mod plan;
mod runner;

pub(crate) use self::{
    error::SandboxError,
    plan::{Sandboxed, plan},
    runner::Runner,
};
