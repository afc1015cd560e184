//! Whether keyd is as shut in as it should be, by what it finds when it tries.

use osmoda_api::keyd::{KeydHealth, KeydState};
use osmoda_ipc::Nothing;

use super::{Finding, PATIENCE, Patient};

const CHECK: &str = "wallets";

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Finding> {
    if !patient.daemons.contains(&"keyd") {
        return Vec::new();
    }
    let Ok(client) = patient.context.client("keyd") else { return Vec::new() };
    match tokio::time::timeout(PATIENCE, client.call::<KeydHealth>(&Nothing {})).await {
        Ok(Ok(state)) => judge(&state),
        // That it does not answer is the sockets' finding.
        _ => Vec::new(),
    }
}

fn judge(state: &KeydState) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut bad = |is: bool, found: &str| {
        if is {
            let advice =
                "delete no key, stop it with: systemctl stop osmoda-keyd; and read: journalctl --unit osmoda-keyd";
            findings.push(Finding::bad(CHECK, format!("keyd {found}"), advice));
        }
    };
    bad(!state.network_isolated, "can open a socket to the network");
    bad(!state.exec_blocked, "can run programs");
    bad(!state.core_dumps_off, "would leave its memory in a core file");
    if state.memory_locked == "none" {
        let advice = "let it lock memory: LimitMEMLOCK=infinity in its unit, ulimit -l elsewhere";
        findings.push(Finding::care(
            CHECK,
            "the memory of keyd may reach the swap, and its master key with it",
            advice,
        ));
    }
    if state.events_waiting > 0 {
        let found = format!("{} events of keyd wait for agentd", state.events_waiting);
        findings.push(Finding::care(CHECK, found, "systemctl status osmoda-agentd"));
    }
    if findings.is_empty() {
        let rules = match state.policy_rules {
            Some(rules) => format!("{rules} rules"),
            None => "no policy, and signs nothing".to_owned(),
        };
        findings.push(Finding::good(CHECK, format!("keyd has no network, runs no program, and has {rules}")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{super::Standing, *};

    fn state() -> KeydState {
        KeydState {
            status: "ok".into(),
            daemon: "keyd".into(),
            version: "1".into(),
            daemon_uptime_secs: 1,
            network_isolated: true,
            exec_blocked: true,
            core_dumps_off: true,
            memory_locked: "all".into(),
            wallets: 0,
            policy_rules: None,
            events_waiting: 0,
        }
    }

    #[test]
    fn each_hole_is_found() {
        let table = [
            (state(), Standing::Good, "no policy"),
            (KeydState { policy_rules: Some(3), memory_locked: "keys".into(), ..state() }, Standing::Good, "3 rules"),
            (KeydState { network_isolated: false, ..state() }, Standing::Bad, "network"),
            (KeydState { exec_blocked: false, ..state() }, Standing::Bad, "programs"),
            (KeydState { core_dumps_off: false, ..state() }, Standing::Bad, "core"),
            (KeydState { memory_locked: "none".into(), ..state() }, Standing::Care, "swap"),
            (KeydState { events_waiting: 2, ..state() }, Standing::Care, "2 events"),
        ];
        for (state, standing, found) in table {
            let findings = judge(&state);
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert_eq!(findings[0].standing, standing, "{findings:?}");
            assert!(findings[0].found.contains(found), "{findings:?}");
        }
    }
}
