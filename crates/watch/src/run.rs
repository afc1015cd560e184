//! Runs the programs of a change. Where systemd runs the suite, in a unit of their own: a switch may restart this very
//! daemon, and must not end with it. Elsewhere as a child that holds a lock for as long as it lives, so that whoever goes
//! on after a crash waits for it instead of working against it.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use osmoda_systemd::{Ended, OneShot, SystemdError};
use tokio::process::Command;

use crate::systemd::Systemd;

/// How long a program whose starter died may take before it is ended.
const ORPHAN: Duration = Duration::from_secs(60);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(10);
/// The most of a program's output that is told, in bytes.
const TOLD: u64 = 2048;
/// Where programs look for others.
const PATH: &str = "/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program did not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("{program} can't be started: {source}")]
    NotStarted { program: String, source: std::io::Error },
    #[error("{program} failed ({how}): {said}")]
    Failed { program: String, how: String, said: String },
    #[error("{program} did not end within {} s", .after.as_secs())]
    Late { program: String, after: Duration },
    #[error("{0}")]
    Systemd(#[from] SystemdError),
}

/// A program of a session.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    /// The session.
    pub(crate) session: &'a str,
    /// `apply` or `back`: one runs at a time.
    pub(crate) step: &'a str,
    /// The program, absolute, and its arguments.
    pub(crate) argv: Vec<String>,
    /// How long it may take.
    pub(crate) patience: Duration,
}

impl Job<'_> {
    fn unit(&self) -> String {
        unit(self.session, self.step)
    }

    fn program(&self) -> String {
        self.argv.first().cloned().unwrap_or_default()
    }
}

fn unit(session: &str, step: &str) -> String {
    format!("osmoda-switch-{session}-{step}.service")
}

/// Runs programs.
#[derive(Debug)]
pub(crate) struct Runner {
    by_systemd: bool,
    folder: PathBuf,
}

impl Runner {
    /// With its files in `folder`, which must exist.
    pub(crate) fn new(by_systemd: bool, folder: &Path) -> Self {
        Self { by_systemd, folder: folder.to_owned() }
    }

    /// Runs a program to its end.
    pub(crate) async fn run(&self, systemd: &Systemd, job: &Job<'_>) -> Result<(), RunError> {
        let output = self.folder.join(format!("{}-{}.out", job.session, job.step));
        let _ = std::fs::remove_file(&output);
        if !self.by_systemd {
            return self.child(job, &output).await;
        }
        let unit = job.unit();
        let shot = OneShot {
            unit: &unit,
            description: "A change under guard of osmoda",
            argv: &job.argv,
            output: &output,
            patience: job.patience,
        };
        let shot = &shot;
        match systemd.ask(|bus| async move { bus.run_once(shot).await }).await? {
            Ended::Well => Ok(()),
            Ended::Badly(how) => Err(RunError::Failed { program: job.program(), how, said: said(&output) }),
        }
    }

    /// How the program of a session that was cut off ended; nothing where that can't be known any more.
    pub(crate) async fn adopt(
        &self,
        systemd: &Systemd,
        session: &str,
        step: &str,
        patience: Duration,
    ) -> Result<Option<Ended>, RunError> {
        if self.by_systemd {
            let unit = &unit(session, step);
            return Ok(systemd.ask(|bus| async move { bus.adopt(unit, patience).await }).await?);
        }
        drop(self.alone(session).await?);
        Ok(None)
    }

    /// Waits until no program of the session is left, and ends one that stays; the lock is held by the next one.
    async fn alone(&self, session: &str) -> Result<File, RunError> {
        let path = self.folder.join(format!("{session}.running"));
        let broken = |source| RunError::NotStarted { program: path.display().to_string(), source };
        let deadline = Instant::now() + ORPHAN;
        let mut killed = false;
        loop {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
            let mut file = file.map_err(broken)?;
            // Held until the last descriptor of it is closed: the child's, once it has one.
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(_) if Instant::now() >= deadline => {
                    let mut pid = String::new();
                    let group = file.read_to_string(&mut pid).ok().and_then(|_| pid.trim().parse().ok());
                    match group.filter(|_| !killed) {
                        Some(group) => drop(killpg(Pid::from_raw(group), Signal::SIGKILL)),
                        None => return Err(RunError::Late { program: "a program before".into(), after: ORPHAN }),
                    }
                    killed = true;
                }
                Err(_) => {}
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn child(&self, job: &Job<'_>, output: &Path) -> Result<(), RunError> {
        let broken = |source| RunError::NotStarted { program: job.program(), source };
        let mut lock = self.alone(job.session).await?;
        let said_to = OpenOptions::new().create(true).append(true).mode(0o600).open(output).map_err(broken)?;
        let mut command = Command::new(job.program());
        command.args(job.argv.iter().skip(1)).env_clear().env("PATH", PATH).env("LANG", "C.UTF-8").current_dir("/");
        // The child holds the lock by its standard input, however its starter dies.
        command.stdin(Stdio::from(lock.try_clone().map_err(broken)?));
        command.stdout(Stdio::from(said_to.try_clone().map_err(broken)?)).stderr(Stdio::from(said_to));
        command.process_group(0);
        let mut child = command.spawn().map_err(broken)?;
        let group = child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(group) = group {
            // For whoever must end it. A name that was not written costs patience, not safety.
            let _ = lock.set_len(0).and_then(|()| lock.write_all(group.to_string().as_bytes()));
        }
        drop(lock);
        match tokio::time::timeout(job.patience, child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => {
                Err(RunError::Failed { program: job.program(), how: status.to_string(), said: said(output) })
            }
            Ok(Err(source)) => Err(broken(source)),
            Err(_) => {
                if let Some(group) = group {
                    let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
                }
                let _ = tokio::time::timeout(Duration::from_secs(5), child.wait()).await;
                Err(RunError::Late { program: job.program(), after: job.patience })
            }
        }
    }

    /// Nothing of a session's programs is needed any more.
    pub(crate) fn clean(&self, session: &str) {
        for name in [format!("{session}.running"), format!("{session}-apply.out"), format!("{session}-back.out")] {
            let _ = std::fs::remove_file(self.folder.join(name));
        }
    }
}

/// A program whose output is wanted: stopped with its caller, bounded in time and size.
pub(crate) async fn output(argv: &[&str], patience: Duration) -> Result<String, RunError> {
    let program = argv.first().copied().unwrap_or_default().to_owned();
    let mut command = Command::new(&program);
    command.args(argv.iter().skip(1)).env_clear().env("PATH", PATH).env("LANG", "C.UTF-8").current_dir("/");
    // Where Nix keeps what it fetched; the unit's own folder where homes are read-only.
    for name in ["HOME", "XDG_CACHE_HOME"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    // Where there is a Nix daemon it builds: we may not do what a build does.
    if Path::new("/nix/var/nix/daemon-socket/socket").exists() {
        command.env("NIX_REMOTE", "daemon");
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(patience, command.output()).await {
        Ok(Ok(done)) if done.status.success() => Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned()),
        Ok(Ok(done)) => {
            let text = String::from_utf8_lossy(&done.stderr);
            let said = text.chars().rev().take(1500).collect::<Vec<_>>().into_iter().rev().collect();
            Err(RunError::Failed { program, how: done.status.to_string(), said })
        }
        Ok(Err(source)) => Err(RunError::NotStarted { program, source }),
        Err(_) => Err(RunError::Late { program, after: patience }),
    }
}

/// The end of what a program said.
fn said(output: &Path) -> String {
    let mut text = Vec::new();
    let Ok(mut file) = File::open(output) else { return String::new() };
    let length = file.metadata().map_or(0, |meta| meta.len());
    let _ = std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(length.saturating_sub(TOLD)));
    let _ = file.take(TOLD).read_to_end(&mut text);
    String::from_utf8_lossy(&text).trim().to_owned()
}
