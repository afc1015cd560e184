//! Whether the groups and the agents' account are there, and whether nobody has two roles.

use std::fs;

use super::{Finding, Patient};

const CHECK: &str = "groups";
const MEND: &str = "systemd-sysusers /usr/lib/sysusers.d/osmoda.conf";

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    if !patient.installed {
        return Vec::new();
    }
    let read = |path: &str| fs::read_to_string(patient.path(path)).unwrap_or_default();
    judge(&Accounts { groups: read("/etc/group"), users: read("/etc/passwd") })
}

/// The texts of `/etc/group` and `/etc/passwd`.
struct Accounts {
    groups: String,
    users: String,
}

impl Accounts {
    fn group(&self, name: &str) -> Option<Vec<&str>> {
        self.groups.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields.first() == Some(&name))
    }

    /// Members by the group's list, and those whose primary group it is.
    fn members(&self, name: &str) -> Vec<&str> {
        let Some(group) = self.group(name) else { return Vec::new() };
        let listed = group.get(3).into_iter().flat_map(|list| list.split(',')).filter(|member| !member.is_empty());
        let primary = self.users.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields.get(3) == group.get(2)).then(|| fields.first().copied()).flatten()
        });
        listed.chain(primary).collect()
    }
}

fn judge(accounts: &Accounts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for group in ["osmoda", "osmoda-operator", "osmoda-agent", "osmoda-daemon"] {
        if accounts.group(group).is_none() {
            findings.push(Finding::bad(CHECK, format!("there is no group {group}"), MEND));
        }
    }
    let [users, operators, agents, daemons] =
        ["osmoda", "osmoda-operator", "osmoda-agent", "osmoda-daemon"].map(|group| accounts.members(group));
    if !agents.contains(&"osmoda-agent") {
        findings.push(Finding::bad(CHECK, "there is no account osmoda-agent in the group of that name", MEND));
    }
    for agent in &agents {
        if operators.contains(agent) || daemons.contains(agent) {
            let found = format!("{agent} is in osmoda-agent and in a group with more rights, which win");
            let advice = format!("take it out of one: gpasswd --delete {agent} osmoda-operator");
            findings.push(Finding::bad(CHECK, found, advice));
        }
    }
    let mut closed: Vec<&&str> =
        agents.iter().chain(&operators).chain(&daemons).filter(|name| !users.contains(name)).collect();
    closed.sort_unstable();
    closed.dedup();
    for name in closed {
        let found = format!("{name} has a role and may not open the sockets");
        findings.push(Finding::bad(CHECK, found, format!("usermod --append --groups osmoda {name}")));
    }
    if findings.is_empty() {
        let who =
            if operators.is_empty() { "root alone".to_owned() } else { format!("root, {}", operators.join(", ")) };
        findings.push(Finding::good(CHECK, format!("agents: {}; operators: {who}", agents.join(", "))));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{super::Standing, *};

    const USERS: &str =
        "root:x:0:0:::/bin/sh\nosmoda-agent:x:990:991:::/usr/sbin/nologin\nolga:x:1000:1000:::/bin/sh\n";

    fn found(groups: &str) -> Vec<(Standing, String)> {
        let accounts = Accounts { groups: groups.into(), users: USERS.into() };
        judge(&accounts).into_iter().map(|finding| (finding.standing, finding.found)).collect()
    }

    #[test]
    fn whole_accounts_are_shown_by_role() {
        let groups =
            "osmoda:x:990:osmoda-agent,olga\nosmoda-operator:x:992:olga\nosmoda-agent:x:991:\nosmoda-daemon:x:993:\n";
        assert_eq!(found(groups), [(Standing::Good, "agents: osmoda-agent; operators: root, olga".to_owned())]);
    }

    #[test]
    fn what_is_missing_or_in_two_roles_is_named() {
        let table = [
            ("", "no group osmoda-daemon"),
            (
                "osmoda:x:990:\nosmoda-operator:x:992:\nosmoda-agent:x:991:\nosmoda-daemon:x:993:\n",
                "may not open the sockets",
            ),
            (
                "osmoda:x:990:osmoda-agent\nosmoda-operator:x:992:\nosmoda-agent:x:77:\nosmoda-daemon:x:993:\n",
                "no account osmoda-agent",
            ),
            (
                "osmoda:x:990:osmoda-agent\nosmoda-operator:x:992:osmoda-agent\nosmoda-agent:x:991:\nosmoda-daemon:x:993:\n",
                "which win",
            ),
        ];
        for (groups, words) in table {
            let all = found(groups);
            assert!(
                all.iter().any(|(standing, text)| *standing == Standing::Bad && text.contains(words)),
                "{words}: {all:?}"
            );
        }
    }
}
