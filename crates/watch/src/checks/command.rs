//! A program ends with 0: one that the configuration allows, as an account without powers, without a shell.

use std::{
    path::{Component, Path},
    process::Stdio,
    time::Duration,
};

use nix::unistd::{Uid, User};
use osmoda_api::watch::CheckKind;
use serde::Deserialize;
use tokio::{io::AsyncReadExt, process::Command};

use super::{CheckError, Eyes, Saw};
use crate::config::Config;

/// How much of what it says is read, in bytes.
const LARGEST: u64 = 64 << 10;

/// Which program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandCheck {
    argv: Vec<String>,
}

impl CommandCheck {
    pub(super) fn checked(&self, config: &Config) -> Result<String, CheckError> {
        let invalid = |why: &str| CheckError::Invalid { kind: CheckKind::Command, why: why.to_owned() };
        let program = self.argv.first().ok_or_else(|| invalid("argv needs a program"))?;
        if self.argv.iter().any(|word| word.contains('\0') || word.len() > 4096) || self.argv.len() > 64 {
            return Err(invalid("argv has 64 words of 4096 bytes at most"));
        }
        let path = Path::new(program);
        let plain = path.is_absolute() && !path.components().any(|part| matches!(part, Component::ParentDir));
        if !plain || !config.commands.iter().any(|allowed| path.starts_with(allowed)) {
            return Err(CheckError::NotAllowed(program.clone()));
        }
        Ok(program.clone())
    }

    pub(super) async fn look(&self, eyes: &Eyes, timeout: Duration) -> Saw {
        // The configuration may have changed since.
        if let Err(error) = self.checked(&eyes.config.now()) {
            return Saw::bad(error.to_string());
        }
        let mut command = Command::new(&self.argv[0]);
        command.args(&self.argv[1..]).env_clear().env("PATH", "/usr/bin:/bin:/run/current-system/sw/bin");
        command.env("LANG", "C.UTF-8").current_dir("/").process_group(0).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        if Uid::effective().is_root() {
            match User::from_name(&eyes.config.now().commands_user) {
                Ok(Some(user)) => command.uid(user.uid.as_raw()).gid(user.gid.as_raw()),
                _ => return Saw::bad(format!("there is no account {}", eyes.config.now().commands_user)),
            };
        }
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return Saw::bad(format!("it can't be started: {error}")),
        };
        let group = child.id().and_then(|pid| i32::try_from(pid).ok());
        let mut said = Vec::new();
        let heard = async {
            if let Some(stdout) = child.stdout.take() {
                let _ = stdout.take(LARGEST).read_to_end(&mut said).await;
            }
            child.wait().await
        };
        // A little before the look itself ends, so that what it started ends with it.
        let ended = tokio::time::timeout(timeout.mul_f64(0.95), heard).await;
        if let Some(group) = group {
            let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(group), nix::sys::signal::Signal::SIGKILL);
        }
        let said = String::from_utf8_lossy(&said);
        let line = said.lines().next().unwrap_or_default();
        match ended {
            Ok(Ok(status)) if status.success() => Saw::ok(if line.is_empty() { "it ended well" } else { line }),
            Ok(Ok(status)) => Saw::bad(format!("{status}: {line}")),
            Ok(Err(error)) => Saw::bad(error.to_string()),
            Err(_) => Saw::bad("it did not end in time"),
        }
    }
}
