//! `agentctl status` against `systemctl is-active`, both as a person starts them, on a machine with a real systemd.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{
    row::{Goal, Row},
    sample::{Figures, Rounds, alternate, children_cpu, each},
    suite::{Suite, programs},
};
use crate::Failure;

/// The name under which this program measures inside the booted machine.
pub(super) const BOOTED: &str = "status-booted";

const ROUNDS: usize = 40;
const RUNS: usize = 5;

/// Boots a machine and measures there.
pub(super) fn run() -> Result<Vec<Row>, Failure> {
    let measured = booted(BOOTED)?;
    let number = |side: &str, what: &str| measured[side][what].as_f64().unwrap_or(f64::NAN);
    let figures = |side: &str| Figures { p50: number(side, "p50"), min: number(side, "min"), cpu: number(side, "cpu") };
    Ok(vec![row(figures("ours"), figures("peer"), measured["ratio"].as_f64().unwrap_or(f64::NAN))])
}

/// Boots a machine, has this program measure there under that name, and answers with what it printed.
pub(super) fn booted(name: &str) -> Result<Value, Failure> {
    let root = crate::root();
    let programs = programs()?;
    let build = programs.parent().ok_or_else(|| Failure::bench("no build folder"))?;
    let own = std::env::current_exe().map_err(Failure::bench)?;
    let inside = Path::new("/opt/osmoda-test").join(own.strip_prefix(build).map_err(Failure::bench)?);
    let output = Command::new(root.join("scripts/booted.sh"))
        .arg("--")
        .arg(inside)
        .args(["bench", name])
        .env("CARGO_TARGET_DIR", build)
        .stderr(Stdio::inherit())
        .output()
        .map_err(Failure::bench)?;
    if !output.status.success() {
        return Err(Failure::bench("nothing could be measured in a booted machine; this needs root"));
    }
    serde_json::from_slice(&output.stdout).map_err(Failure::bench)
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
