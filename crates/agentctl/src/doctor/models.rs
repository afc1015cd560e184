//! Whether the daemons that run models of their own have them.

use osmoda_ipc::{Health, Nothing};

use super::{Finding, PATIENCE, Patient};

const CHECK: &str = "models";
/// Every other daemon serves clients that bring their own model.
const RUN_MODELS: [&str; 1] = ["voice"];

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for daemon in RUN_MODELS.into_iter().filter(|name| patient.daemons.contains(name)) {
        let Ok(client) = patient.context.client(daemon) else { continue };
        // That it does not answer is the sockets' finding.
        if let Ok(Ok(up)) = tokio::time::timeout(PATIENCE, client.call::<Health>(&Nothing {})).await {
            findings.push(judge(daemon, &up.status));
        }
    }
    if !RUN_MODELS.iter().any(|name| patient.daemons.contains(name)) {
        findings.push(Finding::good(CHECK, "no installed daemon runs one: MCP clients bring their own"));
    }
    findings
}

fn judge(daemon: &str, status: &str) -> Finding {
    if status == "ok" {
        return Finding::good(CHECK, format!("{daemon} has its models"));
    }
    let advice = format!("journalctl --unit osmoda-{daemon} says which it misses and where it looks");
    Finding::care(CHECK, format!("{daemon} is {status}: it does without some of its models"), advice)
}

#[cfg(test)]
mod tests {
    use super::{super::Standing, *};

    #[test]
    fn a_daemon_without_its_models_is_named() {
        assert_eq!(judge("voice", "ok").standing, Standing::Good);
        let finding = judge("voice", "degraded");
        assert_eq!(finding.standing, Standing::Care);
        assert!(finding.found.starts_with("voice is degraded"), "{finding:?}");
        assert!(finding.advice.is_some_and(|advice| advice.contains("osmoda-voice")));
    }
}
