//! Where clients come in: a Unix socket, and loopback addresses.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Proxy, kernel::accept_who_speaks, socket::Socket};

/// How long to wait before an address that is taken is tried again, and after a connection could not be accepted.
const AGAIN: Duration = Duration::from_secs(5);
const BREATH: Duration = Duration::from_millis(20);
/// A client that connects and says nothing is accepted all the same after so many seconds; the kernel counts in times of its
/// own, and rounds up.
const SILENCE_SECS: i32 = 1;

/// Where the proxy can be reached now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listening(Arc<Mutex<Vec<String>>>);

impl Listening {
    /// Addresses and the socket's path.
    pub(crate) fn places(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, place: String) {
        info!(place, "the proxy listens");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(place);
    }
}

/// Listens at the socket, which must succeed, and at the addresses as soon as they are free.
pub(crate) fn listen(
    proxy: &Arc<Proxy>,
    socket: &Path,
    addresses: Vec<SocketAddr>,
    stop: &CancellationToken,
) -> io::Result<Listening> {
    let listening = Listening::default();
    let unix = bind_unix(socket)?;
    listening.add(socket.display().to_string());
    tokio::spawn(accept_unix(proxy.clone(), unix, stop.clone()));
    for address in addresses {
        tokio::spawn(accept_tcp(proxy.clone(), address, listening.clone(), stop.clone()));
    }
    Ok(listening)
}

/// Binds under another name, opens it to all and moves it to its place. Who may reach the folder may connect; what a
/// client may do, its token says.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    }
    let unready: PathBuf = path.with_extension("new");
    match fs::remove_file(&unready) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&unready)?;
    fs::set_permissions(&unready, fs::Permissions::from_mode(0o666))?;
    fs::rename(&unready, path)?;
    Ok(listener)
}

/// Binds, and says once for all connections what would otherwise be said for each.
async fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address).await?;
    // What is accepted inherits it. Small messages go both ways: whoever wants them gathered gathers them before.
    setsockopt(&listener, sockopt::TcpNoDelay, &true)?;
    // Clients speak first here: one is accepted when it does, or a moment later where it does not, instead of being woken
    // for twice. Where the kernel does not know it, nothing is lost.
    let _ = accept_who_speaks(&listener, SILENCE_SECS);
    Ok(listener)
}

async fn accept_unix(proxy: Arc<Proxy>, listener: UnixListener, stop: CancellationToken) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => drop(tokio::spawn(proxy.clone().serve(Socket::Unix(stream)))),
            Err(error) => breathe(&error).await,
        }
    }
}

async fn accept_tcp(proxy: Arc<Proxy>, address: SocketAddr, listening: Listening, stop: CancellationToken) {
    let mut told = false;
    let bound = async {
        loop {
            match bind_tcp(address).await {
                Ok(listener) => return listener,
                Err(error) if !told => {
                    warn!(%address, %error, "the proxy can't listen there; it is tried again, and the socket serves");
                    told = true;
                }
                Err(_) => {}
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    let Some(listener) = stop.run_until_cancelled(bound).await else { return };
    listening.add(listener.local_addr().unwrap_or(address).to_string());
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => drop(tokio::spawn(proxy.clone().serve(Socket::Tcp(stream)))),
            Err(error) => breathe(&error).await,
        }
    }
}

/// Out of descriptors or memory: both pass, and a loop without a pause would burn a core until then.
async fn breathe(error: &io::Error) {
    warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(BREATH).await;
}
