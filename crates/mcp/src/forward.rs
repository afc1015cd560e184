//! A tool's arguments, forwarded to its daemon as the JSON that they are.

use osmoda_ipc::{CallError, Client, Fault, RequestId, Role, daemon::Dirs};
use serde_json::Value;

use crate::tool;

/// Why a forwarded call has no result.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// No tool has this name.
    #[error("there is no tool {0:?}")]
    UnknownTool(String),
    /// The daemon refused, failed or can't be reached.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl From<ForwardError> for Fault {
    fn from(error: ForwardError) -> Self {
        match error {
            ForwardError::UnknownTool(_) => {
                Self::not_found("unknown_tool", format!("{error}; take one that tools/list shows"))
            }
            ForwardError::Call(error) => error.into(),
        }
    }
}

/// Calls the tool `name` with these arguments as part of the act `id`, in a narrower role where one is given.
pub async fn forward(
    dirs: &Dirs,
    role: Option<Role>,
    name: &str,
    id: &RequestId,
    arguments: Value,
) -> Result<Value, ForwardError> {
    let tool = tool(name).ok_or_else(|| ForwardError::UnknownTool(name.to_owned()))?;
    let mut client = Client::new(dirs.socket(tool.daemon));
    if let Some(role) = role {
        client = client.narrowed_to(role);
    }
    Ok(client.call_json(&tool.endpoint, id, arguments).await?)
}
