//! Back to the system generation before.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use osmoda_api::agentd::RolledBack;
use tokio::process::Command;

use crate::{Safety, SafetyError, generations, marks};

/// How long the switch may take.
pub(crate) const SWITCH: Duration = Duration::from_secs(300);
/// The most of what the switch said that is told, in bytes.
const MOST_OUTPUT: usize = 64 << 10;

impl Safety {
    /// Puts the generation before the one in force in force: for the next boot, and now. `run` runs a program to its
    /// end and answers with what it said; whoever has children to account for does so there.
    pub async fn rollback<F, Fut>(&self, run: F) -> Result<RolledBack, SafetyError>
    where
        F: FnOnce(Command, Duration) -> Fut,
        Fut: Future<Output = io::Result<(ExitStatus, String)>>,
    {
        let all = generations::all(&self.profiles);
        let current = all.iter().find(|one| one.current).map(|one| one.number);
        let from = current.ok_or(SafetyError::NoGeneration { current })?;
        let before = all.iter().rev().find(|one| one.number < from);
        let to = before.map(|one| one.number).ok_or(SafetyError::NoGeneration { current })?;
        lead(&self.profiles, to).map_err(SafetyError::Profile)?;
        // Before the switch, which may end us.
        let _ = marks::mark_rollback(&self.dirs, from, to);
        match run(self.switch(), SWITCH).await {
            Ok((status, output)) if status.success() => Ok(RolledBack { from, to, output: bounded(output) }),
            Ok((status, output)) => Err(SafetyError::Switch { to, why: status.to_string(), output: bounded(output) }),
            Err(error) => Err(SafetyError::Switch { to, why: error.to_string(), output: String::new() }),
        }
    }

    /// What puts the profile's generation in force now.
    fn switch(&self) -> Command {
        let program = self.profiles.join("system/bin/switch-to-configuration");
        let mut command = if self.by_systemd {
            // In a unit of its own: the switch may restart the unit that we are in.
            let mut command = Command::new("systemd-run");
            command.args(["--quiet", "--collect", "--wait", "--pipe", "--service-type=exec", "--unit=osmoda-rollback"]);
            command.arg("--").arg(program);
            command
        } else {
            Command::new(program)
        };
        command.arg("switch").stdin(Stdio::null());
        command
    }
}

/// Has the profile lead to a generation: the old one or the new one, whatever happens.
fn lead(profiles: &Path, to: u64) -> io::Result<()> {
    let unready = profiles.join(".system-osmoda-new");
    match fs::remove_file(&unready) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(generations::link(to), &unready)?;
    fs::rename(&unready, profiles.join("system"))?;
    fs::File::open(profiles)?.sync_all()
}

fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MOST_OUTPUT));
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use osmoda_ipc::{Fault, daemon::Dirs};

    use super::*;

    async fn run(mut command: Command, patience: Duration) -> io::Result<(ExitStatus, String)> {
        let output = tokio::time::timeout(patience, command.output()).await??;
        Ok((output.status, String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    fn system(folder: &Path, script: &str) -> Safety {
        let profiles = folder.join("profiles");
        for number in [3, 5, 6] {
            let store = folder.join(format!("store-{number}"));
            fs::create_dir_all(store.join("bin")).unwrap();
            let program = store.join("bin/switch-to-configuration");
            fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
            fs::create_dir_all(&profiles).unwrap();
            symlink(store, profiles.join(generations::link(number))).unwrap();
        }
        symlink("system-6-link", profiles.join("system")).unwrap();
        let dirs = Dirs::under(folder);
        dirs.prepare().unwrap();
        Safety::new(dirs, &profiles)
    }

    #[tokio::test]
    async fn each_rollback_goes_one_generation_back_until_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let safety = system(folder.path(), "echo \"$1 by $0\"");
        for (from, to) in [(6, 5), (5, 3)] {
            let done = safety.rollback(run).await.unwrap();
            assert_eq!((done.from, done.to), (from, to));
            assert!(done.output.starts_with("switch by "), "{}", done.output);
            let status = safety.status().await;
            assert_eq!((status.generation, status.last_rollback.unwrap().to), (Some(to), to));
        }
        assert_eq!(Fault::from(safety.rollback(run).await.unwrap_err()).code(), "no_generation");
        assert_eq!(safety.status().await.generation, Some(3));
    }

    #[tokio::test]
    async fn a_switch_that_fails_says_what_it_said() {
        let folder = tempfile::tempdir().unwrap();
        let safety = system(folder.path(), "echo no such thing; exit 4");
        let fault = Fault::from(safety.rollback(run).await.unwrap_err());
        assert_eq!((fault.code(), &fault.detail().unwrap()["output"]), ("rollback_failed", &"no such thing\n".into()));
    }

    #[tokio::test]
    async fn a_system_without_generations_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let safety = Safety::new(Dirs::under(folder.path()), &folder.path().join("absent"));
        assert_eq!(Fault::from(safety.rollback(run).await.unwrap_err()).code(), "no_generation");
        let status = safety.status().await;
        assert_eq!((status.generation, status.generations.len(), status.last_rollback), (None, 0, None));
    }
}
