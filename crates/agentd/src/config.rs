//! The table `[agentd]` of osmoda.toml.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::guard::GuardConfig;

/// agentd's settings. Every one has a safe default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `[agentd.approvals]`
    pub approvals: ApprovalConfig,
    /// `[agentd.guard]`
    pub guard: GuardConfig,
    /// `[agentd.safety]`
    pub safety: SafetyConfig,
    /// `[agentd.shell]`
    pub shell: ShellConfig,
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
