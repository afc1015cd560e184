//! A new version of a deployed app, over agentd, which keeps the apps.

use std::{fs, io, path::PathBuf, time::Duration};

use futures_util::future::BoxFuture;
use osmoda_ipc::{CallError, Envelope, Fault, Method, chain};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Apply, ApplyError, Tools, hex, link};
use crate::switch::Facts;

/// How long agentd may take to deploy.
const PATIENCE: Duration = Duration::from_secs(120);
/// What app_deploy takes beside its name.
const FIELDS: [&str; 9] =
    ["command", "args", "working_dir", "env", "port", "user", "restart_policy", "memory_max", "cpu_quota"];

/// The app and its new version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct App {
    name: String,
    command: String,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    options: Map<String, Value>,
}

/// Both versions; there is none before where the app is new.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Versions {
    old: Option<Map<String, Value>>,
    new: Map<String, Value>,
}

impl App {
    fn definition(&self) -> Result<Map<String, Value>, ApplyError> {
        if let Some(unknown) = self.options.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            return Err(ApplyError::Invalid(format!(
                "app_deploy has no field {unknown:?}; it has: {}",
                FIELDS.join(", ")
            )));
        }
        let mut definition = self.options.clone();
        definition.insert("command".into(), json!(self.command));
        definition.insert("args".into(), json!(self.args));
        Ok(definition)
    }

    /// What was deployed last under guard, for what agentd does not tell of an app.
    fn remembered(&self, tools: &Tools) -> PathBuf {
        tools.kept.with_file_name("apps").join(format!("{}.json", self.name))
    }

    /// How the app is deployed now.
    async fn deployed(&self, tools: &Tools) -> Result<Option<Map<String, Value>>, ApplyError> {
        let listed = ask(tools, Method::Get, "/app/list", None).await?;
        let rows = listed.get("apps").and_then(Value::as_array).cloned().unwrap_or_default();
        let Some(row) = rows.into_iter().find(|row| row.get("name").and_then(Value::as_str) == Some(&*self.name))
        else {
            return Ok(None);
        };
        let row = row.get("definition").cloned().unwrap_or(row);
        let told: Map<String, Value> = FIELDS
            .iter()
            .filter_map(|name| Some((name.to_string(), row.get(*name).filter(|value| !value.is_null())?.clone())))
            .collect();
        if told.contains_key("command") {
            return Ok(Some(told));
        }
        match fs::read(self.remembered(tools)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(_) => Err(ApplyError::NoWayBack(format!(
                "agentd does not tell how {} runs now, and it was never deployed under guard",
                self.name
            ))),
        }
    }

    async fn deploy(&self, tools: &Tools, mut definition: Map<String, Value>) -> Result<(), ApplyError> {
        definition.insert("name".into(), json!(self.name));
        ask(tools, Method::Post, "/app/deploy", Some(Value::Object(definition))).await.map(drop)
    }

    fn remember(&self, tools: &Tools, definition: &Map<String, Value>) -> Result<(), ApplyError> {
        let path = self.remembered(tools);
        let wrong = |error: io::Error| ApplyError::io(path.display().to_string())(error);
        fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(wrong)?;
        link::write(&path, &serde_json::to_vec(definition)?, |_| Ok(())).map_err(ApplyError::io("apps"))
    }
}

/// One call of agentd's app tools, by their contract.
async fn ask(tools: &Tools, method: Method, path: &str, body: Option<Value>) -> Result<Value, ApplyError> {
    let body = body.map(|body| serde_json::to_vec(&body)).transpose()?.unwrap_or_default();
    let headers: &[(&str, &str)] = if method == Method::Post { &[("content-type", "application/json")] } else { &[] };
    let reply = tools.agentd.send_with(method, path, headers, body, PATIENCE).await.map_err(|error| match error {
        CallError::Fault(fault) => ApplyError::App(Box::new(fault)),
        other => ApplyError::Unavailable(format!("{}; see agentctl status", chain(&other))),
    })?;
    if reply.status.is_success() {
        return Ok(serde_json::from_slice(&reply.body)?);
    }
    let envelope: Envelope = serde_json::from_slice(&reply.body)?;
    if reply.status == 404 && matches!(envelope.code.as_str(), "not_found" | "unknown_path") {
        return Err(ApplyError::Unavailable("the agentd of this machine has no apps".into()));
    }
    Err(ApplyError::App(Box::new(Fault::from_envelope(reply.status, envelope))))
}

fn versions(facts: &Facts) -> Result<Versions, ApplyError> {
    Ok(serde_json::from_value(facts.way.clone())?)
}

fn told(name: &str, version: Option<&Map<String, Value>>) -> String {
    match version.and_then(|version| version.get("command")).and_then(Value::as_str) {
        Some(command) => format!("{name}: {command}"),
        None => format!("no {name}"),
    }
}

impl Apply for App {
    fn things(&self, _tools: &Tools) -> Vec<String> {
        vec![format!("app:{}", self.name)]
    }

    fn prepare<'a>(&'a self, tools: &'a Tools, _id: &'a str) -> BoxFuture<'a, Result<Facts, ApplyError>> {
        Box::pin(async move {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(plain) {
                return Err(ApplyError::Invalid(format!("{:?} is no app's name", self.name)));
            }
            let new = self.definition()?;
            let old = self.deployed(tools).await?;
            let key = format!("app:{}:{}", self.name, hex(&Sha256::digest(serde_json::to_vec(&new)?)));
            Ok(Facts {
                previous: told(&self.name, old.as_ref()),
                next: told(&self.name, Some(&new)),
                key: Some(key),
                way: serde_json::to_value(Versions { old, new })?,
            })
        })
    }

    fn apply<'a>(&'a self, tools: &'a Tools, _id: &'a str, facts: &'a Facts) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let new = versions(facts)?.new;
            self.deploy(tools, new.clone()).await?;
            self.remember(tools, &new)
        })
    }

    fn rollback<'a>(
        &'a self,
        tools: &'a Tools,
        _id: &'a str,
        facts: &'a Facts,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            match versions(facts)?.old {
                Some(old) => {
                    self.deploy(tools, old.clone()).await?;
                    self.remember(tools, &old)
                }
                None => match ask(tools, Method::Delete, &format!("/app/{}", self.name), None).await {
                    // It was never there, or is gone already.
                    Err(ApplyError::App(fault)) if fault.status() == 404 => Ok(()),
                    answer => answer.map(drop),
                },
            }
        })
    }

    fn verify<'a>(&'a self, tools: &'a Tools, _id: &'a str, facts: &'a Facts) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let (old, now) = (versions(facts)?.old, self.deployed(tools).await?);
            let command =
                |version: &Option<Map<String, Value>>| version.as_ref().and_then(|all| all.get("command").cloned());
            if command(&old) == command(&now) {
                return Ok(());
            }
            Err(ApplyError::NotUndone(format!("{} runs", told(&self.name, now.as_ref()))))
        })
    }
}
