//! Skills: one a group of tools.

use osmoda_api::agentd::AgentSkill;

/// Id, name, what it is good for, its tools.
type Group = (&'static str, &'static str, &'static str, &'static [&'static str]);

const GROUPS: [Group; 8] = [
    (
        "system",
        "System",
        "The machine's health, tables of its state, what runs on it, and the audit ledger",
        &["system_health", "system_query", "system_discover", "event_log"],
    ),
    (
        "files-and-shell",
        "Files and shell",
        "Read, write and list files, and run commands",
        &["shell_exec", "file_read", "file_write", "directory_list"],
    ),
    ("memory", "Memory", "Store what lasts, and recall it by words and by meaning", &["memory_store", "memory_recall"]),
    (
        "services-and-network",
        "Services and network",
        "systemd units and their journal; interfaces, ports, resolvers and routes",
        &["service_status", "journal_logs", "network_info"],
    ),
    (
        "identity-and-receipts",
        "Identity and receipts",
        "Who this machine is, what was done on it, and incidents with their timelines",
        &["agent_card", "receipt_list", "incident_create", "incident_step"],
    ),
    ("backup", "Backup", "Verified copies of the suite's state", &["backup_create", "backup_list"]),
    (
        "safety",
        "Safety",
        "How the suite stands, stop it, restart it, roll the system back",
        &["safety_status", "safety_rollback", "safety_panic", "safety_restart"],
    ),
    (
        "approval",
        "Approval",
        "The operator's leave to act",
        &["approval_request", "approval_pending", "approval_approve", "approval_check"],
    ),
];

/// What agentd can do.
pub(super) fn skills() -> Vec<AgentSkill> {
    let skill = |(id, name, description, tools): Group| AgentSkill {
        id: id.into(),
        name: name.into(),
        description: description.into(),
        tags: tools.iter().map(|&tool| tool.into()).collect(),
    };
    GROUPS.into_iter().map(skill).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_of_a_skill_is_served() {
        let served: Vec<&str> = osmoda_api::agentd::endpoints().iter().map(|endpoint| endpoint.name).collect();
        for tool in skills().iter().flat_map(|skill| &skill.tags) {
            assert!(served.contains(&tool.as_str()), "{tool}");
        }
    }
}
