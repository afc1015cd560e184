//! One daemon as a child process: start, wait until it is ready, stop.

use std::{
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use osmoda_ipc::{Client, Health, Nothing, Up, daemon::running_pid};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::{Program, Suite, SuiteError, detach::IN_BACKGROUND, logs};

/// How long a daemon may take until it answers.
const READY: Duration = Duration::from_secs(10);
/// The first pause between two questions whether a daemon is ready; the pauses double.
const FIRST_LOOK: Duration = Duration::from_millis(5);
/// The longest pause between two such questions.
const LAST_LOOK: Duration = Duration::from_millis(160);
/// How long a daemon may take to stop before it is killed.
pub(super) const STOP: Duration = Duration::from_secs(10);
/// What is said to the supervisor alone: that it is in the background, or that it is a systemd unit's main process.
const NOT_FOR_CHILDREN: [&str; 8] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "JOURNAL_STREAM",
    IN_BACKGROUND,
];

/// A daemon that was started.
#[derive(Debug)]
pub(super) struct Running {
    daemon: &'static str,
    child: Child,
    pub(super) pid: i32,
    pub(super) since: Instant,
    log: PathBuf,
    /// Where in the log this life begins.
    log_from: u64,
}

impl Running {
    /// Starts the program, in a process group of its own: Ctrl-C at the supervisor's terminal is the supervisor's.
    pub(super) fn start(program: &Program, suite: &Suite) -> Result<Self, SuiteError> {
        let daemon = program.daemon;
        let log = suite.log_of(daemon);
        let opened = logs::bound(&log).and_then(|()| logs::open(&log));
        let (file, log_from) =
            (opened.map_err(|source| SuiteError::File { path: log.clone(), source })?, logs::length(&log));
        let no_start = |source| SuiteError::NoStart { daemon, path: program.path.clone(), source };
        let mut command = Command::new(&program.path);
        command.arg("--run-dir").arg(suite.dirs.run()).arg("--state-dir").arg(suite.dirs.state());
        if let Some(config) = &suite.config {
            command.arg("--config").arg(config);
        }
        for name in NOT_FOR_CHILDREN {
            command.env_remove(name);
        }
        let errors = file.try_clone().map_err(no_start)?;
        command.stdin(Stdio::null()).stdout(file).stderr(errors).process_group(0);
        let child = command.spawn().map_err(no_start)?;
        let pid = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .ok_or_else(|| no_start(io::ErrorKind::NotFound.into()))?;
        Ok(Self { daemon, child, pid, since: Instant::now(), log, log_from })
    }

    /// Waits until it answers for itself.
    pub(super) async fn ready(&mut self, suite: &Suite) -> Result<Up, SuiteError> {
        let client = Client::new(suite.dirs.socket(self.daemon));
        let pid_file = suite.dirs.pid_file(self.daemon);
        let pid = self.pid;
        let answers = async {
            let mut pause = FIRST_LOOK;
            loop {
                // The pid file shows that it is this process that answers, not one that was there before.
                if let Ok(up) = client.call::<Health>(&Nothing {}).await
                    && running_pid(&pid_file) == Some(pid)
                {
                    return up;
                }
                tokio::time::sleep(pause).await;
                // One that listens and is not well yet is not asked more often than it can log.
                pause = (pause * 2).min(LAST_LOOK);
            }
        };
        tokio::select! {
            how = self.child.wait() => match how {
                Ok(how) => Err(SuiteError::Ended { daemon: self.daemon, how, tail: self.tail(), log: self.log.clone() }),
                Err(source) => Err(SuiteError::File { path: self.log.clone(), source }),
            },
            up = tokio::time::timeout(READY, answers) => {
                up.map_err(|_| SuiteError::Silent { daemon: self.daemon, after: READY.as_secs(), tail: self.tail(), log: self.log.clone() })
            }
        }
    }

    /// Waits for its end.
    pub(super) async fn end(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks it to stop, and kills it when it takes too long, or at once when there is `hurry`.
    pub(super) async fn stop(&mut self, hurry: &CancellationToken) -> io::Result<Stopped> {
        // A child that was not waited for keeps its number, so the signal can't reach another process.
        if self.child.id().is_some() {
            let _ = kill(Pid::from_raw(self.pid), Signal::SIGTERM);
        }
        let asked = tokio::select! {
            how = self.child.wait() => Some(how?),
            () = tokio::time::sleep(STOP) => None,
            () = hurry.cancelled() => None,
        };
        if let Some(how) = asked {
            return Ok(Stopped::Itself(how));
        }
        self.child.kill().await?;
        Ok(Stopped::Killed)
    }

    fn tail(&self) -> Vec<String> {
        logs::tail(&self.log, self.log_from)
    }
}

/// How a daemon stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It did as it was asked.
    Itself(ExitStatus),
    /// It had to be killed.
    Killed,
}
