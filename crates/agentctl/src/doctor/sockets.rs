//! Whether each daemon answers at its socket, and whose the socket is.

use std::{io, path::Path};

use osmoda_ipc::{CallError, Client, Health, Nothing};

use super::{Finding, PATIENCE, Patient, permissions::owned};

const CHECK: &str = "sockets";

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for daemon in &patient.daemons {
        let socket = patient.context.dirs.socket(daemon);
        let answer = tokio::time::timeout(PATIENCE, Client::new(&socket).call::<Health>(&Nothing {})).await;
        findings.push(match answer {
            Ok(Ok(up)) => Finding::good(CHECK, format!("{daemon} {} answers", up.version)),
            Ok(Err(error)) => refusal(daemon, &socket, &error, &patient.context.how_to_start()),
            Err(_) => Finding::bad(
                CHECK,
                format!("{daemon} does not answer within {} s", PATIENCE.as_secs()),
                format!("systemctl restart osmoda-{daemon}"),
            ),
        });
        if patient.installed && socket.exists() {
            findings.extend(owned(CHECK, &socket, 0o660, Some("osmoda")));
        }
    }
    findings
}

fn refusal(daemon: &str, socket: &Path, error: &CallError, start: &str) -> Finding {
    let shown = socket.display();
    match error {
        CallError::Unreachable { source, .. } => match source.kind() {
            io::ErrorKind::NotFound => Finding::bad(CHECK, format!("{daemon} has no socket at {shown}"), start),
            io::ErrorKind::ConnectionRefused => Finding::bad(CHECK, format!("nobody listens at {shown}"), start),
            io::ErrorKind::PermissionDenied => Finding::care(
                CHECK,
                format!("{shown} may not be opened by you"),
                "run it as root, or as a member of group osmoda",
            ),
            _ => Finding::bad(CHECK, format!("{daemon} can't be reached: {source}"), start),
        },
        other => Finding::bad(CHECK, format!("{daemon}: {other}"), format!("journalctl --unit osmoda-{daemon}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Standing, *};

    #[test]
    fn what_can_not_be_reached_says_what_to_do() {
        let table = [
            (io::ErrorKind::NotFound, Standing::Bad, "start it so"),
            (io::ErrorKind::ConnectionRefused, Standing::Bad, "start it so"),
            (io::ErrorKind::PermissionDenied, Standing::Care, "as root"),
        ];
        for (kind, standing, advice) in table {
            let socket = Path::new("/x/keyd.sock");
            let error = CallError::Unreachable { daemon: "keyd".into(), socket: socket.into(), source: kind.into() };
            let finding = refusal("keyd", socket, &error, "start it so");
            assert_eq!(finding.standing, standing, "{finding:?}");
            assert!(finding.advice.as_deref().is_some_and(|text| text.contains(advice)), "{finding:?}");
        }
    }
}
