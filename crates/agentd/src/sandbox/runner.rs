//! The runner: systemd's where there is one, since agentd's own unit may make no namespaces; else a child.

use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{fs::FileTypeExt, net::UnixStream as StdStream},
    },
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use nix::{
    fcntl::{OFlag, open},
    sys::stat::Mode,
};
use osmoda_api::agentd::SandboxStopped;
use osmoda_ipc::daemon::Dirs;
use osmoda_sandbox::{LONGEST_FRAME, Outcome, Plan, Reply, connect, frame};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    process::{Child, Command},
};

use super::SandboxError;
use crate::shell::Awaited;

/// The runner's socket, where systemd made one.
const SOCKET: &str = "sandbox.sock";
/// How long a runner may take beyond the run itself.
const GRACE: Duration = Duration::from_secs(15);

/// How the runner is reached.
#[derive(Debug)]
pub(crate) struct Runner {
    socket: PathBuf,
    own: [PathBuf; 2],
    child: Mutex<Option<OwnRunner>>,
}

/// A runner that agentd started.
#[derive(Debug)]
struct OwnRunner {
    door: StdStream,
    child: Child,
    _awaited: Awaited,
}

impl Runner {
    /// Nothing is started before it is needed.
    pub(crate) fn new(dirs: &Dirs) -> Self {
        let own = [dirs.run().to_owned(), dirs.state().to_owned()];
        Self { socket: dirs.run().join(SOCKET), own, child: Mutex::new(None) }
    }

    /// Runs a plan. When `stop` says why, everything inside is killed; the outcome is what there was until then.
    pub(crate) async fn run(
        &self,
        plan: &Plan,
        stop: impl Future<Output = SandboxStopped>,
    ) -> Result<(Outcome, Option<SandboxStopped>), SandboxError> {
        let patience = Duration::from_millis(plan.limits.wall_ms) + GRACE;
        let proxy = plan.network.as_ref().map(|network| network.socket.as_path());
        let plan = frame(plan).map_err(SandboxError::Unreachable)?;
        let mut connection = self.connect(proxy).await.map_err(SandboxError::Unreachable)?;
        connection.write_all(&plan).await.map_err(SandboxError::Unreachable)?;
        let (mut answers, mut plans) = connection.split();
        let mut reply = std::pin::pin!(tokio::time::timeout(patience, read(&mut answers)));
        let (reply, stopped) = tokio::select! {
            reply = &mut reply => (reply, None),
            why = stop => {
                plans.shutdown().await.map_err(SandboxError::Unreachable)?;
                (reply.await, Some(why))
            }
        };
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "it does not answer");
        match reply.map_err(late).and_then(|reply| reply).map_err(SandboxError::Unreachable)? {
            Reply::Ran(outcome) => Ok((outcome, stopped)),
            Reply::Refused(refusal) => Err(SandboxError::Refused(refusal)),
        }
    }

    async fn connect(&self, proxy: Option<&Path>) -> io::Result<UnixStream> {
        if std::fs::symlink_metadata(&self.socket).is_ok_and(|meta| meta.file_type().is_socket()) {
            return UnixStream::connect(&self.socket).await;
        }
        let connection = self.connect_own(proxy)?;
        connection.set_nonblocking(true)?;
        UnixStream::from_std(connection)
    }

    fn connect_own(&self, proxy: Option<&Path>) -> io::Result<StdStream> {
        // A runner that gave root up may not go the way to it. One that is not there the sandbox misses by its path.
        let proxy = proxy.and_then(|path| open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).ok());
        let proxy = proxy.as_ref().map(AsFd::as_fd);
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = child.as_mut()
            && matches!(own.child.try_wait(), Ok(None))
            && let Ok(connection) = connect(&own.door, proxy)
        {
            return Ok(connection);
        }
        let own = child.insert(OwnRunner::start(&self.own)?);
        connect(&own.door, proxy)
    }
}

impl OwnRunner {
    fn start(own: &[PathBuf]) -> io::Result<Self> {
        let program = program()?;
        let (door, theirs) = StdStream::pair()?;
        let mut command = Command::new(&program);
        for folder in own {
            command.arg("--own").arg(folder);
        }
        command.env_clear().stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).kill_on_drop(true);
        let (child, awaited) = Awaited::start(|| command.spawn(), Child::id)?;
        Ok(Self { door, child, _awaited: awaited })
    }
}

/// Beside agentd.
fn program() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let beside = |folder: &Path| folder.join("osmoda-sandbox");
    // Tests run from a folder below the programs'.
    let folders = own.ancestors().skip(1).take(2);
    let found = folders.map(beside).find(|program| program.is_file());
    found.ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, "osmoda-sandbox is not beside agentd; install osmoda anew")
    })
}

async fn read(stream: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Reply> {
    let length = stream.read_u32_le().await? as usize;
    if length > LONGEST_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its answer is too long"));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    Ok(serde_json::from_slice(&bytes)?)
}
