//! One call: forward, and turn what comes back into a result.

use osmoda_ipc::{Client, Fault, RequestId};
use rmcp::{
    ErrorData, RoleServer,
    model::{CallToolRequestParams, CallToolResponse, CallToolResult, JsonObject, MetaObject},
    service::RequestContext,
};
use serde_json::{Value, json};

use super::{
    Server,
    approval::{Question, Settled},
};
use crate::ToolInfo;

/// The key in a result's `_meta` that names the act.
const REQUEST_ID: &str = "osmoda/request_id";

/// A tool and what it is called with.
pub(super) struct Act<'a> {
    pub(super) id: RequestId,
    pub(super) tool: &'static ToolInfo,
    pub(super) daemon: &'a Client,
    pub(super) arguments: JsonObject,
}

impl Act<'_> {
    /// Calls the daemon with the operator's leave.
    async fn perform_approved(&self, approval: &str) -> Result<Value, Fault> {
        let mut arguments = self.arguments.clone();
        arguments.insert("approval_id".into(), json!(approval));
        self.forward(arguments).await
    }

    async fn forward(&self, arguments: JsonObject) -> Result<Value, Fault> {
        let answer = self.daemon.call_json(&self.tool.endpoint, &self.id, Value::Object(arguments)).await;
        answer.map_err(Fault::from)
    }

    /// The result that clients see: structured content and the same as text.
    pub(super) fn finished(&self, outcome: Result<Value, Fault>) -> CallToolResponse {
        let result = match outcome {
            Ok(answer) => CallToolResult::structured(answer),
            Err(fault) => CallToolResult::structured_error(json!(fault.with_request_id(&self.id).envelope())),
        };
        result.with_meta(Some(self.meta())).into()
    }

    pub(super) fn meta(&self) -> MetaObject {
        let mut meta = MetaObject::new();
        meta.0.insert(REQUEST_ID.into(), json!(self.id));
        meta
    }
}

impl Server {
    /// One `tools/call`, also one that comes back with a person's answer.
    ///
    /// Its future is copied for every call: what is large in it and rarely needed lies in boxes of its own.
    pub(super) async fn perform(
        &self,
        tool: &'static ToolInfo,
        daemon: &Client,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let mut act = Act { id: RequestId::generate(), tool, daemon, arguments };
        let settled = match (request.request_state, &self.desk) {
            (None, None) => {
                let arguments = std::mem::take(&mut act.arguments);
                return Ok(act.finished(act.forward(arguments).await));
            }
            (None, Some(desk)) => match act.forward(act.arguments.clone()).await {
                Ok(answer) => return Ok(act.finished(Ok(answer))),
                Err(fault) => match Question::of(&fault) {
                    Some(question) => Box::pin(desk.ask(&act, question, context)).await,
                    None => return Ok(act.finished(Err(fault))),
                },
            },
            (Some(state), Some(desk)) => {
                Box::pin(desk.resume(&mut act, &state, request.input_responses.as_ref(), context)).await?
            }
            (Some(_), None) => return Err(foreign_state()),
        };
        match settled {
            Settled::Approved(approval) => Ok(act.finished(act.perform_approved(&approval).await)),
            Settled::Refused(fault) => Ok(act.finished(Err(fault))),
            Settled::Asked(question) => Ok((*question).with_meta(act.meta()).into()),
        }
    }
}

/// -32602: no such tool is shown.
pub(super) fn unknown_tool(name: &str) -> ErrorData {
    let shown: String = name.chars().take(64).collect();
    ErrorData::invalid_params(format!("unknown tool: {shown}"), None)
}

/// -32602: a request state that this process did not make for this very call.
pub(super) fn foreign_state() -> ErrorData {
    ErrorData::invalid_params(
        "this requestState is not of this call, or came too late; call the tool again without it",
        None,
    )
}
