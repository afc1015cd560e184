//! The handler that speaks MCP: the only room that knows rmcp's types.

use rmcp::ServerHandler;

use crate::Options;

/// One server; independent of the transport.
pub(crate) struct Server {
    options: Options,
}

impl Server {
    pub(crate) fn new(options: Options) -> Self {
        Self { options }
    }
}

impl ServerHandler for Server {}
