//! The egress daemon.

use std::process::ExitCode;

use osmoda_egress::{Config, start};
use osmoda_ipc::daemon::Daemon;

fn main() -> ExitCode {
    Daemon::<Config>::named("egress").on_one_thread().run(start)
}
