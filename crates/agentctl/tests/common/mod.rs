//! A suite in a temporary folder, driven by the real programs. It is ended by process id, whatever becomes of the test.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on has failed")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
};

/// Nothing in a test takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a run of `agentctl` left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The same, where the run ended with this code.
    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// A folder for one suite.
pub(crate) struct Suite {
    folder: TempDir,
}

impl Suite {
    /// An empty folder.
    pub(crate) fn folder() -> Self {
        let agentd = program("osmoda-agentd");
        assert!(agentd.exists(), "{} is missing: cargo build -p osmoda-agentd", agentd.display());
        Self { folder: tempfile::Builder::new().prefix("ctl").tempdir().unwrap() }
    }

    /// A suite that is up in the background.
    pub(crate) async fn up() -> Self {
        Self::up_with("agentd").await
    }

    /// The same with these daemons.
    pub(crate) async fn up_with(daemons: &str) -> Self {
        let suite = Self::folder();
        suite.run(&["up", "--detach", "--only", daemons]).await.with_code(0);
        suite
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The process id in a pid file; of a process that may have ended.
    #[track_caller]
    pub(crate) fn pid(&self, name: &str) -> i32 {
        let file = self.path().join(format!("run/{name}.pid"));
        fs::read_to_string(&file).unwrap().trim().parse().unwrap()
    }

    /// Every living process whose command line names this folder: daemons and supervisors.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let named = self.path().as_os_str().as_encoded_bytes();
        let pids =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
        let names_us = |pid: &i32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.windows(named.len()).any(|window| window == named)
        };
        pids.filter(names_us).filter(|pid| lives(*pid)).collect()
    }

    /// `agentctl --dir FOLDER ARGS`.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = agentctl();
        command.arg("--dir").arg(self.path()).args(args);
        command
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Ran {
        run(self.command(args), "").await
    }

    /// Runs it with this on standard input.
    pub(crate) async fn run_with(&self, args: &[&str], input: &str) -> Ran {
        run(self.command(args), input).await
    }

    /// Runs it and reads the JSON that it prints.
    pub(crate) async fn json(&self, args: &[&str]) -> Value {
        self.run(args).await.with_code(0).json()
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        // The supervisors first, or they would start again what is ended here.
        let locks = ["run/suite.pid", "osmoda/run/suite.pid"].map(|file| self.path().join(file));
        let supervisors = locks.iter().filter_map(|file| osmoda_ipc::daemon::running_pid(file));
        for pid in supervisors.chain(self.processes()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        for pid in self.processes() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// `agentctl` without anything of the environment that names a suite or wants colour.
pub(crate) fn agentctl() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentctl"));
    for name in ["OSMODA_RUN_DIR", "OSMODA_STATE_DIR", "OSMODA_CONFIG", "OSMODA_LOG", "NO_COLOR", "XDG_STATE_HOME"] {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end, with this on standard input.
pub(crate) async fn run(mut command: Command, input: &str) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let whole = async {
        // A program that does not read its input may end before it is written.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        child.wait_with_output().await.unwrap()
    };
    let output = tokio::time::timeout(PATIENCE, whole).await.expect("agentctl did not end");
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Waits for the end of a child.
pub(crate) async fn end_of(child: &mut Child) -> ExitStatus {
    tokio::time::timeout(PATIENCE, child.wait()).await.expect("it did not end").unwrap()
}

/// Looks until `found` finds something.
#[track_caller]
pub(crate) fn soon<T>(what: &'static str, mut found: impl FnMut() -> Option<T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let start = Instant::now();
        loop {
            if let Some(value) = found() {
                return value;
            }
            assert!(start.elapsed() < PATIENCE, "{what} did not happen ({caller})");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Signals a process.
pub(crate) fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// Stops every thread of a process. A busy machine needs a while to do it: until then a thread may still answer.
pub(crate) async fn freeze(pid: i32) {
    signal(pid, Signal::SIGSTOP);
    let is_stopped = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" T"))
    };
    let tasks = format!("/proc/{pid}/task");
    soon("every thread to stop", || fs::read_dir(&tasks).unwrap().flatten().all(is_stopped).then_some(())).await;
}

/// Whether a process is there, and not only waits to be reaped.
pub(crate) fn lives(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.starts_with(" Z"))
}

/// A program beside `agentctl`.
pub(crate) fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_agentctl")).with_file_name(name)
}
