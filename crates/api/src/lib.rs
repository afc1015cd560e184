//! The contract: one module a daemon, its endpoints and their types. No I/O.
//!
//! A doc comment here is a description in the JSON Schemas that MCP clients and models read: short, and with units.

pub mod agentd;
pub mod egress;
pub mod keyd;
pub mod watch;

use osmoda_ipc::EndpointInfo;

/// A daemon's name and its endpoints.
#[derive(Debug)]
pub struct DaemonContract {
    /// As in its socket, its table in osmoda.toml and its page in docs/contracts.
    pub name: &'static str,
    /// What it serves.
    pub endpoints: Vec<EndpointInfo>,
}

/// Every daemon that this version has.
pub fn daemons() -> Vec<DaemonContract> {
    vec![
        DaemonContract { name: "agentd", endpoints: agentd::endpoints() },
        DaemonContract { name: "keyd", endpoints: keyd::endpoints() },
        DaemonContract { name: "watch", endpoints: watch::endpoints() },
        DaemonContract { name: "egress", endpoints: egress::endpoints() },
    ]
}

/// What the daemon of this name serves that does not answer with JSON.
pub fn raw_routes(daemon: &str) -> Vec<osmoda_ipc::RawInfo> {
    match daemon {
        "agentd" => agentd::RAW_ROUTES.to_vec(),
        _ => Vec::new(),
    }
}

/// The WebSockets of the daemon of this name.
pub fn websockets(daemon: &str) -> Vec<osmoda_ipc::WebSocketInfo> {
    match daemon {
        "agentd" => vec![agentd::TERMINAL],
        _ => Vec::new(),
    }
}

/// Declares an endpoint: its type, its facts, its request and its response.
macro_rules! endpoint {
    (
        $(#[doc = $about:literal])+
        $name:ident = $method:ident $path:literal as $tool:literal, $effect:ident, $request:ty => $response:ty
        $(, { $($more:tt)* })?
    ) => {
        $(#[doc = $about])+
        #[derive(Debug)]
        pub struct $name;

        impl osmoda_ipc::Endpoint for $name {
            const NAME: &'static str = $tool;
            const METHOD: osmoda_ipc::Method = osmoda_ipc::Method::$method;
            const PATH: &'static str = $path;
            const EFFECT: osmoda_ipc::Effect = osmoda_ipc::Effect::$effect;
            const ABOUT: &'static str = osmoda_api_about!($($about)+);
            type Request = $request;
            type Response = $response;
            $($($more)*)?
        }
    };
}

/// The first doc line of an endpoint, without its leading space.
macro_rules! osmoda_api_about {
    ($first:literal $($rest:literal)*) => {
        $first.trim_ascii()
    };
}

use {endpoint, osmoda_api_about};
