//! One run, from its plan to its last process.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use nix::{
    fcntl::{FcntlArg, FdFlag, OFlag, fcntl, open},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{Pid, pipe2},
};

use crate::{
    grant,
    group::{Group, Groups},
    host::Host,
    init::Init,
    inside::forward::MOST_THREADS,
    limits::{Limit, Limits},
    plan::{Ended, Layer, Outcome, Plan, Refusal},
    report::{self, Line},
    view::{self, ETC, Handed},
    watch,
};

/// How often the processes are looked at: often in the beginning, when bombs go off. Most runs are over before the first
/// look, which costs about as much as a mount.
const FIRST_LOOK: Duration = Duration::from_millis(15);
const LOOK: Duration = Duration::from_millis(5);
const LOOK_LATER: Duration = Duration::from_millis(25);
const BEGINNING: Duration = Duration::from_millis(500);
/// How long a killed sandbox may take to be gone.
const DYING: Duration = Duration::from_secs(5);

/// What every run needs.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) bwrap: PathBuf,
    pub(crate) init: Init,
    pub(crate) host: Host,
    pub(crate) filter: Vec<u8>,
    pub(crate) groups: Option<Groups>,
    /// osmoda's own folders.
    pub(crate) own: Vec<PathBuf>,
}

/// Runs a plan. It is killed when the other end of `asked_by` closes, or stops writing.
pub(crate) fn run(
    place: &Place,
    plan: &Plan,
    proxy: Option<&OwnedFd>,
    asked_by: &UnixStream,
) -> Result<Outcome, Refusal> {
    plan.check()?;
    let held = grant::hold(&plan.grants, &place.own)?;
    let threads = if plan.network.is_some() { MOST_THREADS } else { 0 };
    let group = place.groups.as_ref().map(|groups| groups.make(&plan.id, &plan.limits, threads)).transpose();
    let group = group.map_err(|error| Refusal::layer(Layer::Limits, format!("no control group: {error}")))?;
    let found =
        plan.network.as_ref().filter(|_| proxy.is_none()).map(|network| way_out(&network.socket)).transpose()?;
    let proxy = plan.network.as_ref().and(proxy.or(found.as_ref()));
    let started = Instant::now();
    let mut running = start(place, plan, proxy, &held, group).map_err(|error| {
        let why = if error.kind() == io::ErrorKind::NotFound {
            format!("{} is not there; install the package bubblewrap", place.bwrap.display())
        } else {
            error.to_string()
        };
        Refusal::layer(Layer::Bubblewrap, why)
    })?;
    let hit = running.attend(&plan.limits, started, asked_by);
    let cpu_ms = running.bury();
    running.outcome(hit, started, cpu_ms)
}

/// The proxy's socket as a descriptor: who has it may connect, whatever stands in the way to it.
fn way_out(socket: &Path) -> Result<OwnedFd, Refusal> {
    open(socket, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| Refusal::layer(Layer::Network, format!("{}: {errno}", socket.display())))
}

/// A started sandbox.
#[derive(Debug)]
struct Running {
    bwrap: Pid,
    out: Stream,
    err: Stream,
    report: Stream,
    /// What process 1 is held by: when this end closes it lets go of everything.
    leash: Option<OwnedFd>,
    group: Option<Group>,
    hits: Vec<Limit>,
    killed: bool,
}

/// One pipe out of it, and what came through.
#[derive(Debug)]
struct Stream {
    pipe: Option<File>,
    said: Vec<u8>,
    most: usize,
    more: bool,
}

fn start(
    place: &Place,
    plan: &Plan,
    proxy: Option<&OwnedFd>,
    held: &[grant::Held],
    group: Option<Group>,
) -> io::Result<Running> {
    let pipe = || pipe2(OFlag::O_CLOEXEC);
    let ((out, out_end), (err, err_end), (report, report_end)) = (pipe()?, pipe()?, pipe()?);
    let (leash_end, leash) = pipe()?;
    let filter = filled(&place.filter)?;
    let etc = ETC.map(|(_, text)| filled(text.as_bytes()));
    let etc: Vec<OwnedFd> = etc.into_iter().collect::<io::Result<_>>()?;
    let init = place.init.give()?;
    let libraries = File::open("/etc/ld.so.cache").ok();
    let mut numbers = [0; ETC.len()];
    numbers.iter_mut().zip(&etc).for_each(|(number, fd)| *number = fd.as_raw_fd());
    let handed = Handed {
        init: &init,
        filter: filter.as_raw_fd(),
        report: report_end.as_raw_fd(),
        leash: leash_end.as_raw_fd(),
        etc: numbers,
        libraries: libraries.as_ref().map(AsRawFd::as_raw_fd),
        proxy: proxy.map(AsRawFd::as_raw_fd),
        is_grouped: group.is_some(),
        grants: held,
    };
    let mut kept = vec![init.file.as_fd(), filter.as_fd(), report_end.as_fd(), leash_end.as_fd()];
    kept.extend(etc.iter().chain(proxy).chain(held.iter().map(|held| &held.file)).map(AsFd::as_fd));
    kept.extend(libraries.as_ref().map(AsFd::as_fd));
    let gate = group.as_ref().map(|_| pipe()).transpose()?;
    kept.extend(gate.as_ref().map(|(read, _)| read.as_fd()));
    let mut command = Command::new(&place.bwrap);
    if let Some((read, _)) = &gate {
        // Arguments that never come: bwrap does nothing before it has read to their end.
        command.args(["--args", &read.as_raw_fd().to_string()]);
    }
    command
        .args(view::arguments(plan, &place.host, &handed))
        .env_clear()
        .envs(view::environment(plan, &place.host))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(out_end)
        .stderr(err_end);
    let mut child = spawn(&mut command, &kept)?;
    // The command holds our copies of its ends.
    drop(command);
    if let Some(Err(error)) = group.as_ref().map(|group| group.admit(child.id())) {
        // It still waits for its arguments.
        let _ = (child.kill(), child.wait());
        return Err(error);
    }
    drop(gate);
    let most = usize::try_from(plan.limits.output).unwrap_or(usize::MAX);
    Ok(Running {
        bwrap: Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?),
        out: Stream::new(out, most)?,
        err: Stream::new(err, most)?,
        report: Stream::new(report, report::LONGEST)?,
        leash: Some(leash),
        group,
        hits: Vec::new(),
        killed: false,
    })
}

/// Runs take turns: what is let through to one bwrap is closed to every other.
static SPAWNING: Mutex<()> = Mutex::new(());

/// Starts bwrap with these descriptors and no others. None of our code runs between fork and exec, so that the standard
/// library takes posix_spawn(3): no page table is copied. Should the runner die before bwrap has bound itself to its life,
/// the leash is let go of, and process 1 starts nothing.
fn spawn(command: &mut Command, kept: &[BorrowedFd<'_>]) -> io::Result<Child> {
    let _turn = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
    let mark = |flags: FdFlag| kept.iter().try_for_each(|fd| fcntl(fd, FcntlArg::F_SETFD(flags)).map(drop));
    let child = mark(FdFlag::empty()).map_err(io::Error::from).and_then(|()| command.spawn());
    mark(FdFlag::FD_CLOEXEC)?;
    child
}

/// A pipe that holds these few bytes and ends.
fn filled(bytes: &[u8]) -> io::Result<OwnedFd> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    File::from(write).write_all(bytes)?;
    fcntl(&read, FcntlArg::F_SETFL(OFlag::empty()))?;
    Ok(read)
}

impl Stream {
    fn new(pipe: OwnedFd, most: usize) -> io::Result<Self> {
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self { pipe: Some(pipe.into()), said: Vec::new(), most, more: false })
    }

    /// Reads what is there.
    fn listen(&mut self) {
        let mut chunk = [0; 16 * 1024];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut chunk) {
                Ok(0) => self.pipe = None,
                Ok(n) => {
                    let room = self.most - self.said.len();
                    self.said.extend(chunk.get(..n.min(room)).unwrap_or_default());
                    self.more |= n > room;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.pipe = None,
            }
        }
    }

    /// As text; a character that the limit cut is not shown as a wrong one.
    fn text(&self) -> String {
        let whole = match std::str::from_utf8(&self.said) {
            Err(error) if self.more && error.error_len().is_none() => error.valid_up_to(),
            _ => self.said.len(),
        };
        String::from_utf8_lossy(self.said.get(..whole).unwrap_or_default()).into_owned()
    }
}

impl Running {
    /// Listens and watches until everything inside is gone; tells the limit at which it was killed.
    fn attend(&mut self, limits: &Limits, started: Instant, asked_by: &UnixStream) -> Option<Limit> {
        let wall = started + Duration::from_millis(limits.wall_ms);
        let (mut look, mut hit, mut gone_by) = (started + FIRST_LOOK, None, None);
        loop {
            let streams = [&self.out, &self.err, &self.report];
            // All three ends are closed: nobody inside is left to hold them.
            if streams.iter().all(|stream| stream.pipe.is_none()) {
                return hit;
            }
            let now = Instant::now();
            let until = gone_by.unwrap_or_else(|| wall.min(look));
            let left = until.saturating_duration_since(now).as_millis().saturating_add(1);
            let mut hung_up = wait(&streams, self.killed, asked_by, u16::try_from(left).unwrap_or(u16::MAX));
            [&mut self.out, &mut self.err, &mut self.report].into_iter().for_each(Stream::listen);
            let now = Instant::now();
            if let Some(deadline) = gone_by {
                // Stuck in the kernel, or a stream in hands that the kernel has not closed yet.
                if now >= deadline {
                    return hit;
                }
                continue;
            }
            if now >= wall {
                hit = Some(Limit::WallTime);
            } else if self.out.more || self.err.more {
                hit = Some(Limit::Output);
            } else if now >= look {
                look = now + if now < started + BEGINNING { LOOK } else { LOOK_LATER };
                hit = self.look(limits);
            }
            hung_up &= hit.is_none();
            if hit.is_some() || hung_up {
                self.kill();
                gone_by = Some(Instant::now() + DYING);
            } else if self.report.pipe.is_none() {
                // Process 1 is gone and with it everything; what they said is still in the pipes.
                gone_by = Some(Instant::now() + DYING);
            }
        }
    }

    /// The limits that the kernel does not hold for all processes together.
    fn look(&mut self, limits: &Limits) -> Option<Limit> {
        let usage = watch::look(self.bwrap.as_raw());
        // A bomb stands at the limit, one process coming where another went.
        if usage.processes + 1 >= limits.processes {
            self.note(Limit::Processes);
        }
        if usage.cpu_ms > limits.cpu_ms {
            return Some(Limit::CpuTime);
        }
        let too_much = self.group.is_none() && usage.memory > limits.memory;
        (too_much && watch::exact_memory(self.bwrap.as_raw()) > limits.memory).then_some(Limit::Memory)
    }

    fn note(&mut self, hit: Limit) {
        if !self.hits.contains(&hit) {
            self.hits.push(hit);
        }
    }

    fn kill(&mut self) {
        self.killed = true;
        self.leash = None;
        if let Some(group) = &self.group {
            group.kill();
        }
        // It is not buried yet, so that the number is still its own. Process 1 dies with it, and with that everything.
        let _ = kill(self.bwrap, Signal::SIGKILL);
    }

    /// Buries bwrap; tells what all inside computed, in milliseconds.
    #[expect(unsafe_code)]
    fn bury(&mut self) -> u64 {
        if !self.killed && self.report.pipe.is_some() {
            self.kill();
        }
        let mut status = 0;
        // SAFETY: zeroes are a valid `rusage`, which is plain numbers.
        let mut used: libc::rusage = unsafe { std::mem::zeroed() };
        loop {
            // SAFETY: both pointers are to live locals of the right types; the child is ours and nobody else waits for
            // it: the standard library's handle of it was dropped, which does not wait.
            let waited = unsafe { libc::wait4(self.bwrap.as_raw(), &raw mut status, 0, &raw mut used) };
            if waited >= 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                break;
            }
        }
        let millis = |time: libc::timeval| time.tv_sec.saturating_mul(1000).saturating_add(time.tv_usec / 1000);
        u64::try_from(millis(used.ru_utime) + millis(used.ru_stime)).unwrap_or_default()
    }

    fn outcome(&mut self, hit: Option<Limit>, started: Instant, cpu_ms: u64) -> Result<Outcome, Refusal> {
        let report = report::lines(&self.report.said);
        let mut ended = Ended::Killed;
        for line in &report {
            match line {
                Line::Failed(layer, why) => return Err(Refusal::layer(*layer, why.as_str())),
                Line::Hit(limit) => self.note(*limit),
                Line::Ended(how) if !self.killed => ended = *how,
                Line::Ended(_) | Line::Ready => {}
            }
        }
        if !report.contains(&Line::Ready) && !self.killed {
            let said = self.err.text();
            let said = said.lines().find(|line| line.starts_with("bwrap:")).unwrap_or("it ended before it began");
            return Err(Refusal::layer(Layer::Bubblewrap, said));
        }
        hit.into_iter().for_each(|hit| self.note(hit));
        for hit in self.group.as_ref().map(Group::hits).unwrap_or_default() {
            self.note(hit);
        }
        self.hits.sort();
        Ok(Outcome {
            stdout: self.out.text(),
            stderr: self.err.text(),
            ended,
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            cpu_ms,
            limits_hit: std::mem::take(&mut self.hits),
        })
    }
}

/// Waits for something to read, or for the time; tells whether nobody waits for the answer any more.
fn wait(streams: &[&Stream], killed: bool, asked_by: &UnixStream, millis: u16) -> bool {
    let mut polled: Vec<PollFd<'_>> = streams
        .iter()
        .filter_map(|stream| stream.pipe.as_ref())
        .map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN))
        .collect();
    if !killed {
        polled.push(PollFd::new(asked_by.as_fd(), PollFlags::POLLIN));
    }
    match poll(&mut polled, PollTimeout::from(millis)) {
        Ok(1..) if !killed => polled.last().and_then(PollFd::revents).is_some_and(|events| !events.is_empty()),
        _ => false,
    }
}

/// Where bwrap is.
pub(crate) fn find_bwrap(folders: &[&Path]) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join("bwrap")).find(|path| path.is_file())
}
