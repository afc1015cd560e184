//! What `agentctl doctor` looks at: one module a subject, each finding with what to do about it.

mod clock;
mod disk;
mod egress;
mod groups;
mod kernel;
mod ledger;
mod memory;
mod models;
mod permissions;
mod rollbacks;
mod sockets;
mod units;
mod wallets;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde::Serialize;
use tokio::process::Command;

use crate::{
    context::Context,
    suite::{Choice, installed},
};

/// How long a program that is asked something may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// As it should be.
    Good,
    /// It works, and something should be done, or can't be told.
    Care,
    /// It does not work, or is not safe.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Which check it belongs to.
    pub(crate) check: &'static str,
    /// How it stands.
    pub(crate) standing: Standing,
    /// What was found.
    pub(crate) found: String,
    /// What to do, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
}

impl Finding {
    fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, standing: Standing::Good, found: found.into(), advice: None }
    }

    fn care(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, standing: Standing::Care, found: found.into(), advice: Some(advice.into()) }
    }

    fn bad(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, standing: Standing::Bad, found: found.into(), advice: Some(advice.into()) }
    }
}

/// What the checks are about.
#[derive(Debug)]
struct Patient<'a> {
    context: &'a Context,
    daemons: Vec<&'static str>,
    /// Whether this is the suite that systemd runs, with its accounts, and not one in a folder.
    installed: bool,
    /// `/`, and another folder in tests.
    root: PathBuf,
}

impl Patient<'_> {
    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

/// Every check, in the order in which a cause comes before what follows from it.
pub(crate) async fn examine(context: &Context) -> Vec<Finding> {
    let patient = Patient {
        context,
        daemons: installed(&context.dirs),
        installed: context.choice == Choice::Installed,
        root: Path::new("/").to_owned(),
    };
    let mut findings = kernel::check(&patient);
    findings.extend(disk::check(&patient));
    findings.extend(clock::check(&patient).await);
    findings.extend(groups::check(&patient));
    findings.extend(permissions::check(&patient));
    findings.extend(units::check(&patient).await);
    findings.extend(sockets::check(&patient).await);
    findings.extend(ledger::check(&patient).await);
    findings.extend(rollbacks::check(&patient).await);
    findings.extend(wallets::check(&patient).await);
    findings.extend(models::check(&patient).await);
    findings.extend(memory::check(&patient).await);
    findings.extend(egress::check(&patient).await);
    findings
}

/// What a program prints, where it ends well and in time.
async fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let running = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, running).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
