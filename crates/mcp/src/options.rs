//! What a server is started with.

use std::time::Duration;

use osmoda_ipc::{Effect, daemon::Dirs};

use crate::{ToolInfo, Toolset, tools};

/// How the MCP server is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the daemons' sockets are.
    pub dirs: Dirs,
    /// The daemons of this installation: only their tools are listed. One that is installed and down answers
    /// `unavailable`.
    pub daemons: Vec<&'static str>,
    /// Only these toolsets; every one where it is empty.
    pub toolsets: Vec<Toolset>,
    /// Only tools that change nothing.
    pub read_only: bool,
    /// Ask the person at the client in place where an act needs an approval. Works only where the client can ask and
    /// this process may act as an operator.
    pub elicit: bool,
    /// How often a call that still runs says so to a client that wants to know.
    pub progress_every: Duration,
}

impl Options {
    /// Every tool of this version, over the sockets in `dirs`.
    pub fn new(dirs: Dirs) -> Self {
        let daemons = osmoda_api::daemons().iter().map(|daemon| daemon.name).collect();
        Self {
            dirs,
            daemons,
            toolsets: Vec::new(),
            read_only: false,
            elicit: false,
            progress_every: Duration::from_secs(5),
        }
    }

    /// The tools that are listed and can be called.
    pub(crate) fn chosen(&self) -> impl Iterator<Item = &'static ToolInfo> {
        tools().iter().filter(|tool| self.chooses(tool))
    }

    fn chooses(&self, tool: &ToolInfo) -> bool {
        self.daemons.contains(&tool.daemon)
            && (self.toolsets.is_empty() || self.toolsets.contains(&tool.toolset))
            && (!self.read_only || tool.endpoint.effect == Effect::Read)
    }
}
