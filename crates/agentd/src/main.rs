//! The agentd daemon.

use std::process::ExitCode;

use osmoda_agentd::{Config, start};
use osmoda_ipc::daemon::Daemon;

fn main() -> ExitCode {
    Daemon::<Config>::named("agentd").run(start)
}
