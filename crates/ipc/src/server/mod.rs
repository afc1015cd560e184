//! The server: one Unix socket, bounded in everything that a caller controls.

mod acts;
mod answer;
mod connection;
mod dispatch;
mod manners;
mod upgrade;

use std::{io, os::fd::AsFd, sync::Arc, time::Duration};

use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info, warn};

use crate::{
    caller::{Accounts, Peer},
    fault::Fault,
    metrics::Metrics,
    patience::Patience,
    routes::Routes,
};

use self::dispatch::Table;

/// What a caller may use up.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections; one more is answered 503 `busy` and closed.
    pub connections: usize,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Time for a request's head, also while a kept connection idles.
    pub head_timeout: Duration,
    /// Time for a request's body.
    pub body_timeout: Duration,
    /// Time for what runs when the server is told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            head_bytes: 32 * 1024,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(20),
            drain: Duration::from_secs(10),
        }
    }
}

/// A daemon's server, ready to serve a socket.
pub struct Server {
    table: Arc<Table>,
    accounts: Arc<Accounts>,
    limits: Limits,
    metrics: Arc<Metrics>,
}

impl Server {
    /// A server for these routes. `/metrics` and `/openapi.json` are added, and `/health` where the routes have none.
    pub fn new<S: Send + Sync + 'static>(
        routes: Routes<S>,
        accounts: Arc<Accounts>,
        metrics: Arc<Metrics>,
        limits: Limits,
    ) -> Result<Self, BadRoute> {
        let table = Table::build(routes, metrics.clone(), limits.clone())?;
        Ok(Self { table: Arc::new(table), accounts, limits, metrics })
    }

    /// Serves until `stop` is cancelled, then lets what runs finish, for [`Limits::drain`] at most.
    pub async fn serve(self, listener: UnixListener, stop: CancellationToken) {
        let server = Arc::new(self);
        let places = Arc::new(Semaphore::new(server.limits.connections));
        let refusals = Arc::new(Semaphore::new(64));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors or memory: both pass, and a loop without a pause would burn a core until then.
                    warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            };
            let Ok(place) = places.clone().try_acquire_owned() else {
                server.metrics.connections_refused.inc();
                if let Ok(slot) = refusals.clone().try_acquire_owned() {
                    tokio::spawn(async move {
                        refuse(stream).await;
                        drop(slot);
                    });
                }
                continue;
            };
            let (server, stop) = (server.clone(), stop.clone());
            connections.spawn(async move {
                server.metrics.connections.inc();
                server.connection(stream, stop).await;
                server.metrics.connections.dec();
                drop(place);
            });
        }
        drop(listener);
        let acts: &TaskTracker = &server.table.acts.running;
        acts.close();
        let drained = tokio::time::timeout(server.limits.drain, async {
            while connections.join_next().await.is_some() {}
            acts.wait().await;
        });
        if drained.await.is_err() {
            info!(acts = acts.len(), "not everything ended in time");
        }
    }

    async fn connection(&self, stream: UnixStream, stop: CancellationToken) {
        let peer = match Peer::of(&stream.as_fd()) {
            Ok(peer) => peer,
            Err(error) => return debug!(%error, "the kernel did not say who is calling"),
        };
        let caller = self.accounts.identify(&peer);
        let connection = connection::Connection::new(caller, &peer);
        let (stream, watch) = manners::Mannered::new(stream);
        let connection = Arc::new(connection);
        let shared = Arc::new((self.table.clone(), connection.clone(), watch));
        let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
            let shared = shared.clone();
            let (head, body) = request.into_parts();
            Box::pin(async move {
                let (table, connection, watch) = shared.as_ref();
                watch.request_begins();
                let response = table.serve(connection, &head, body).await;
                watch.answer_begins();
                Ok::<_, std::convert::Infallible>(response)
            })
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(Patience::new(self.limits.head_timeout))
            .header_read_timeout(self.limits.head_timeout)
            .max_buf_size(self.limits.head_bytes);
        let served = http.serve_connection(TokioIo::new(stream), service);
        let (result, mut stream, read) = manners::serve(served, stop).await;
        if let Err(error) = &result {
            debug!(%error, "a connection ended early");
        }
        match connection.take_upgrade() {
            Some(upgrade) if result.is_ok() => Box::pin(upgrade.run(stream, read)).await,
            _ => drop(stream.shutdown().await),
        }
    }
}

/// Says 503 `busy` without reading the request, and closes. What the caller already sent is read away for a moment, so
/// that closing does not reset the connection before the answer is read.
async fn refuse(mut stream: UnixStream) {
    let fault = Fault::unavailable("busy", "too many connections are open; try again in a moment");
    let polite = async {
        stream.write_all(&manners::closing_answer(&fault)).await?;
        stream.shutdown().await?;
        let mut sink = [0; 4096];
        while stream.read(&mut sink).await? > 0 {}
        Ok::<(), io::Error>(())
    };
    let _ = tokio::time::timeout(Duration::from_millis(200), polite).await;
}

/// A route that can't be served.
#[derive(Debug, thiserror::Error)]
#[error("route {endpoint}: {why}")]
pub struct BadRoute {
    endpoint: &'static str,
    why: String,
}
