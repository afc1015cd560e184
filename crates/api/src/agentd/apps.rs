//! Apps: services that an agent deploys, and what else runs on the machine.

use std::{collections::BTreeMap, time::Duration};

use osmoda_ipc::Nothing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::JournalEntry;
use crate::{endpoint, osmoda_api_about};

endpoint! {
    /// Run a program as a service with limits, an account of its own and hardening; it starts again with the machine.
    AppDeploy = Post "/app/deploy" as "app_deploy", Destructive, AppDeployRequest => AppDeployed, {
        const DEADLINE: Duration = Duration::from_secs(60);

        fn audit(request: &AppDeployRequest) -> Value {
            // The values of variables may be secrets.
            let names: Vec<&String> = request.env.keys().collect();
            json!({
                "name": request.name, "command": request.command, "args": request.args, "working_dir": request.working_dir,
                "env": names, "port": request.port, "user": request.user, "restart_policy": request.restart_policy,
                "memory_max": request.memory_max, "cpu_quota": request.cpu_quota, "approval_id": request.approval_id,
            })
        }

        fn receipt(answer: &AppDeployed) -> Value {
            json!({ "name": answer.name, "unit": answer.unit, "status": answer.status })
        }
    }
}

/// An app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppDeployRequest {
    /// 1 to 48 of a-z, 0-9 and -, beginning with a letter, not ending with -.
    #[schemars(length(min = 1, max = 48))]
    pub name: String,
    /// The program: an absolute path. No shell reads it.
    #[schemars(length(min = 1, max = 4096))]
    pub command: String,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub args: Vec<String>,
    /// The folder it starts in; a folder of its own that it may write, by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub working_dir: Option<String>,
    /// Its variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The TCP port it will listen at: refused where somebody listens there already, and looked at after the start. It is told the app as PORT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// The account it runs as; one made for it alone, by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub user: Option<String>,
    /// no, on-failure (the default) or always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub restart_policy: Option<String>,
    /// The most memory, such as 256M or 2G; 512M by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub memory_max: Option<String>,
    /// The most of the processors: 100% is one whole; 100% by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    pub cpu_quota: Option<String>,
    /// The operator's approval of exactly this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub approval_id: Option<String>,
}

/// An app that was deployed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AppDeployed {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// `active`, `activating` or `failed`, a moment after its start.
    pub status: String,
    /// Its main process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Whether somebody listens at its port now; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listening: Option<bool>,
}

endpoint! {
    /// Apps that were deployed, and what else on this machine looks like one: services, projects, listeners, containers, domains.
    AppList = Get "/app/list" as "app_list", Read, Nothing => Apps
}

/// Apps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Apps {
    /// Those that were deployed come first.
    pub apps: Vec<App>,
    /// What could not be looked at, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_seen: Vec<String>,
}

/// Where an app was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppSource {
    /// Deployed by app_deploy.
    #[default]
    Managed,
    /// A running service `osmoda-app-*` that is not in the registry, or an app.json of another control plane.
    App,
    /// A folder with a project in /home or /root.
    Project,
    /// A program that listens above port 1024.
    Port,
    /// A container of Docker or Podman.
    Container,
    /// A site of nginx or Caddy.
    Domain,
}

/// An app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct App {
    /// Its name.
    pub name: String,
    /// Where it was found.
    pub source: AppSource,
    /// Its systemd unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// `active`, `failed`, `inactive`, `running`, `exited` ...; `stopped` where it was stopped by app_stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<String>,
    /// Its main process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Where it listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Memory in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// How often it was started again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u64>,
    /// A project's folder, or the file that names a domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// More for people: a project's language, a container's image, the web server of a domain, a service's program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Which app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppRequest {
    /// Its name.
    #[schemars(length(min = 1, max = 48))]
    pub name: String,
}

endpoint! {
    /// What an app said last: its entries of the journal, oldest first.
    AppLogs = Get "/app/{name}/logs" as "app_logs", Read, AppLogsRequest => AppLog
}

/// Which app, and how much.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppLogsRequest {
    /// Its name.
    #[schemars(length(min = 1, max = 48))]
    pub name: String,
    /// At most so many; 50 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 500))]
    pub lines: Option<u32>,
}

/// What an app said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AppLog {
    /// Oldest first.
    pub entries: Vec<JournalEntry>,
}

endpoint! {
    /// Stop an app; it stays stopped when the machine starts again.
    AppStop = Post "/app/{name}/stop" as "app_stop", Write, AppRequest => AppStatus, {
        const DEADLINE: Duration = Duration::from_secs(120);
    }
}

endpoint! {
    /// Restart an app, or start one that was stopped.
    AppRestart = Post "/app/{name}/restart" as "app_restart", Write, AppRequest => AppStatus, {
        const DEADLINE: Duration = Duration::from_secs(120);
    }
}

/// How an app stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AppStatus {
    /// Its name.
    pub name: String,
    /// `stopped`, `active`, `activating` or `failed`.
    pub status: String,
}

endpoint! {
    /// Stop an app and forget it. What it wrote in its own folder stays.
    AppRemove = Delete "/app/{name}" as "app_remove", Destructive, AppRemoveRequest => AppRemoved, {
        const DEADLINE: Duration = Duration::from_secs(120);
    }
}

/// Which app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppRemoveRequest {
    /// Its name.
    #[schemars(length(min = 1, max = 48))]
    pub name: String,
    /// The operator's approval of exactly this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub approval_id: Option<String>,
}

/// An app that is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AppRemoved {
    /// Its name.
    pub name: String,
    /// Always true: where it can't be removed the call fails.
    pub removed: bool,
    /// The folder with what it wrote, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}
