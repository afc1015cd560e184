//! The least that a server made with rmcp can be: one tool that answers with the JSON it was started with. It is what the
//! suite's MCP server is measured against.
//!
//!     bare TOOL ANSWER

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ListToolsResult, PaginatedRequestParams,
        ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
};
use serde_json::Value;

struct Bare {
    tool: Tool,
    answer: Value,
}

impl ServerHandler for Bare {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(vec![self.tool.clone()]))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        (name == self.tool.name).then(|| self.tool.clone())
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Ok(CallToolResult::structured(self.answer.clone()).into())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (Some(name), Some(answer)) = (std::env::args().nth(1), std::env::args().nth(2)) else {
        return Err("bare TOOL ANSWER".into());
    };
    let schema = serde_json::from_str(r#"{"type":"object"}"#)?;
    let tool = Tool::new(name, "Answers.", Arc::new(schema));
    let server = Bare { tool, answer: serde_json::from_str(&answer)? };
    server.serve(rmcp::transport::stdio_pipes()).await?.waiting().await?;
    Ok(())
}
