//! The table of tools: one file a daemon, one line a tool. What an endpoint already says is not said again here.

mod agentd;
mod keyd;
mod watch;

use std::sync::LazyLock;

use osmoda_ipc::{Effect, Endpoint, EndpointInfo};
use serde_json::Value;

use crate::{Toolset, schema};

/// One tool, without a word of any MCP library.
#[derive(Clone, Debug)]
pub struct ToolInfo {
    /// The endpoint's name.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// The daemon that serves it.
    pub daemon: &'static str,
    /// The group it is chosen by.
    pub toolset: Toolset,
    /// The endpoint behind it.
    pub endpoint: EndpointInfo,
    /// What clients may assume of it.
    pub hints: Hints,
    /// Whether clients that load tools on demand should always have it at hand.
    pub always_load: bool,
    /// The arguments' JSON Schema, cleaned for clients.
    pub input_schema: Value,
    /// The structured content's JSON Schema, cleaned for clients.
    pub output_schema: Value,
}

/// The four annotations of MCP. All are always written: a client's defaults are the worst case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hints {
    /// Changes nothing.
    pub read_only: bool,
    /// May destroy.
    pub destructive: bool,
    /// The same call once more changes nothing further.
    pub idempotent: bool,
    /// Reaches beyond this machine.
    pub open_world: bool,
}

impl Hints {
    const fn of(effect: Effect) -> Self {
        Self {
            read_only: matches!(effect, Effect::Read),
            destructive: matches!(effect, Effect::Destructive),
            idempotent: matches!(effect, Effect::Read),
            open_world: false,
        }
    }
}

/// A row: the tool of endpoint `E`.
fn row<E: Endpoint>(title: &'static str, toolset: Toolset) -> ToolInfo {
    let endpoint = EndpointInfo::of::<E>();
    ToolInfo {
        name: endpoint.name,
        title,
        daemon: "",
        toolset,
        hints: Hints::of(endpoint.effect),
        always_load: false,
        input_schema: schema::of_input(&(endpoint.request_schema)()),
        output_schema: schema::of_output(&(endpoint.response_schema)()),
        endpoint,
    }
}

impl ToolInfo {
    /// Whether it has an argument of this name.
    pub(crate) fn takes(&self, argument: &str) -> bool {
        self.input_schema.get("properties").is_some_and(|all| all.get(argument).is_some())
    }

    /// Always at hand.
    fn always_loaded(self) -> Self {
        Self { always_load: true, ..self }
    }

    /// Reaches beyond this machine.
    fn open_world(mut self) -> Self {
        self.hints.open_world = true;
        self
    }
}

static TABLE: LazyLock<Vec<ToolInfo>> = LazyLock::new(|| {
    let daemons = [("agentd", agentd::rows()), ("keyd", keyd::rows()), ("watch", watch::rows())];
    daemons.into_iter().flat_map(|(daemon, rows)| rows.into_iter().map(move |row| ToolInfo { daemon, ..row })).collect()
});

/// Every tool of this version.
pub fn tools() -> &'static [ToolInfo] {
    &TABLE
}

/// The tool of this name.
pub fn tool(name: &str) -> Option<&'static ToolInfo> {
    TABLE.iter().find(|tool| tool.name == name)
}
