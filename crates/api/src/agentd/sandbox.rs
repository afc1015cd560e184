//! Untrusted code.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::TokenText;
use crate::{endpoint, osmoda_api_about};

/// The longest a sandboxed command may run, in seconds.
pub const LONGEST_SANDBOX_SECS: u64 = 300;

endpoint! {
    /// Run untrusted code shut in by the kernel: ring 2 has no network and only its own empty folder; ring 1 what its capability tokens name.
    SandboxExec = Post "/sandbox/exec" as "sandbox_exec", Write, SandboxRequest => SandboxAnswer, {
        // The command's own limit, and what it takes to set up and to kill it.
        const DEADLINE: Duration = Duration::from_secs(LONGEST_SANDBOX_SECS + 20);

        fn audit(request: &SandboxRequest) -> Value {
            let command: String = request.command.chars().take(2000).collect();
            json!({
                "command": command, "command_bytes": request.command.len(), "ring": request.ring.unwrap_or(2),
                "capabilities": request.capabilities.len(), "timeout_secs": request.timeout_secs,
            })
        }

        fn receipt(answer: &SandboxAnswer) -> Value {
            json!({
                "ring": answer.ring, "exit_code": answer.exit_code, "duration_ms": answer.duration_ms, "cpu_ms": answer.cpu_ms,
                "limits_hit": answer.limits_hit, "stopped": answer.stopped, "capability_ids": answer.capability_ids,
                "stdout_bytes": answer.stdout.len(), "stderr_bytes": answer.stderr.len(),
            })
        }
    }
}

/// A command that nobody trusts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SandboxRequest {
    /// The command, for /bin/sh. It starts in /sandbox, an empty folder that is thrown away afterwards.
    #[schemars(length(min = 1, max = 65536))]
    pub command: String,
    /// 2, the default: no network, nothing of this machine but its programs. 1: besides that what the capabilities name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2))]
    pub ring: Option<u8>,
    /// Tokens of capability_mint, for ring 1: fs.read, fs.write, exec, net. One of them at most may name hosts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub capabilities: Vec<TokenText>,
    /// Seconds until it is killed with everything that it started; 30 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 300))]
    pub timeout_secs: Option<u64>,
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SandboxAnswer {
    /// Standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Its exit code; 128 and the signal's number where a signal ended it.
    pub exit_code: i32,
    /// How long it ran, in milliseconds.
    pub duration_ms: u64,
    /// Processor time of everything inside, in milliseconds.
    pub cpu_ms: u64,
    /// The limits that it came up against.
    pub limits_hit: Vec<SandboxLimit>,
    /// The ring it ran in.
    pub ring: u8,
    /// The tokens it ran under.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capability_ids: Vec<String>,
    /// Why it was killed, where that was no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<SandboxStopped>,
}

/// A limit of a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SandboxLimit {
    /// It ran too long.
    WallTime,
    /// It computed too long.
    CpuTime,
    /// It wanted too much memory.
    Memory,
    /// It wanted too many processes.
    Processes,
    /// A file would have become too large.
    FileSize,
    /// Its folders were full.
    Disk,
    /// It said too much.
    Output,
}

/// Why a sandbox was ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SandboxStopped {
    /// The caller hung up or cancelled.
    Cancelled,
    /// agentd is stopping.
    Shutdown,
    /// A token that it ran under was revoked, or expired.
    CapabilityLost,
}
