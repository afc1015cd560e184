//! `agentctl status` against `systemctl is-active`, both as a person starts them, on a machine with a real systemd.

use std::process::{Command, Stdio};

use super::{
    booted,
    row::{Goal, Row},
    sample::{Figures, Rounds, alternate, children_cpu, each},
    suite::Suite,
};
use crate::Failure;

/// The name under which this program measures inside the booted machine.
pub(super) const BOOTED: &str = "status-booted";

const ROUNDS: usize = 40;
const RUNS: usize = 5;

/// Boots a machine and measures there.
pub(super) fn run() -> Result<Vec<Row>, Failure> {
    booted::run(BOOTED).map(|measured| vec![row(measured.ours, measured.peer, measured.ratio)])
}

/// Measures where systemd is process 1, and prints what it found.
pub(super) fn run_booted() -> Result<(), Failure> {
    let suite = Suite::up()?;
    let [ours, systemctl]: [Rounds; 2] = alternate(ROUNDS, |contender| {
        each(RUNS, children_cpu, || match contender {
            0 => succeeds(suite.agentctl().arg("status")),
            _ => succeeds(Command::new("systemctl").args(["is-active", "dbus.service"])),
        })
    })?;
    println!("{}", row(ours.figures(), systemctl.figures(), ours.ratio_to(&systemctl)).json());
    Ok(())
}

fn succeeds(command: &mut Command) -> Result<(), Failure> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().map_err(Failure::bench)?;
    if status.success() { Ok(()) } else { Err(Failure::bench(format!("{command:?}: {status}"))) }
}

fn row(ours: Figures, peer: Figures, ratio: f64) -> Row {
    Row {
        name: "status",
        ours: ("agentctl status", ours),
        peer: ("systemctl is-active", peer),
        unit: "us a run",
        ratio,
        goal: Goal::AtMost(0.5),
    }
}
