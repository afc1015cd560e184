//! What can be measured only where systemd is process 1: this program again, in a machine that is booted for it.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{sample::Figures, suite::programs};
use crate::Failure;

/// What was measured inside.
pub(super) struct Measured {
    pub(super) ours: Figures,
    pub(super) peer: Figures,
    pub(super) ratio: f64,
}

/// Boots a machine, and has the bench of this name measured there. It prints its row as JSON.
pub(super) fn run(name: &str) -> Result<Measured, Failure> {
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
    let measured: Value = serde_json::from_slice(&output.stdout).map_err(Failure::bench)?;
    let number = |side: &str, what: &str| measured[side][what].as_f64().unwrap_or(f64::NAN);
    let figures = |side: &str| Figures { p50: number(side, "p50"), min: number(side, "min"), cpu: number(side, "cpu") };
    let ratio = measured["ratio"].as_f64().unwrap_or(f64::NAN);
    Ok(Measured { ours: figures("ours"), peer: figures("peer"), ratio })
}
