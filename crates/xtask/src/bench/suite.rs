//! The built programs, and a suite of them in a folder that goes away again.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use osmoda_ipc::daemon::{Dirs, running_pid};
use tempfile::TempDir;

use crate::Failure;

/// Where this program was built, and with it the others.
pub(super) fn programs() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().map_err(Failure::bench)?;
    own.parent().map(Path::to_owned).ok_or_else(|| Failure::bench("this program lies nowhere"))
}

/// The built program of this name.
pub(super) fn program(name: &str) -> Result<PathBuf, Failure> {
    let path = programs()?.join(name);
    if path.is_file() { Ok(path) } else { Err(Failure::bench(format!("{} is not built", path.display()))) }
}

/// A command of agentctl that speaks to the suite in this folder.
pub(super) fn agentctl(folder: &Path) -> Result<Command, Failure> {
    let mut command = Command::new(program("agentctl")?);
    command.arg("--dir").arg(folder);
    Ok(command)
}

/// A suite of some daemons. Dropping it ends it.
pub(super) struct Suite {
    agentctl: PathBuf,
    folder: TempDir,
}

impl Suite {
    /// agentd alone.
    pub(super) fn up() -> Result<Self, Failure> {
        Self::up_with("agentd", "", &[])
    }

    /// These daemons, with this configuration and these variables.
    pub(super) fn up_with(daemons: &str, config: &str, variables: &[(&str, &str)]) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("osmoda.").tempdir().map_err(Failure::bench)?;
        let suite = Self { agentctl: program("agentctl")?, folder };
        let file = suite.folder.path().join("bench.toml");
        std::fs::write(&file, config).map_err(Failure::bench)?;
        let mut up = suite.agentctl();
        up.env("OSMODA_CONFIG", file).envs(variables.iter().copied());
        let status = up.args(["up", "--only", daemons, "--detach"]).stdout(Stdio::null()).status();
        if status.map_err(Failure::bench)?.success() {
            Ok(suite)
        } else {
            Err(Failure::bench("the suite did not come up"))
        }
    }

    /// agentctl, speaking to this suite.
    pub(super) fn agentctl(&self) -> Command {
        let mut command = Command::new(&self.agentctl);
        command.arg("--dir").arg(self.folder.path());
        command
    }

    pub(super) fn dirs(&self) -> Dirs {
        Dirs::under(self.folder.path())
    }

    /// The process of agentd.
    pub(super) fn agentd(&self) -> Result<u32, Failure> {
        self.pid("agentd")
    }

    /// The process of a daemon.
    pub(super) fn pid(&self, daemon: &str) -> Result<u32, Failure> {
        let pid = running_pid(&self.dirs().pid_file(daemon)).and_then(|pid| u32::try_from(pid).ok());
        pid.ok_or_else(|| Failure::bench(format!("{daemon} does not run")))
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        let _ = self.agentctl().arg("down").stdout(Stdio::null()).status();
    }
}
