//! The handler that speaks MCP: the only room that knows rmcp's types, and independent of the transport.

mod approval;
mod call;
mod listing;
mod progress;
mod resources;

use std::{collections::HashMap, sync::Arc, time::Duration};

use osmoda_ipc::{Client, Role};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, DiscoverResult, Implementation, ListResourcesResult,
        ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities,
        ServerConfig, SubscriptionFilter, Tool,
    },
    service::{RequestContext, SubscriptionContext},
};
use tokio_util::sync::CancellationToken;

use crate::{Options, ServeError, ToolInfo, instructions};

pub use self::listing::listing;
use self::{approval::Desk, call::unknown_tool, listing::listed};

/// How long a client may keep a list: it never changes while this process lives.
const LIST_TTL_MS: u64 = 3_600_000;

/// One server over the daemons' sockets.
pub(crate) struct Server {
    /// In the order in which they are shown.
    shown: Vec<&'static ToolInfo>,
    /// Their daemons by tool, each in the agent's role.
    daemons: HashMap<&'static str, Arc<Client>>,
    /// Where approvals are asked for in place, where that is wanted.
    desk: Option<Desk>,
    config: ServerConfig,
    progress_every: Duration,
    /// Cancelled when the client has closed its end.
    gone: CancellationToken,
}

impl Server {
    pub(crate) fn new(options: &Options, gone: CancellationToken) -> Result<Self, ServeError> {
        let shown: Vec<_> = options.chosen().collect();
        let client = |daemon: &str| Arc::new(Client::new(options.dirs.socket(daemon)).narrowed_to(Role::Agent));
        let clients: HashMap<_, _> = options.daemons.iter().map(|daemon| (*daemon, client(daemon))).collect();
        let daemons = shown.iter().filter_map(|tool| Some((tool.name, clients.get(tool.daemon)?.clone()))).collect();
        let config = ServerConfig::new(capabilities(&shown))
            .with_server_info(Implementation::new("osmoda", env!("CARGO_PKG_VERSION")).with_title("osmoda"))
            .with_instructions(instructions::text(&shown));
        let desk = if options.elicit { Some(Desk::open(&options.dirs, gone.clone())?) } else { None };
        Ok(Self { shown, daemons, desk, config, progress_every: options.progress_every, gone })
    }

    /// The tool of this name and its daemon, where it is shown: what is filtered away can't be called either.
    fn shown(&self, name: &str) -> Option<(&'static ToolInfo, &Client)> {
        let tool = self.shown.iter().find(|tool| tool.name == name)?;
        Some((tool, self.daemons.get(name)?))
    }
}

/// Only what is really served: the lists never change, so that no change is promised.
fn capabilities(shown: &[&ToolInfo]) -> ServerCapabilities {
    if resources::any(shown) {
        ServerCapabilities::builder().enable_tools().enable_resources().build()
    } else {
        ServerCapabilities::builder().enable_tools().build()
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        self.config.clone()
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let versions = self.supported_protocol_versions().into_owned();
        Ok(DiscoverResult::from_server_info(versions, self.get_info()).with_ttl_ms(LIST_TTL_MS))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        // One page: several clients read no further than the first.
        let tools = self.shown.iter().map(|tool| listed(tool)).collect();
        Ok(ListToolsResult::with_all_items(tools).with_ttl_ms(LIST_TTL_MS).with_cache_scope(CacheScope::Private))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.shown(name).map(|(tool, _)| listed(tool))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (tool, daemon) = self.shown(&request.name).ok_or_else(|| unknown_tool(&request.name))?;
        // rmcp moves the future of every request, whichever it is, by the size of the largest.
        let work = Box::pin(self.perform(tool, daemon, request, &context));
        let reported = progress::reporting(&context, self.progress_every, tool.name, work);
        tokio::select! {
            biased;
            // Dropping the work drops the daemon's connection, and the daemon stops what runs for it. Nobody reads the
            // answer of a cancelled call.
            () = context.ct.cancelled() => Err(ErrorData::internal_error("cancelled", None)),
            response = reported => response,
        }
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let resources = resources::listed(&self.shown);
        Ok(ListResourcesResult::with_all_items(resources)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Box::pin(self.read(&request.uri)).await.map(Into::into)
    }

    /// A client may listen; there is nothing that changes, which the empty filter tells it.
    fn accepted_subscription_filter(&self, _: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(SubscriptionFilter::default())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        tokio::select! {
            () = context.cancelled() => {}
            // Without this an open subscription would hold the end of the process up.
            () = self.gone.cancelled() => {}
        }
        Ok(())
    }
}
