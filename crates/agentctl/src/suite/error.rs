//! Why a suite can't be started or stopped.

use std::{io, path::PathBuf, process::ExitStatus};

/// Why a suite can't be started or stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SuiteError {
    #[error("the socket address {} is longer than the system allows (107 bytes); choose a shorter folder", .0.display())]
    SocketTooLong(PathBuf),
    #[error("there is no home folder to keep a suite in; say --dir DIR")]
    NoHome,
    #[error("no daemon of the suite is installed; looked for osmoda-NAME in {looked}")]
    NothingInstalled { looked: String },
    #[error("{daemon} is not installed; looked for osmoda-{daemon} in {looked}")]
    NotInstalled { daemon: &'static str, looked: String },
    #[error("a suite is already up in {} (supervisor {pid}); `{command} status` shows it, `{command} down` ends it", .place.display())]
    AlreadyUp { place: PathBuf, pid: i32, command: String },
    #[error("{daemon} already runs in {} as process {pid}, without a supervisor; `{command} down` ends it", .place.display())]
    DaemonRuns { daemon: &'static str, place: PathBuf, pid: i32, command: String },
    #[error("{0}")]
    Folder(String),
    #[error("{}: {source}", .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{daemon} can't be started from {}: {source}", .path.display())]
    NoStart { daemon: &'static str, path: PathBuf, source: io::Error },
    #[error("{daemon} ended before it was ready ({how}); its log is {}", .log.display())]
    Ended { daemon: &'static str, how: ExitStatus, log: PathBuf, tail: Vec<String> },
    #[error("{daemon} was not ready within {after} s; its log is {}", .log.display())]
    Silent { daemon: &'static str, after: u64, log: PathBuf, tail: Vec<String> },
    #[error("the supervisor ended before the suite was up ({how}); its log is {}", .log.display())]
    SupervisorEnded { how: ExitStatus, log: PathBuf, tail: Vec<String> },
    #[error("the suite was not up within {after} s; the supervisor's log is {}", .log.display())]
    SupervisorSilent { after: u64, log: PathBuf, tail: Vec<String> },
    #[error("told to stop before the suite was up")]
    Interrupted,
    #[error("there is no suite in {}", .0.display())]
    NoSuite(PathBuf),
    #[error("process {pid} can't be stopped: {source}")]
    NoSignal { pid: i32, source: io::Error },
    #[error(
        "the supervisor {pid} did not end within {after} s; see its log, or end it with SIGKILL and say down again"
    )]
    StillUp { pid: i32, after: u64 },
}

impl SuiteError {
    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::SocketTooLong(_) => "socket_too_long",
            Self::NoHome => "no_home",
            Self::NothingInstalled { .. } | Self::NotInstalled { .. } => "not_installed",
            Self::AlreadyUp { .. } => "already_up",
            Self::DaemonRuns { .. } => "daemon_runs",
            Self::Folder(_) | Self::File { .. } => "folder_unusable",
            Self::NoStart { .. } => "no_start",
            Self::Ended { .. } | Self::SupervisorEnded { .. } => "ended_early",
            Self::Silent { .. } | Self::SupervisorSilent { .. } => "not_ready",
            Self::Interrupted => "interrupted",
            Self::NoSuite(_) => "no_suite",
            Self::NoSignal { .. } => "no_signal",
            Self::StillUp { .. } => "still_up",
        }
    }

    /// Whether another command line would help.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::SocketTooLong(_) | Self::NoHome)
    }

    /// The last lines of the log that tells why.
    pub(crate) fn tail(&self) -> Option<&[String]> {
        match self {
            Self::Ended { tail, .. }
            | Self::Silent { tail, .. }
            | Self::SupervisorEnded { tail, .. }
            | Self::SupervisorSilent { tail, .. } => Some(tail),
            _ => None,
        }
    }
}
