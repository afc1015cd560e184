//! Process 1 of a sandbox: puts on what bwrap can't, starts the command, buries what dies, tells how it ended. When it
//! ends the kernel kills everything inside.

mod ended;
pub(crate) mod forward;
mod landlock;
mod orders;

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Command, ExitCode},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        prctl::set_dumpable,
        resource::{Resource, setrlimit},
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use self::orders::Orders;
use crate::{
    limits::Limit,
    plan::{Ended, Layer},
    report::Line,
};

/// Nothing was started.
const NOT_STARTED: u8 = 125;
/// As a shell tells it: the program can't be run, or is not there.
const NOT_RUNNABLE: i32 = 126;
const NOT_FOUND: i32 = 127;
/// Open files of a process at a time.
const OPEN_FILES: u64 = 1024;
/// How much more than its limit a single process may ask for before it is refused. What all of them use is watched from
/// outside and ends there, with its name; this stands should the watch come late.
const MEMORY_MARGIN: u64 = 4;

/// A layer can't be put on.
type Failed = (Layer, String);

/// Runs as process 1. `arguments` are those behind the program's name.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let orders = match orders::parse(arguments) {
        Ok(orders) => orders,
        Err(why) => {
            let _ = writeln!(io::stderr(), "osmoda-sandbox-init: {why}; only osmoda-sandbox starts this program");
            return ExitCode::from(NOT_STARTED);
        }
    };
    let mut report = File::from(orders.report.try_clone().unwrap_or_else(|_| std::process::abort()));
    match live(&orders, &mut report) {
        Ok(code) => ExitCode::from(u8::try_from(code & 0xff).unwrap_or(u8::MAX)),
        Err((layer, why)) => {
            tell(&mut report, &Line::Failed(layer, why));
            ExitCode::from(NOT_STARTED)
        }
    }
}

/// The runner may be gone; then so is everything here in a moment.
fn tell(report: &mut File, line: &Line) {
    let _ = report.write_all(line.text().as_bytes());
}

fn live(orders: &Orders, report: &mut File) -> Result<i32, Failed> {
    // Nobody inside reads or writes this process, whose user id they share.
    set_dumpable(false).map_err(|errno| (Layer::Runner, errno.to_string()))?;
    keep_descriptors().map_err(|error| (Layer::Runner, error.to_string()))?;
    limit(orders).map_err(|errno| (Layer::Limits, errno.to_string()))?;
    landlock::restrict(orders).map_err(|why| (Layer::Landlock, why))?;
    let way_out = orders
        .proxy
        .as_ref()
        .map(forward::WayOut::open)
        .transpose()
        .map_err(|error| (Layer::Network, error.to_string()))?;
    let deaths = hear_of_deaths().map_err(|errno| (Layer::Runner, errno.to_string()))?;
    if is_let_go(&orders.leash) {
        return Ok(Ended::Killed.code());
    }
    tell(report, &Line::Ready);
    let (program, words) = orders.command.split_first().ok_or((Layer::Runner, "no command".to_owned()))?;
    let mut command = Command::new(program);
    command.args(words).process_group(0);
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{}: {error}", program.display());
            let code = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUNNABLE };
            if error.raw_os_error() == Some(libc::EAGAIN) {
                tell(report, &Line::Hit(Limit::Processes));
            }
            tell(report, &Line::Ended(Ended::Exit(code)));
            return Ok(code);
        }
    };
    if let Some(way_out) = way_out {
        forward::start(way_out).map_err(|error| (Layer::Network, error.to_string()))?;
    }
    let child = Pid::from_raw(i32::try_from(child.id()).unwrap_or_default());
    let ended = bury_until(child, &deaths, &orders.leash, report);
    for hit in ended::hits(ended, orders.file) {
        tell(report, &Line::Hit(hit));
    }
    tell(report, &Line::Ended(ended));
    Ok(ended.code())
}

/// Lets the command have the three standard streams and nothing that somebody on the way here left open.
#[expect(unsafe_code)]
fn keep_descriptors() -> io::Result<()> {
    // SAFETY: the call takes three numbers and no pointer; it closes nothing, but marks what is to be closed on exec.
    let marked = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if marked == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Deaths as something to read. The standard library starts children with no signal blocked.
fn hear_of_deaths() -> Result<SignalFd, Errno> {
    let mut deaths = SigSet::empty();
    deaths.add(Signal::SIGCHLD);
    deaths.thread_block()?;
    SignalFd::with_flags(&deaths, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

/// Whether the runner is gone, or wants this to end.
fn is_let_go(leash: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(leash.as_fd(), PollFlags::empty())];
    poll(&mut polled, PollTimeout::ZERO) != Ok(0)
}

fn limit(orders: &Orders) -> Result<(), Errno> {
    let seconds = orders.cpu_ms.div_ceil(1000).max(1);
    // One second between the signal that names the limit and the one that nothing survives.
    setrlimit(Resource::RLIMIT_CPU, seconds, seconds + 1)?;
    setrlimit(Resource::RLIMIT_FSIZE, orders.file, orders.file)?;
    let memory = orders.memory.saturating_mul(MEMORY_MARGIN);
    setrlimit(Resource::RLIMIT_DATA, memory, memory)?;
    // This process is one of them, and so are its threads.
    let own = 1 + if orders.proxy.is_some() { forward::MOST_THREADS } else { 0 };
    setrlimit(Resource::RLIMIT_NPROC, orders.processes + own, orders.processes + own)?;
    setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES)?;
    setrlimit(Resource::RLIMIT_MEMLOCK, 0, 0)?;
    setrlimit(Resource::RLIMIT_MSGQUEUE, 0, 0)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)
}

/// Waits for whatever dies until the command does, or until the runner lets go.
fn bury_until(command: Pid, deaths: &SignalFd, leash: &OwnedFd, report: &mut File) -> Ended {
    loop {
        // First what died already: one signal may stand for many deaths.
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == command => return Ended::Exit(code),
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == command => return Ended::Signal(signal as i32),
                Ok(WaitStatus::Signaled(_, Signal::SIGXCPU, _)) => tell(report, &Line::Hit(Limit::CpuTime)),
                Ok(WaitStatus::Signaled(_, Signal::SIGXFSZ, _)) => tell(report, &Line::Hit(Limit::FileSize)),
                Ok(WaitStatus::StillAlive) => break,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return Ended::Exit(i32::from(NOT_STARTED)),
            }
        }
        let mut polled =
            [PollFd::new(deaths.as_fd(), PollFlags::POLLIN), PollFd::new(leash.as_fd(), PollFlags::empty())];
        let waited = poll(&mut polled, PollTimeout::NONE);
        if waited.is_ok() && polled.last().and_then(PollFd::any).unwrap_or(true) {
            return Ended::Killed;
        }
        while matches!(deaths.read_signal(), Ok(Some(_))) {}
    }
}
