//! No danger without leave: what an act needs, and whether the caller has it.

use std::{path::Path, sync::Arc};

use futures_util::future::BoxFuture;
use osmoda_api::agentd::{FileReadRequest, FileWriteRequest, ShellRequest};
use osmoda_ipc::{Act, Call, Fault, Gate, Leave, NewEvent, Role};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    agentd::{Agentd, Rules},
    approvals::{Asked, Principal, Question},
    guard::{Reason, Scene, judge},
    shell,
};

/// agentd's own gate, in front of every act of its own callers.
pub(crate) struct AgentdGate(pub(crate) Arc<Agentd>);

impl Gate for AgentdGate {
    fn pass<'a>(&'a self, call: &'a Call, act: Act<'a>) -> BoxFuture<'a, Result<Leave, Fault>> {
        Box::pin(async move {
            let principal =
                Principal { uid: call.caller.uid, name: call.caller.name.to_string(), role: call.caller.role };
            self.0.leave(&principal, call.request_id.as_str(), act.endpoint.name, act.request, None).await
        })
    }
}

impl Agentd {
    /// Leave for an act, or 403 `approval_required` with the id of the question to the operator.
    ///
    /// Operators act under their own name: they need none, and are recorded. `why` is the reason of the daemon that
    /// serves the act, where it has one of its own.
    pub(crate) async fn leave(
        &self,
        principal: &Principal,
        request_id: &str,
        tool: &str,
        request: &Value,
        why: Option<String>,
    ) -> Result<Leave, Fault> {
        if principal.role == Role::Operator {
            return Ok(Leave::default());
        }
        let rules = self.rules();
        if tool == "shell_exec" {
            self.pace.step(principal.uid, rules.config.shell.per_minute)?;
        }
        let mut reasons = rules.reasons(tool, request);
        reasons.extend(why.map(|text| Reason { code: "asked_by_daemon", text }));
        if reasons.is_empty() {
            return Ok(Leave::default());
        }
        let question = Question::new(tool, request, &reasons, request_id);
        if let Some(id) = request.get("approval_id").and_then(Value::as_str) {
            let asked_by = self.approvals.use_up(id, &question, principal).await?;
            return Ok(Leave { approval_id: Some(id.to_owned()), supersedes: Some(asked_by) });
        }
        let approval = self.approvals.ask(question, principal, &rules.config.approvals).await?;
        self.record_asked(principal, &approval).await?;
        Err(required(&approval))
    }

    /// A new question to the operator is an event.
    pub(crate) async fn record_asked(&self, principal: &Principal, asked: &Asked) -> Result<(), Fault> {
        if !asked.is_new {
            return Ok(());
        }
        let approval = &asked.approval;
        let payload = json!({
            "request_id": approval.request_id, "daemon": "agentd", "approval_id": approval.id, "tool": approval.tool,
            "why": approval.why, "request_hash": approval.request_hash, "arguments": approval.arguments,
        });
        self.ledger.append(NewEvent { kind: "approval.requested".into(), actor: principal.actor(), payload }).await?;
        Ok(())
    }
}

impl Rules {
    /// Why an agent's act needs leave; nothing where it needs none.
    pub(crate) fn reasons(&self, tool: &str, request: &Value) -> Vec<Reason> {
        let found = match tool {
            "shell_exec" => self.judge_with(request, |shell: &ShellRequest| self.judge_command(shell)),
            "file_write" => self.judge_with(request, |write: &FileWriteRequest| {
                self.paths.judge_write(Path::new(&write.path)).into_iter().collect()
            }),
            "file_read" => self.judge_with(request, |read: &FileReadRequest| {
                self.paths.judge_read(Path::new(&read.path)).into_iter().collect()
            }),
            _ => Vec::new(),
        };
        let listed = self.config.approvals.ask_for.iter().any(|name| name == tool);
        found
            .into_iter()
            .chain(
                listed
                    .then(|| Reason { code: "always_asks", text: format!("{tool} always needs the operator's leave") }),
            )
            .collect()
    }

    fn judge_with<T: DeserializeOwned>(&self, request: &Value, judge: impl FnOnce(&T) -> Vec<Reason>) -> Vec<Reason> {
        match serde_json::from_value::<T>(request.clone()) {
            Ok(request) => judge(&request),
            // What can't be judged asks rather than passes.
            Err(error) => vec![Reason { code: "unparsed", text: format!("the request can't be judged: {error}") }],
        }
    }

    fn judge_command(&self, request: &ShellRequest) -> Vec<Reason> {
        let account = shell::Account::own();
        let scene = Scene {
            cwd: Path::new(request.cwd.as_deref().unwrap_or(shell::DEFAULT_CWD)),
            home: &account.home,
            uid: account.uid,
            paths: &self.paths,
            config: &self.config.guard,
        };
        judge(&request.command, &scene).reasons().to_vec()
    }
}

/// 403 `approval_required`.
fn required(asked: &Asked) -> Fault {
    let approval = &asked.approval;
    Fault::forbidden(
        "approval_required",
        format!(
            "this needs the operator's leave ({}). Ask for: agentctl approve {id} - then call again with the same arguments and approval_id {id}",
            approval.why,
            id = approval.id
        ),
    )
    .with_detail(json!({ "approval_id": approval.id, "expires_at": approval.expires_at, "tool": approval.tool, "why": approval.why }))
}
