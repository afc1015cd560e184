//! The MCP server: one table of tools over the daemons' sockets, served in both protocol eras.
//!
//! A row of [`tools`] joins an endpoint of crates/api with what only MCP clients need (title, toolset, hints). rmcp's
//! types stay behind `server`; rows, schemas and forwarding know nothing of it.

mod forward;
mod instructions;
mod options;
mod schema;
mod server;
mod stdio;
mod tools;
mod toolset;

pub use forward::{ForwardError, forward};
pub use options::Options;
pub use server::listing;
pub use stdio::{ServeError, serve, serve_stdio};
pub use tools::{Hints, ToolInfo, tool, tools};
pub use toolset::{Toolset, UnknownToolset};
