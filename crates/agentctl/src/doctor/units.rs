//! Whether systemd runs what it should.

use std::collections::HashMap;

use super::{Finding, Patient, output_of};

const CHECK: &str = "units";
const ASKED: &str = "--property=LoadState,ActiveState,UnitFileState,NRestarts,Result,NeedDaemonReload";

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Finding> {
    if !patient.installed {
        return Vec::new();
    }
    if !patient.path("/run/systemd/system").is_dir() {
        let advice = "start a suite without systemd with: agentctl up";
        return vec![Finding::bad(CHECK, "systemd does not run this machine", advice)];
    }
    let names = patient.daemons.iter().map(|daemon| format!("osmoda-{daemon}.service"));
    let mut findings = Vec::new();
    for unit in names.chain(["osmoda.target".to_owned()]) {
        findings.push(match output_of("systemctl", &["show", ASKED, &unit]).await {
            Some(text) => judge(&unit, &text),
            None => Finding::care(CHECK, format!("systemd does not tell of {unit}"), "try: systemctl status"),
        });
    }
    findings
}

/// From `Key=value` lines of systemctl(1) to a finding.
fn judge(unit: &str, text: &str) -> Finding {
    let values: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let value = |key: &str| values.get(key).copied().unwrap_or_default();
    let log = format!("read why: journalctl --unit {unit} --lines 50");
    if value("LoadState") != "loaded" {
        let found = format!("{unit} is {}", value("LoadState"));
        return Finding::bad(CHECK, found, "run scripts/install.sh again; it repairs an installation");
    }
    match value("ActiveState") {
        "active" | "reloading" => {}
        "failed" => {
            let found = format!("{unit} has failed ({})", value("Result"));
            return Finding::bad(CHECK, found, format!("{log}; then: systemctl restart {unit}"));
        }
        state => return Finding::bad(CHECK, format!("{unit} is {state}"), format!("systemctl start {unit}")),
    }
    if !["enabled", "enabled-runtime", "linked", "linked-runtime", "alias", "static"].contains(&value("UnitFileState"))
    {
        let found = format!("{unit} is active, and would not start with the machine");
        return Finding::care(CHECK, found, format!("systemctl enable {unit}"));
    }
    if value("NeedDaemonReload") == "yes" {
        let found = format!("{unit} changed on disk since systemd read it");
        return Finding::care(CHECK, found, format!("systemctl daemon-reload, then: systemctl restart {unit}"));
    }
    match value("NRestarts") {
        "" | "0" => Finding::good(CHECK, format!("{unit} is active and starts with the machine")),
        restarts => Finding::care(CHECK, format!("{unit} is active, and was restarted {restarts} times"), log),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Standing, *};

    #[test]
    fn a_unit_is_good_only_where_it_runs_and_will_run_again() {
        let table = [
            ("loaded", "active", "enabled", "0", "no", Standing::Good, "starts with the machine"),
            ("not-found", "inactive", "", "0", "no", Standing::Bad, "not-found"),
            ("masked", "inactive", "masked", "0", "no", Standing::Bad, "masked"),
            ("loaded", "failed", "enabled", "5", "no", Standing::Bad, "watchdog"),
            ("loaded", "inactive", "enabled", "0", "no", Standing::Bad, "inactive"),
            ("loaded", "activating", "enabled", "0", "no", Standing::Bad, "activating"),
            ("loaded", "active", "disabled", "0", "no", Standing::Care, "would not start"),
            ("loaded", "active", "enabled", "3", "no", Standing::Care, "3 times"),
            ("loaded", "active", "enabled", "0", "yes", Standing::Care, "changed on disk"),
        ];
        for (load, active, file, restarts, reload, standing, found) in table {
            let text = format!(
                "Result=watchdog\nNRestarts={restarts}\nLoadState={load}\nActiveState={active}\nUnitFileState={file}\nNeedDaemonReload={reload}\n"
            );
            let finding = judge("osmoda-agentd.service", &text);
            assert_eq!(finding.standing, standing, "{finding:?}");
            assert!(finding.found.contains(found), "{finding:?}");
            assert_eq!(finding.advice.is_none(), standing == Standing::Good, "{finding:?}");
        }
        assert_eq!(judge("osmoda.target", "").standing, Standing::Bad, "an answer without a word is no good news");
    }
}
