//! Shell commands.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{endpoint, osmoda_api_about};

/// The longest a command may run, in milliseconds.
pub const LONGEST_COMMAND_MS: u64 = 120_000;

endpoint! {
    /// Run a shell command. 30 a minute; what is dangerous, or can't be judged, needs an approval.
    ShellExec = Post "/shell/exec" as "shell_exec", Destructive, ShellRequest => ShellAnswer, {
        // The command's own limit, and what it takes to kill it and to collect its output.
        const DEADLINE: Duration = Duration::from_millis(LONGEST_COMMAND_MS + 10_000);

        fn receipt(answer: &ShellAnswer) -> Value {
            json!({
                "exit_code": answer.exit_code, "duration_ms": answer.duration_ms, "truncated": answer.truncated,
                "stopped": answer.stopped, "stdout_bytes": answer.stdout.len(), "stderr_bytes": answer.stderr.len(),
            })
        }
    }
}

/// A command.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShellRequest {
    /// The command, for /bin/sh.
    #[schemars(length(min = 1, max = 65536))]
    pub command: String,
    /// Milliseconds until it is killed with everything that it started; 30000 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 120_000))]
    pub timeout: Option<u64>,
    /// The folder it starts in; / by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub cwd: Option<String>,
    /// The operator's approval of exactly this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub approval_id: Option<String>,
}

/// What a command said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShellAnswer {
    /// Standard output, 1 MiB at most; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// Standard error, 1 MiB at most.
    pub stderr: String,
    /// Its exit code; 128 and the signal's number where a signal ended it.
    pub exit_code: i32,
    /// How long it ran, in milliseconds.
    pub duration_ms: u64,
    /// Whether more was said than is shown.
    pub truncated: bool,
    /// Why it was killed, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
}

/// Why a command was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// Its time was up.
    Timeout,
    /// The caller hung up or cancelled.
    Cancelled,
    /// agentd is stopping.
    Shutdown,
}
