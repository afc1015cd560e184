//! Starts the daemons in order, keeps them up, stops them in reverse order.

use std::{process::ExitStatus, sync::Arc, time::Duration};

use osmoda_ipc::{chain, daemon::running_pid};
use serde::{Deserialize, Serialize};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    Program, Suite, SuiteError,
    backoff::Backoff,
    check_length, installed,
    lock::SuiteLock,
    logs,
    running::{Running, Stopped},
};

/// How often is looked whether a suite that was stopped by its safety tools may start again.
const HELD: Duration = Duration::from_millis(200);

/// A suite that is up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SuiteUp {
    /// The suite's folder.
    pub(crate) dir: String,
    /// The supervisor's process id.
    pub(crate) supervisor: u32,
    /// Its daemons in the order in which they were started.
    pub(crate) daemons: Vec<DaemonUp>,
}

/// A daemon that is up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DaemonUp {
    /// Its name.
    pub(crate) daemon: String,
    /// Its process id.
    pub(crate) pid: i32,
    /// Its version.
    pub(crate) version: String,
    /// Where it listens.
    pub(crate) socket: String,
}

/// Keeps a suite up. Dropping it without [`Supervisor::stop`] leaves the daemons running.
#[derive(Debug)]
pub(crate) struct Supervisor {
    suite: Arc<Suite>,
    /// No daemon is started any more.
    closing: CancellationToken,
    /// Daemons are killed rather than waited for.
    hurry: CancellationToken,
    keepers: Vec<Keeper>,
    _lock: SuiteLock,
}

#[derive(Debug)]
struct Keeper {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Supervisor {
    /// Takes the suite's folder. Signals mean it from here on: the first asks for an orderly stop, the second for haste.
    pub(crate) fn claim(suite: Suite, programs: &[Program]) -> Result<Self, SuiteError> {
        for program in programs {
            check_length(&suite.dirs.socket(program.daemon))?;
        }
        suite.dirs.prepare().map_err(|error| SuiteError::Folder(chain(&error)))?;
        logs::prepare(&suite.log).map_err(|source| SuiteError::File { path: suite.log.clone(), source })?;
        let lock = SuiteLock::claim(&suite)?;
        // Who starts the suite wants it to run.
        let _ = std::fs::remove_file(suite.dirs.run().join(osmoda_safety::PANIC_MARK));
        for program in programs {
            if let Some(pid) = running_pid(&suite.dirs.pid_file(program.daemon)) {
                return Err(SuiteError::DaemonRuns {
                    daemon: program.daemon,
                    place: suite.place.clone(),
                    pid,
                    command: suite.command.clone(),
                });
            }
        }
        installed::record(&suite.dirs, &programs.iter().map(|program| program.daemon).collect::<Vec<_>>())?;
        let (closing, hurry) = (CancellationToken::new(), CancellationToken::new());
        let watched = watch_signals(closing.clone(), hurry.clone());
        watched.map_err(|source| SuiteError::File { path: suite.place.clone(), source })?;
        Ok(Self { suite: Arc::new(suite), closing, hurry, keepers: Vec::new(), _lock: lock })
    }

    /// Cancelled when the suite is to stop.
    pub(crate) fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }

    /// Starts the programs, each when the one before is ready. Where one fails, all that run are stopped again.
    pub(crate) async fn start(&mut self, programs: &[Program]) -> Result<SuiteUp, SuiteError> {
        let mut daemons = Vec::new();
        for program in programs {
            match self.start_one(program).await {
                Ok(up) => daemons.push(up),
                Err(error) => {
                    self.stop().await;
                    return Err(error);
                }
            }
        }
        Ok(SuiteUp { dir: self.suite.place.display().to_string(), supervisor: std::process::id(), daemons })
    }

    async fn start_one(&mut self, program: &Program) -> Result<DaemonUp, SuiteError> {
        let mut running = Running::start(program, &self.suite)?;
        let closing = self.closing.clone();
        let ready = tokio::select! {
            ready = running.ready(&self.suite) => ready,
            () = closing.cancelled() => Err(SuiteError::Interrupted),
        };
        let up = match ready {
            Ok(up) => up,
            Err(error) => {
                let _ = running.stop(&self.hurry).await;
                return Err(error);
            }
        };
        let socket = self.suite.dirs.socket(program.daemon).display().to_string();
        let started =
            DaemonUp { daemon: program.daemon.to_owned(), pid: running.pid, version: up.version.into_owned(), socket };
        let stop = CancellationToken::new();
        let keep =
            keep(running, program.clone(), self.suite.clone(), self.closing.clone(), stop.clone(), self.hurry.clone());
        self.keepers.push(Keeper { stop, task: tokio::spawn(keep) });
        Ok(started)
    }

    /// Stops the daemons, the last one first.
    pub(crate) async fn stop(&mut self) {
        self.closing.cancel();
        while let Some(keeper) = self.keepers.pop() {
            keeper.stop.cancel();
            let _ = keeper.task.await;
        }
    }
}

fn watch_signals(closing: CancellationToken, hurry: CancellationToken) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            if closing.is_cancelled() {
                hurry.cancel();
            }
            closing.cancel();
        }
    });
    Ok(())
}

/// Keeps one daemon up until it is told to stop it.
async fn keep(
    mut running: Running,
    program: Program,
    suite: Arc<Suite>,
    closing: CancellationToken,
    stop: CancellationToken,
    hurry: CancellationToken,
) {
    let daemon = program.daemon;
    let mut backoff = Backoff::default();
    let mut bound = tokio::time::interval(Duration::from_secs(60));
    loop {
        let ended = tokio::select! {
            ended = running.end() => ended,
            _ = bound.tick() => {
                for name in [daemon, "suite"] {
                    if let Err(error) = logs::bound(&suite.log_of(name)) {
                        say(&format!("the log of {name} can't be moved aside: {error}"));
                    }
                }
                continue;
            }
            () = stop.cancelled() => {
                match running.stop(&hurry).await {
                    Ok(Stopped::Itself(_)) => {}
                    Ok(Stopped::Killed) => say(&format!("{daemon} did not stop by itself and was killed")),
                    Err(error) => say(&format!("{daemon} (process {}) could not be stopped: {error}", running.pid)),
                }
                return;
            }
        };
        if closing.is_cancelled() {
            return;
        }
        let pause = backoff.after(running.since.elapsed());
        let how = ended.map_or_else(|error| error.to_string(), |how: ExitStatus| how.to_string());
        say(&format!("{daemon} ended ({how}); starting it again in {:.1} s", pause.as_secs_f64()));
        match again(&program, &suite, pause, &mut backoff, &closing).await {
            Some(next) => running = next,
            None => return,
        }
        say(&format!("{daemon} started again as process {}", running.pid));
    }
}

/// Starts the daemon again after a pause, and tries on when it can't be; nothing once the suite is closing.
async fn again(
    program: &Program,
    suite: &Suite,
    mut pause: Duration,
    backoff: &mut Backoff,
    closing: &CancellationToken,
) -> Option<Running> {
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = closing.cancelled() => return None,
        }
        if suite.dirs.run().join(osmoda_safety::PANIC_MARK).exists() {
            // Stopped on purpose: until somebody says otherwise.
            pause = HELD;
            continue;
        }
        match Running::start(program, suite) {
            Ok(running) => return Some(running),
            Err(error) => {
                pause = backoff.after(Duration::ZERO);
                say(&format!("{error}; trying again in {:.1} s", pause.as_secs_f64()));
            }
        }
    }
}

/// What the supervisor has to say goes to standard error: the terminal, or the suite's log.
fn say(text: &str) {
    logs::say(&format!("{} agentctl: {text}", jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ")));
}
