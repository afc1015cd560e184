//! `down`: ends a supervisor, and daemons that one left behind.

use std::{io, path::Path, time::Duration};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use osmoda_ipc::daemon::{SUITE, running_pid};
use tokio::time::Instant;

use super::{Suite, SuiteError, lock, process::Process, running::STOP};

/// How often is looked whether a process has ended.
const LOOK: Duration = Duration::from_millis(20);
/// What the supervisor gets beyond the time of its daemons.
const GRACE: Duration = Duration::from_secs(5);

/// What was stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Down {
    /// The suite's folder.
    pub(crate) dir: String,
    /// The supervisor's process id, where there was one.
    pub(crate) supervisor: Option<i32>,
    /// The daemons that ran, in the order in which they were started.
    pub(crate) stopped: Vec<&'static str>,
}

/// Whether a supervisor keeps this suite up.
pub(crate) fn is_up(suite: &Suite) -> bool {
    running_pid(&lock::file(&suite.dirs)).is_some()
}

/// Ends everything that `up` started in this suite; nothing to end is fine.
pub(crate) async fn down(suite: &Suite) -> Result<Down, SuiteError> {
    let lock = lock::file(&suite.dirs);
    match lock.try_exists() {
        Ok(true) => {}
        Ok(false) => return Err(SuiteError::NoSuite(suite.place.clone())),
        Err(source) => return Err(SuiteError::File { path: lock, source }),
    }
    let pid_file = |daemon: &str| suite.dirs.pid_file(daemon);
    let supervisor = running_pid(&lock);
    let stopped: Vec<&'static str> =
        SUITE.into_iter().filter(|daemon| running_pid(&pid_file(daemon)).is_some()).collect();
    if let Some(pid) = supervisor {
        let process = Process::of(pid);
        signal(pid, Signal::SIGTERM)?;
        let daemons = u32::try_from(SUITE.len()).unwrap_or(u32::MAX);
        let patience = STOP * daemons + GRACE;
        if !has_ended(&lock, pid, process, patience).await {
            return Err(SuiteError::StillUp { pid, after: patience.as_secs() });
        }
    }
    // A supervisor that was killed leaves its daemons behind.
    for daemon in SUITE.into_iter().rev() {
        let file = pid_file(daemon);
        let Some(pid) = running_pid(&file) else { continue };
        let process = Process::of(pid);
        signal(pid, Signal::SIGTERM)?;
        if !has_ended(&file, pid, process, STOP).await {
            signal(pid, Signal::SIGKILL)?;
            if !has_ended(&file, pid, process, GRACE).await {
                return Err(SuiteError::StillUp { pid, after: GRACE.as_secs() });
            }
        }
    }
    Ok(Down { dir: suite.place.display().to_string(), supervisor, stopped })
}

/// Signals a process; one that is gone already is as good as signalled.
fn signal(pid: i32, signal: Signal) -> Result<(), SuiteError> {
    match kill(Pid::from_raw(pid), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(SuiteError::NoSignal { pid, source: io::Error::from(error) }),
    }
}

/// Waits until the process has let go of its pid file and is gone: it lets go a little before its end.
async fn has_ended(pid_file: &Path, pid: i32, process: Option<Process>, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while running_pid(pid_file) == Some(pid) || process.is_some_and(Process::lives) {
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(LOOK).await;
    }
    true
}
