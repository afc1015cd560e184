//! The runner: one thread a run, as many as may run at a time.

use std::{
    io::{self, IoSliceMut},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use nix::{
    cmsg_space,
    sys::socket::{
        ControlMessageOwned, MsgFlags, getsockopt, recvmsg,
        sockopt::{AcceptConn, PeerCredentials},
    },
    unistd::Uid,
};

use crate::{
    filter,
    group::Groups,
    host::Host,
    init::Init,
    plan::{Layer, Plan, Refusal, Reply},
    run::{Place, find_bwrap, run},
    watch, wire,
};

/// The longest plan, in bytes: a command of which JSON writes every byte as six, and its capabilities.
const LONGEST_PLAN: usize = 1 << 20;
/// How long a caller may take to send its plan or to take its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the runner is started with.
#[derive(Debug)]
pub struct Settings {
    /// Process 1 of every sandbox.
    pub init: Init,
    /// Sandboxes at a time.
    pub most: usize,
    /// osmoda's own folders, which no capability opens.
    pub own: Vec<PathBuf>,
    /// bwrap, where it is not found by itself.
    pub bwrap: Option<PathBuf>,
}

/// The runner can't serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The descriptor that it serves.
    #[error("no socket to serve: {0}")]
    NoSocket(#[source] io::Error),
    /// Waiting for callers.
    #[error("no caller can be waited for: {0}")]
    Waiting(#[source] io::Error),
}

/// Serves until whoever started it is gone, or for ever: `door` is a listening socket, or one over which connections are handed.
pub fn serve(door: OwnedFd, settings: Settings) -> Result<(), ServeError> {
    let listens = getsockopt(&door, AcceptConn).map_err(|errno| ServeError::NoSocket(errno.into()))?;
    let server = Arc::new(Server { running: AtomicUsize::new(0), most: settings.most, place: Place::find(settings) });
    let listener = UnixListener::from(door);
    loop {
        let caller =
            if listens { listener.accept().map(|(caller, _)| Some((caller, None))) } else { handed(listener.as_fd()) };
        match caller {
            Ok(Some((caller, proxy))) => {
                let server = server.clone();
                // A thread that can't be started: its caller's connection is closed.
                let _ = thread::Builder::new().spawn(move || server.answer(caller, proxy.as_ref()));
            }
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ServeError::Waiting(error)),
        }
    }
}

/// A connection, and the proxy's socket where one came along.
type Handed = (UnixStream, Option<OwnedFd>);

/// The next connection that is handed over; `None` when the other end is gone.
#[expect(unsafe_code)]
fn handed(door: BorrowedFd<'_>) -> io::Result<Option<Handed>> {
    let mut byte = [0];
    let mut parts = [IoSliceMut::new(&mut byte)];
    let mut space = cmsg_space!([RawFd; 2]);
    let message = recvmsg::<()>(door.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    if message.bytes == 0 {
        return Ok(None);
    }
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(fds) = part {
            // SAFETY: the kernel has just made these descriptors for us alone, and nobody else has their numbers yet.
            let mut fds = fds.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
            return Ok(fds.next().map(|connection| (connection.into(), fds.next())));
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "a message without a connection"))
}

struct Server {
    running: AtomicUsize,
    most: usize,
    place: Result<Place, Refusal>,
}

impl Server {
    fn answer(&self, mut caller: UnixStream, proxy: Option<&OwnedFd>) {
        let is_full = self.running.fetch_add(1, Ordering::AcqRel) >= self.most;
        // A caller that does not speak or does not listen is left alone.
        let _ = self.serve_one(&mut caller, proxy, is_full);
        self.running.fetch_sub(1, Ordering::AcqRel);
    }

    fn serve_one(&self, caller: &mut UnixStream, proxy: Option<&OwnedFd>, is_full: bool) -> io::Result<()> {
        caller.set_read_timeout(Some(PATIENCE))?;
        caller.set_write_timeout(Some(PATIENCE))?;
        // The socket's own permissions let nobody else in; this holds also where they were set wrong.
        let peer = getsockopt(&*caller, PeerCredentials)?;
        if peer.uid() != 0 && Uid::from_raw(peer.uid()) != Uid::effective() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let plan: Plan = wire::read(caller, LONGEST_PLAN)?;
        if is_full {
            return wire::write(caller, &Reply::Refused(Refusal::Busy { most: self.most }));
        }
        let ran = self.place.as_ref().map_err(Clone::clone).and_then(|place| run(place, &plan, proxy, caller));
        let reply = ran.map_or_else(Reply::Refused, Reply::Ran);
        wire::write(caller, &reply)
    }
}

impl Place {
    fn find(settings: Settings) -> Result<Self, Refusal> {
        let host = Host::look(Path::new("/"));
        let usual = ["/usr/bin", "/run/current-system/sw/bin", "/usr/local/bin", "/bin"].map(Path::new);
        let bwrap = settings.bwrap.or_else(|| find_bwrap(&usual));
        let bwrap = bwrap
            .ok_or_else(|| Refusal::layer(Layer::Bubblewrap, "bwrap is not there; install the package bubblewrap"))?;
        knows_what_is_needed(&bwrap)?;
        if !watch::works() {
            return Err(Refusal::layer(
                Layer::Limits,
                "the kernel does not tell a process's children (CONFIG_PROC_CHILDREN)",
            ));
        }
        let filter = filter::bytes().map_err(|why| Refusal::layer(Layer::Seccomp, why))?;
        Ok(Self { bwrap, init: settings.init, host, filter, groups: Groups::take(), own: settings.own })
    }
}

/// Old versions of bwrap lack what a sandbox needs here.
fn knows_what_is_needed(bwrap: &Path) -> Result<(), Refusal> {
    let help = Command::new(bwrap).arg("--help").env_clear().output();
    let help = help.map_err(|error| Refusal::layer(Layer::Bubblewrap, format!("{}: {error}", bwrap.display())))?;
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for option in ["--bind-fd", "--ro-bind-fd", "--disable-userns", "--size", "--perms", "--as-pid-1"] {
        if !help.contains(option) {
            let why = format!(
                "{} is too old: it does not know {option} (0.11, or a distribution's mended 0.8, does)",
                bwrap.display()
            );
            return Err(Refusal::layer(Layer::Bubblewrap, why));
        }
    }
    Ok(())
}
