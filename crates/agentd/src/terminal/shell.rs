//! The shell behind a terminal: agentd's account's own, as a login shell, and how many there may be.

use std::{
    ffi::OsStr,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use osmoda_ipc::{COMMAND_MARK, Fault};
use prometheus_client::metrics::gauge::Gauge;
use tokio::process::{Child, Command};

use super::{
    ask::Ask,
    pty::{Pty, lead_session},
};
use crate::shell::{Account, Awaited, kill_whole, path};

/// How long a shell whose terminal is gone may take to clean up.
const LAST_WISHES: Duration = Duration::from_secs(2);

/// How many terminals are open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terminals(pub(crate) Gauge);

/// One terminal's place among them.
#[derive(Debug)]
struct Place(Gauge);

impl Terminals {
    fn place(&self, most: u32) -> Result<Place, Fault> {
        let place = Place(self.0.clone());
        if self.0.inc() < most.into() {
            return Ok(place);
        }
        Err(Fault::unavailable(
            "busy",
            format!("there are {most} terminals at most ([agentd.terminal] most), and all are open"),
        ))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A terminal that waits for its shell.
#[derive(Debug)]
pub(crate) struct Prepared {
    pty: Pty,
    terminal: OwnedFd,
    program: PathBuf,
    cwd: PathBuf,
    term: String,
    mark: String,
    place: Place,
}

impl Prepared {
    /// Everything that may be refused before a shell runs. `mark` is the act that it belongs to: whatever the shell starts
    /// is known by it.
    pub(crate) fn new(
        ask: &Ask,
        program: Option<&Path>,
        mark: &str,
        all: &Terminals,
        most: u32,
    ) -> Result<Self, Fault> {
        let place = all.place(most)?;
        let account = Account::own();
        let cwd = match &ask.cwd {
            Some(cwd) => PathBuf::from(cwd),
            None if account.home.is_dir() => account.home.clone(),
            None => "/".into(),
        };
        if !cwd.is_dir() {
            return Err(Fault::bad_request("invalid_path", format!("{} is no folder to start in", cwd.display())));
        }
        let (pty, terminal) = Pty::open(ask.size).map_err(|error| failed("no terminal could be opened", &error))?;
        let program = program.map_or_else(|| account.shell.clone(), Path::to_owned);
        Ok(Self { pty, terminal, program, cwd, term: ask.term.clone(), mark: mark.to_owned(), place })
    }

    /// Starts the shell.
    pub(super) fn start(self) -> Result<Shell, Fault> {
        let account = Account::own();
        let mut command = Command::new(&self.program);
        let name = self.program.file_name().unwrap_or_default();
        command
            .arg0(OsStr::from_bytes(&[b"-", name.as_bytes()].concat()))
            .current_dir(&self.cwd)
            .env_clear()
            .env("PATH", path())
            .env("HOME", &account.home)
            .env("SHELL", &self.program)
            .env("USER", &account.name)
            .env("LOGNAME", &account.name)
            .env("LANG", "C.UTF-8")
            .env("TERM", &self.term)
            .env(COMMAND_MARK, &self.mark)
            .kill_on_drop(true);
        let start = || {
            command.stdin(self.terminal.try_clone()?).stdout(self.terminal.try_clone()?).stderr(self.terminal);
            lead_its_session(&mut command);
            Awaited::start(|| command.spawn(), Child::id)
        };
        let (child, awaited) =
            start().map_err(|error| failed(&format!("{} could not be started", self.program.display()), &error))?;
        Ok(Shell { pty: self.pty, child, awaited, mark: self.mark, _place: self.place })
    }
}

fn failed(what: &str, error: &io::Error) -> Fault {
    Fault::failed("terminal_failed", format!("{what}: {error}"))
}

/// A shell that runs.
#[derive(Debug)]
pub(crate) struct Shell {
    pub(super) pty: Pty,
    pub(super) child: Child,
    awaited: Awaited,
    mark: String,
    _place: Place,
}

impl Shell {
    /// Takes the terminal away, which tells the shell and what runs in it (SIGHUP), and then whatever is left its life.
    pub(super) async fn end(self) {
        let Self { pty, mut child, awaited, mark, .. } = self;
        drop(pty);
        let _ = tokio::time::timeout(LAST_WISHES, child.wait()).await;
        let leader = awaited.pid();
        let _ = tokio::task::spawn_blocking(move || kill_whole(leader, &mark)).await;
        let _ = tokio::time::timeout(LAST_WISHES, child.wait()).await;
    }
}

#[expect(unsafe_code)]
fn lead_its_session(command: &mut Command) {
    // SAFETY: what runs between fork and exec may only do what is safe after a signal (signal-safety(7)): two system calls,
    // no allocation, no lock. An error is made of a number. Standard input is the terminal by then.
    unsafe {
        command.pre_exec(|| lead_session(io::stdin().as_fd()));
    }
}
