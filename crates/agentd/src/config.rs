//! The table `[agentd]` of osmoda.toml.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::guard::GuardConfig;

/// agentd's settings. Every one has a safe default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `[agentd.approvals]`
    pub approvals: ApprovalConfig,
    /// `[agentd.backups]`
    pub backups: BackupConfig,
    /// `[agentd.card]`
    pub card: CardConfig,
    /// `[agentd.files]`
    pub files: FilesConfig,
    /// `[agentd.guard]`
    pub guard: GuardConfig,
    /// `[agentd.memory]`
    pub memory: MemoryConfig,
    /// `[agentd.safety]`
    pub safety: SafetyConfig,
    /// `[agentd.sandbox]`
    pub sandbox: SandboxConfig,
    /// `[agentd.shell]`
    pub shell: ShellConfig,
    /// `[agentd.spec_kit]`
    pub spec_kit: SpecKitConfig,
    /// `[agentd.terminal]`
    pub terminal: TerminalConfig,
}

/// What agents need the operator's leave for, beside what the guard finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApprovalConfig {
    /// Seconds in which an approval must be answered and used.
    pub ttl_secs: u32,
    /// Questions of one principal that may wait at a time.
    pub most_pending: u32,
    /// Tools that always need leave.
    pub ask_for: Vec<String>,
}

impl Default for ApprovalConfig {
    fn default() -> Self {
        let ask_for = [
            "app_deploy",
            "app_remove",
            "capability_mint",
            "fleet_propose",
            "safe_switch_begin",
            "teach_optimize_apply",
            "wallet_create",
            "wallet_delete",
            "wallet_send",
        ];
        Self { ttl_secs: 900, most_pending: 50, ask_for: ask_for.map(str::to_owned).to_vec() }
    }
}

/// Backups of the suite's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackupConfig {
    /// Days until a backup is thrown away; the newest always stays.
    pub keep_days: u32,
    /// The age recipient (`age1...`) whose identity alone opens a backup; without one, they are not encrypted.
    pub recipient: Option<String>,
    /// A program with its arguments that carries each backup away; the archive's path is added as the last one.
    pub hook: Vec<String>,
    /// Seconds that it may take.
    pub hook_timeout_secs: u32,
}

impl Default for BackupConfig {
    fn default() -> Self {
        Self { keep_days: 7, recipient: None, hook: Vec::new(), hook_timeout_secs: 600 }
    }
}

/// What the agent card says of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CardConfig {
    /// The agent's name; the host's by default.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Where it is reached from elsewhere; agentd's socket by default.
    pub url: Option<String>,
    /// Who runs it.
    pub organization: Option<String>,
    /// Their site.
    pub provider_url: Option<String>,
    /// Where its documentation is.
    pub documentation_url: Option<String>,
    /// Where its picture is.
    pub image: Option<String>,
    /// ERC-8004: the identity registry, such as `eip155:1:0x8004...`.
    pub agent_registry: Option<String>,
    /// ERC-8004: the agent's number there.
    pub agent_id: Option<u32>,
    /// ERC-8004: `reputation`, `crypto-economic`, `tee-attestation`.
    pub supported_trust: Vec<String>,
}

/// Operators' files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FilesConfig {
    /// The folders below which operators' clients may work; none by default.
    pub roots: Vec<PathBuf>,
}

/// Memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryConfig {
    /// How much newer memories count more where a recall does not say: 0 not at all, 1 as much as the match itself.
    pub recency: f64,
}

/// What an operator in a hurry needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SafetyConfig {
    /// Where the system's generations are; takes effect at the next start.
    pub profiles: PathBuf,
}

impl Default for SafetyConfig {
    fn default() -> Self {
        Self { profiles: osmoda_safety::PROFILES.into() }
    }
}

/// Shell commands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShellConfig {
    /// Commands an agent may start in a minute.
    pub per_minute: u32,
}

impl Default for ShellConfig {
    fn default() -> Self {
        Self { per_minute: 30 }
    }
}

/// What a sandbox may use up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxConfig {
    /// Memory of everything inside together, in MiB.
    pub memory_mib: u32,
    /// Processes and threads at a time.
    pub processes: u32,
    /// Processor time of everything inside together, in seconds; never more than the call's own time.
    pub cpu_secs: u32,
    /// The largest file, in MiB.
    pub file_mib: u32,
    /// What the working folder, the home and /tmp may each hold, in MiB. They are memory.
    pub space_mib: u32,
    /// What is kept of each stream, in KiB.
    pub output_kib: u32,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self { memory_mib: 512, processes: 64, cpu_secs: 300, file_mib: 64, space_mib: 128, output_kib: 1024 }
    }
}

/// Spec-driven development.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpecKitConfig {
    /// The folder below which every project is.
    pub workspace: PathBuf,
    /// The account that both programs run as; agentd's own where that is not root.
    pub account: String,
    /// The specify CLI, with arguments that stand before ours.
    pub specify: Vec<String>,
    /// The agent CLIs by integration, with their arguments; the prompt is added as the last one.
    pub agents: BTreeMap<String, Vec<String>>,
}

impl Default for SpecKitConfig {
    fn default() -> Self {
        let agents: [(&str, &[&str]); 4] = [
            ("claude", &["claude", "--permission-mode", "acceptEdits", "--print"]),
            ("codex", &["codex", "exec", "--full-auto", "--skip-git-repo-check"]),
            ("copilot", &["copilot", "--allow-all-tools", "--prompt"]),
            ("gemini", &["gemini", "--approval-mode", "auto_edit", "--prompt"]),
        ];
        let argv = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            workspace: "/workspace".into(),
            account: osmoda_ipc::AGENT_GROUP.into(),
            specify: vec!["specify".into()],
            agents: agents.into_iter().map(|(name, words)| (name.to_owned(), argv(words))).collect(),
        }
    }
}

/// Terminals over WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TerminalConfig {
    /// Whether the suite's own daemons may open one as well, for the operators whom they serve. Agents never may.
    pub daemons: bool,
    /// The shell; that of agentd's account by default.
    pub shell: Option<PathBuf>,
    /// Seconds without a key and without output until it ends.
    pub idle_secs: u32,
    /// Seconds until it ends whatever happens in it.
    pub longest_secs: u32,
    /// Terminals that may be open at a time; 0 for none.
    pub most: u32,
}

impl Default for TerminalConfig {
    fn default() -> Self {
        Self { daemons: false, shell: None, idle_secs: 900, longest_secs: 8 * 3600, most: 8 }
    }
}
