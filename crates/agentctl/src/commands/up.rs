//! `agentctl up`: the suite without systemd.

use std::time::Duration;

use clap::Args;
use osmoda_ipc::daemon::SUITE;

use crate::{
    cli::{Format, daemon_name},
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{Cell, FAINT, GOOD, Output, Table, visible},
    suite::{
        self, Program, Suite, detach, logs,
        supervisor::{SuiteUp, Supervisor},
    },
};

/// How often the logs are read along.
const READ_ALONG: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Only these daemons; all that are installed by default.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = daemon_name)]
    pub(crate) only: Vec<&'static str>,
    /// Return once the suite is up, and keep it up in the background.
    #[arg(long)]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

pub(crate) async fn run(context: &Context, args: Up) -> Result<Exit, Failure> {
    let suite = context.choice.suite()?;
    if detach::is_in_background() {
        detach::leave_session();
        return background(suite, &args.only).await;
    }
    let programs = suite::find(&args.only)?;
    if args.detach {
        let up = detach::launch(&context.choice, &suite, &programs).await?;
        show(&context.output, &up, &suite, true)?;
        return Ok(Exit::Fine);
    }
    attached(&context.output, suite, &programs).await
}

/// Stays in the terminal, shows what the daemons log, and stops them on Ctrl-C.
async fn attached(output: &Output, suite: Suite, programs: &[Program]) -> Result<Exit, Failure> {
    let mut supervisor = Supervisor::claim(suite.clone(), programs)?;
    let closing = supervisor.closing();
    let mut followers: Vec<(&str, logs::Follower)> = programs
        .iter()
        .map(|program| (program.daemon, logs::Follower::from_end(suite.log_of(program.daemon))))
        .collect();
    let up = supervisor.start(programs).await?;
    let shown = show(output, &up, &suite, false);
    if shown.is_ok() {
        let mut tick = tokio::time::interval(READ_ALONG);
        loop {
            tokio::select! {
                () = closing.cancelled() => break,
                _ = tick.tick() => read_along(output, &mut followers, false),
            }
        }
    }
    output.remark("stopping");
    supervisor.stop().await;
    read_along(output, &mut followers, true);
    shown.map(|()| Exit::Fine)
}

/// The supervisor behind `up --detach`.
async fn background(suite: Suite, only: &[&'static str]) -> Result<Exit, Failure> {
    let started = async {
        let programs = suite::find(only)?;
        let mut supervisor = Supervisor::claim(suite, &programs)?;
        let up = supervisor.start(&programs).await?;
        Ok::<_, Failure>((supervisor, up))
    };
    let (mut supervisor, up) = match started.await {
        Ok(started) => started,
        Err(failure) => {
            detach::report(Err(&failure))?;
            return Err(failure);
        }
    };
    // Nobody waits any more: whoever said `up` thought better of it.
    if let Err(failure) = detach::report(Ok(&up)) {
        supervisor.stop().await;
        return Err(failure);
    }
    supervisor.closing().cancelled().await;
    supervisor.stop().await;
    Ok(Exit::Fine)
}

fn read_along(output: &Output, followers: &mut [(&str, logs::Follower)], rest: bool) {
    let widest = SUITE.iter().map(|name| name.len()).max().unwrap_or_default();
    for (daemon, follower) in followers {
        let prefix = output.paint_error(FAINT, &format!("{daemon:widest$} |"));
        // A log that can't be read is no reason to stop the suite.
        let _ = follower.read(rest, |line| logs::say(&format!("{prefix} {}", visible(line))));
    }
}

fn show(output: &Output, up: &SuiteUp, suite: &Suite, detached: bool) -> Result<(), Failure> {
    if output.is_json() {
        return output.json_line(up);
    }
    let mut table = Table::new(&["DAEMON", "STATE", "PID", "VERSION", "SOCKET"]);
    for daemon in &up.daemons {
        let pid = daemon.pid.to_string();
        table.row([
            daemon.daemon.as_str().into(),
            Cell::styled(GOOD, "up"),
            pid.into(),
            daemon.version.as_str().into(),
            daemon.socket.as_str().into(),
        ]);
    }
    output.table(&table)?;
    let command = visible(&suite.command);
    output.line(&if detached {
        format!("speak to it with: {command} status; end it with: {command} down")
    } else {
        format!("speak to it with: {command} status; Ctrl-C ends it")
    })
}
