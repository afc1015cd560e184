//! The watch daemon; and the commands by which systemd, a guard or a person ends a session without it.

use std::process::ExitCode;

use osmoda_ipc::daemon::Daemon;
use osmoda_watch::{Config, alone, start};

fn main() -> ExitCode {
    if let Some(command) = alone::Command::from_command_line() {
        return command.run();
    }
    Daemon::<Config>::named("watch").run(start)
}
