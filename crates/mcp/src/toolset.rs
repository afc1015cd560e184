//! Toolsets: the groups by which a client chooses what it is shown.

use std::{fmt, str::FromStr};

/// A group of tools about one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Toolset {
    /// The machine's state and its ledger.
    System,
    /// Files, folders and shell commands.
    FilesAndShell,
    /// What is remembered.
    Memory,
    /// Services and the network.
    ServicesAndNetwork,
    /// Who this machine is and what was done on it.
    IdentityAndReceipts,
    /// Copies of the suite's state.
    Backup,
    /// What an operator in a hurry needs.
    Safety,
    /// The operator's leave.
    Approval,
    /// Keys that sign within the operator's policy.
    Wallet,
    /// Untrusted code, and what it may do.
    Sandbox,
    /// Changes that undo themselves.
    SafeSwitch,
    /// Health checks that escalate.
    Watchers,
    /// Services that an agent deploys.
    Apps,
    /// Spec-driven projects.
    SpecKit,
}

impl Toolset {
    /// Every toolset that has tools in this version.
    pub const ALL: [Self; 14] = [
        Self::System,
        Self::FilesAndShell,
        Self::Memory,
        Self::ServicesAndNetwork,
        Self::IdentityAndReceipts,
        Self::Backup,
        Self::Safety,
        Self::Approval,
        Self::Wallet,
        Self::SafeSwitch,
        Self::Sandbox,
        Self::Apps,
        Self::SpecKit,
        Self::Watchers,
    ];

    /// The name by which it is chosen, such as `files-and-shell`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::FilesAndShell => "files-and-shell",
            Self::Memory => "memory",
            Self::ServicesAndNetwork => "services-and-network",
            Self::IdentityAndReceipts => "identity-and-receipts",
            Self::Backup => "backup",
            Self::Safety => "safety",
            Self::Approval => "approval",
            Self::Wallet => "wallet",
            Self::Sandbox => "sandbox",
            Self::SafeSwitch => "safe-switch",
            Self::Watchers => "watchers",
            Self::Apps => "apps",
            Self::SpecKit => "spec-kit",
        }
    }
}

/// What a toolset is good for, for models.
pub(crate) const fn about(toolset: Toolset) -> &'static str {
    match toolset {
        Toolset::System => "the machine's health, tables of its state, what runs on it, and the ledger",
        Toolset::FilesAndShell => "read, write and list files, and run commands",
        Toolset::Memory => "store what lasts, and recall it by words and by meaning",
        Toolset::ServicesAndNetwork => "systemd units and their journal; interfaces, ports, resolvers and routes",
        Toolset::IdentityAndReceipts => "who did what, with which approval and which result",
        Toolset::Backup => "take and list verified copies of the suite's state",
        Toolset::Safety => "see how the suite stands, stop it, restart it, roll the system back; no approval needed",
        Toolset::Approval => "ask the operator for leave, and see how it stands",
        Toolset::Wallet => "Ethereum and Solana keys that sign what the operator's policy allows",
        Toolset::Sandbox => "run untrusted code shut in, and give it exactly what it may do",
        Toolset::SafeSwitch => "change the system, a profile, files or an app; what fails its checks is undone",
        Toolset::Watchers => "health checks that restart, roll back and notify",
        Toolset::Apps => "run programs as services with limits, and see what else runs here",
        Toolset::SpecKit => "make spec-driven projects and run their phases with an agent CLI",
    }
}

impl fmt::Display for Toolset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no toolset.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no toolset {name:?}; there are {}", Toolset::ALL.map(Toolset::as_str).join(", "))]
pub struct UnknownToolset {
    name: String,
}

impl FromStr for Toolset {
    type Err = UnknownToolset;

    fn from_str(text: &str) -> Result<Self, UnknownToolset> {
        Self::ALL
            .into_iter()
            .find(|toolset| toolset.as_str() == text)
            .ok_or_else(|| UnknownToolset { name: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_toolset_is_found_by_its_name_and_nothing_else_is() {
        for toolset in Toolset::ALL {
            assert_eq!(toolset.as_str().parse(), Ok(toolset));
        }
        for text in ["", "System", "files and shell", "all"] {
            assert!(text.parse::<Toolset>().unwrap_err().to_string().contains("files-and-shell"), "{text}");
        }
    }
}
