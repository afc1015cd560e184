//! The real handler, driven over a byte stream by raw JSON-RPC lines, with agentd's endpoints behind a real socket.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at what it did not expect")]

mod agentd;
mod approvals;
mod calls;
mod client;
mod forwarding;
mod protocol;
mod resources;
