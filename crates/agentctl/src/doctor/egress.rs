//! What stands between agents' code and the network.

use osmoda_ipc::{Health, Nothing};

use super::{Finding, PATIENCE, Patient};

const CHECK: &str = "egress";

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Finding> {
    if !patient.daemons.contains(&CHECK) {
        return vec![judge(None)];
    }
    let Ok(client) = patient.context.client(CHECK) else { return Vec::new() };
    match tokio::time::timeout(PATIENCE, client.call::<Health>(&Nothing {})).await {
        Ok(Ok(up)) => vec![judge(Some(&up.status))],
        // That it does not answer is the sockets' finding.
        _ => Vec::new(),
    }
}

/// From what the daemon says of itself; nothing where there is no such daemon.
fn judge(status: Option<&str>) -> Finding {
    match status {
        Some("ok") => Finding::good(CHECK, "sandboxed code reaches what its tokens allow"),
        Some(other) => Finding::care(
            CHECK,
            format!("egress is {other}: sandboxed code may reach nothing"),
            "systemctl status osmoda-agentd osmoda-egress; journalctl --unit osmoda-egress",
        ),
        // Commands that the guard lets through are the machine's own.
        None => Finding::care(
            CHECK,
            "no daemon watches it: agents' commands reach the network as the machine does",
            "where that is too much, systemctl edit osmoda-agentd: [Service], IPAddressDeny=any, IPAddressAllow=localhost",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Standing, *};

    #[test]
    fn a_way_out_that_nobody_watches_is_told() {
        let table = [
            (Some("ok"), Standing::Good, "tokens"),
            (Some("degraded"), Standing::Care, "degraded"),
            (None, Standing::Care, "as the machine does"),
        ];
        for (status, standing, found) in table {
            let finding = judge(status);
            assert_eq!(finding.standing, standing, "{finding:?}");
            assert!(finding.found.contains(found), "{finding:?}");
            assert_eq!(finding.advice.is_none(), standing == Standing::Good, "{finding:?}");
        }
    }
}
