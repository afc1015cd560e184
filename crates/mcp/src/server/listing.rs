//! From rows of the table to the tools that clients see.

use std::sync::Arc;

use rmcp::model::{JsonObject, MetaObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

use crate::{ToolInfo, tools};

/// The tool as it stands in `tools/list`.
pub(super) fn listed(tool: &ToolInfo) -> Tool {
    let hints = ToolAnnotations::new()
        .read_only(tool.hints.read_only)
        .destructive(tool.hints.destructive)
        .idempotent(tool.hints.idempotent)
        .open_world(tool.hints.open_world);
    let mut meta = MetaObject::new();
    meta.0.insert("osmoda/toolset".into(), json!(tool.toolset.as_str()));
    if tool.always_load {
        meta.0.insert("anthropic/alwaysLoad".into(), json!(true));
    }
    Tool::new(tool.name, tool.endpoint.about, object(&tool.input_schema))
        .with_title(tool.title)
        .with_raw_output_schema(object(&tool.output_schema))
        .with_annotations(hints)
        .with_meta(meta)
}

fn object(schema: &Value) -> Arc<JsonObject> {
    Arc::new(schema.as_object().cloned().unwrap_or_default())
}

/// What `tools/list` answers when nothing is filtered away: the contract with MCP clients.
pub fn listing() -> Value {
    let tools: Vec<Tool> = tools().iter().map(listed).collect();
    json!({ "tools": tools })
}
