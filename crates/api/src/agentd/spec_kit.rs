//! Spec-driven development: the specify CLI and an agent CLI, run for one project folder.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{endpoint, osmoda_api_about};

/// The longest a phase may take, in seconds.
pub const LONGEST_PHASE_SECS: u64 = 1800;

endpoint! {
    /// Make a spec-driven project under the workspace folder with the specify CLI.
    SpecKitInit = Post "/spec-kit/init" as "spec_kit_init", Write, SpecKitInitRequest => SpecKitProject, {
        const DEADLINE: Duration = Duration::from_secs(320);

        fn receipt(answer: &SpecKitProject) -> Value {
            json!({ "project_path": answer.project_path, "integration": answer.integration })
        }
    }
}

/// Which agent CLI a project is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Integration {
    /// Claude Code.
    #[default]
    Claude,
    /// Codex.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// GitHub Copilot.
    Copilot,
    /// Windsurf.
    Windsurf,
    /// Any other.
    Generic,
}

/// A project to be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpecKitInitRequest {
    /// 1 to 48 of a-z, 0-9 and -, beginning with a letter, not ending with -. It becomes the folder's name.
    #[schemars(length(min = 1, max = 48))]
    pub project_name: String,
    /// The agent CLI it is for; claude by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<Integration>,
    /// What its constitution begins with: the principles that every phase keeps to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16384))]
    pub constitution_seed: Option<String>,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpecKitProject {
    /// Its folder.
    pub project_path: String,
    /// The agent CLI it is for.
    pub integration: Integration,
    /// The phases that can be run, as the project names them.
    pub skills: Vec<String>,
    /// What to do next.
    pub next_action: String,
}

endpoint! {
    /// Run one phase of a spec-driven project with the agent CLI. It changes the project's files.
    SpecKitRun = Post "/spec-kit/run" as "spec_kit_run", Destructive, SpecKitRunRequest => SpecKitRan, {
        const DEADLINE: Duration = Duration::from_secs(LONGEST_PHASE_SECS + 20);

        fn receipt(answer: &SpecKitRan) -> Value {
            json!({
                "command": answer.command, "exit_code": answer.exit_code, "duration_seconds": answer.duration_seconds,
                "output_bytes": answer.output.len(), "stopped": answer.stopped,
            })
        }
    }
}

/// A phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The project's principles.
    Constitution,
    /// What is to be built, and why.
    #[default]
    Specify,
    /// Questions about what is not clear.
    Clarify,
    /// How it is to be built.
    Plan,
    /// The steps.
    Tasks,
    /// Whether the documents agree.
    Analyze,
    /// What good requirements need.
    Checklist,
    /// The work itself.
    Implement,
    /// The steps as issues.
    Taskstoissues,
}

/// One phase to be run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpecKitRunRequest {
    /// The project's folder, under the workspace folder.
    #[schemars(length(min = 1, max = 4096))]
    pub project_path: String,
    /// The phase.
    pub command: Phase,
    /// What the phase is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub prompt: Option<String>,
    /// Seconds until it is killed; 600 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 1800))]
    pub timeout_seconds: Option<u64>,
    /// The operator's approval of exactly this call, where one is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub approval_id: Option<String>,
}

/// How a phase went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpecKitRan {
    /// The phase.
    pub command: Phase,
    /// The agent CLI's exit code; 128 and the signal's number where a signal ended it.
    pub exit_code: i32,
    /// What it said, the last 256 KiB; bytes that are not UTF-8 are replaced.
    pub output: String,
    /// How long it took, in seconds.
    pub duration_seconds: u64,
    /// Why it was killed, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<super::Stopped>,
}
