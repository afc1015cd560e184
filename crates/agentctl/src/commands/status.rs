//! `agentctl status`: which daemons are up.

use std::{io, path::PathBuf, time::Duration};

use osmoda_ipc::{CallError, Client, Health, Nothing, Up, daemon::running_pid};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{BAD, CARE, Cell, GOOD, Table, units},
    suite::{check_length, installed},
};

/// How long a daemon may take to say that it is up.
const PATIENCE: Duration = Duration::from_secs(3);

/// How a daemon stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// It answers.
    Up,
    /// Nobody listens.
    Down,
    /// It listens, and does not answer in time.
    Hangs,
    /// It answers that it is not well.
    Ill,
    /// Its socket may not be opened by this user.
    Forbidden,
}

/// One daemon's line.
#[derive(Clone, Debug, Serialize)]
struct Row {
    daemon: &'static str,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime_secs: Option<u64>,
    socket: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

#[derive(Debug, Serialize)]
struct Status {
    ok: bool,
    daemons: Vec<Row>,
}

pub(crate) async fn run(context: &Context) -> Result<Exit, Failure> {
    let daemons = installed(&context.dirs);
    let mut asking = JoinSet::new();
    for (place, daemon) in daemons.iter().copied().enumerate() {
        let (socket, pid_file) = (context.dirs.socket(daemon), context.dirs.pid_file(daemon));
        check_length(&socket)?;
        asking.spawn(async move {
            let client = Client::new(&socket);
            let answer = tokio::time::timeout(PATIENCE, client.call::<Health>(&Nothing {})).await;
            // Only a daemon that answers is asked for its lock: it holds it, so asking can't get in anybody's way.
            let pid = if matches!(answer, Ok(Ok(_))) { running_pid(&pid_file) } else { None };
            (place, row(daemon, socket, pid, answer.ok()))
        });
    }
    let mut rows = asking.join_all().await;
    rows.sort_by_key(|(place, _)| *place);
    let rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
    let exit = exit(&rows);
    show(context, rows)?;
    Ok(exit)
}

fn row(daemon: &'static str, socket: PathBuf, pid: Option<i32>, answer: Option<Result<Up, CallError>>) -> Row {
    let blank = Row { daemon, state: State::Hangs, pid, version: None, uptime_secs: None, socket, why: None };
    let not_up = |state, error: CallError| Row { state, why: Some(reason(&error)), ..blank.clone() };
    match answer {
        None => Row { why: Some(format!("no answer within {} s", PATIENCE.as_secs())), ..blank },
        Some(Ok(up)) => Row {
            state: State::Up,
            version: Some(up.version.into_owned()),
            uptime_secs: Some(up.daemon_uptime_secs),
            ..blank
        },
        Some(Err(error)) => {
            let state = match &error {
                CallError::Unreachable { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                    State::Forbidden
                }
                CallError::Unreachable { .. } => State::Down,
                CallError::Hangs { .. } => State::Hangs,
                CallError::Broken { .. } | CallError::Fault(_) => State::Ill,
            };
            not_up(state, error)
        }
    }
}

fn reason(error: &CallError) -> String {
    match error {
        CallError::Unreachable { source, .. } => match source.kind() {
            io::ErrorKind::NotFound => "no socket".to_owned(),
            io::ErrorKind::ConnectionRefused => "nobody listens".to_owned(),
            io::ErrorKind::PermissionDenied => {
                "the socket may not be opened; act as root or as a member of group osmoda".to_owned()
            }
            _ => source.to_string(),
        },
        other => other.to_string(),
    }
}

/// All up is fine; agentd away is not reachable; anything else that is not up is a failure.
fn exit(rows: &[Row]) -> Exit {
    let away = |row: &Row| row.daemon == "agentd" && matches!(row.state, State::Down | State::Hangs | State::Forbidden);
    if rows.iter().all(|row| row.state == State::Up) {
        Exit::Fine
    } else if rows.iter().any(away) {
        Exit::NotReachable
    } else {
        Exit::Failed
    }
}

fn show(context: &Context, daemons: Vec<Row>) -> Result<(), Failure> {
    let output = &context.output;
    if output.is_json() {
        return output.json(&Status { ok: exit(&daemons) == Exit::Fine, daemons });
    }
    let mut table = Table::new(&["DAEMON", "STATE", "PID", "VERSION", "UPTIME", "SOCKET"]);
    for row in &daemons {
        let (style, state) = match row.state {
            State::Up => (GOOD, "up"),
            State::Down => (BAD, "down"),
            State::Hangs => (BAD, "hangs"),
            State::Ill => (CARE, "ill"),
            State::Forbidden => (CARE, "forbidden"),
        };
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let socket = row.socket.display().to_string();
        table.row([
            row.daemon.into(),
            Cell::styled(style, state),
            or_dash(row.pid.map(|pid| pid.to_string())).into(),
            or_dash(row.version.clone()).into(),
            or_dash(row.uptime_secs.map(units::seconds)).into(),
            row.why.as_ref().map_or_else(|| socket.clone(), |why| format!("{socket}: {why}")).into(),
        ]);
    }
    output.table(&table)?;
    if daemons.iter().any(|row| row.daemon == "agentd" && row.state == State::Down) {
        output.remark(&context.how_to_start());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use osmoda_ipc::Fault;

    use super::*;

    fn unreachable(kind: io::ErrorKind) -> CallError {
        CallError::Unreachable { daemon: "agentd".into(), socket: "/x".into(), source: kind.into() }
    }

    #[test]
    fn the_state_follows_from_the_answer() {
        let up = Up { status: "ok".into(), daemon: "agentd".into(), version: "1.2.3".into(), daemon_uptime_secs: 7 };
        let table = [
            (Some(Ok(up)), State::Up),
            (None, State::Hangs),
            (Some(Err(unreachable(io::ErrorKind::NotFound))), State::Down),
            (Some(Err(unreachable(io::ErrorKind::ConnectionRefused))), State::Down),
            (Some(Err(unreachable(io::ErrorKind::PermissionDenied))), State::Forbidden),
            (Some(Err(CallError::Fault(Fault::unavailable("busy", "")))), State::Ill),
        ];
        for (answer, state) in table {
            let row = row("agentd", "/x".into(), None, answer);
            assert_eq!(row.state, state);
            assert_eq!(row.why.is_none(), state == State::Up, "{row:?}");
        }
    }

    #[test]
    fn the_exit_follows_from_the_states() {
        use State::{Down, Forbidden, Hangs, Ill, Up};
        let table = [
            (Up, Up, Exit::Fine),
            (Up, Down, Exit::Failed),
            (Down, Up, Exit::NotReachable),
            (Hangs, Up, Exit::NotReachable),
            (Forbidden, Forbidden, Exit::NotReachable),
            (Ill, Up, Exit::Failed),
        ];
        for (agentd, keyd, expected) in table {
            let row = |daemon, state| Row { state, ..row(daemon, "/x".into(), None, None) };
            assert_eq!(exit(&[row("agentd", agentd), row("keyd", keyd)]), expected, "{agentd:?} {keyd:?}");
        }
        assert_eq!(exit(&[]), Exit::Fine);
    }
}
