//! Daemons without systemd: by the pid files that they hold locked.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use osmoda_ipc::daemon::running_pid;

/// How long a daemon may take to stop by itself.
const POLITE: Duration = Duration::from_secs(4);
/// How long a killed one may take to be gone.
const DYING: Duration = Duration::from_secs(3);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(20);

/// Ends the daemon that holds this pid file, the hard way where it won't go. Nobody there is fine.
pub(crate) async fn end(pid_file: &Path) -> Result<(), String> {
    for (signal, patience) in [(Signal::SIGTERM, POLITE), (Signal::SIGKILL, DYING)] {
        let Some(pid) = running_pid(pid_file) else { return Ok(()) };
        match kill(Pid::from_raw(pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(format!("process {pid} can't be signalled: {errno}")),
        }
        if until(patience, || running_pid(pid_file) != Some(pid)).await {
            return Ok(());
        }
    }
    Err("it does not die".into())
}

/// Whether it came true in time.
pub(crate) async fn until(patience: Duration, holds: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !holds() {
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(LOOK).await;
    }
    true
}
