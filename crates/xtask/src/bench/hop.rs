//! A call of `/health` over the Unix socket against a bare hyper server's hello, both asked by the same bare client; and what
//! the typed client, which reads the answer's JSON too, adds to it.

use std::{convert::Infallible, future::ready, path::Path, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{client::conn::http1::SendRequest, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use osmoda_ipc::{Accounts, Client, Health, Limits, Metrics, Nothing, Routes, Server};
use tokio::{
    net::{UnixListener, UnixStream},
    runtime::Runtime,
};
use tokio_util::sync::CancellationToken;

use super::{
    row::{Goal, Row},
    sample::{OneCore, Rounds, alternate, each, own_cpu},
};
use crate::Failure;

const ROUNDS: usize = 60;
const CALLS: usize = 400;

pub(super) fn run() -> Result<Vec<Row>, Failure> {
    let _one_core = OneCore::hold()?;
    let folder = tempfile::tempdir().map_err(Failure::bench)?;
    let ours = folder.path().join("ours.sock");
    // As a daemon has it, and as agentctl has it.
    let servers = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::bench)?;
    let callers = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::bench)?;
    let stop = CancellationToken::new();
    serve_ours(&servers, &ours, stop.clone())?;
    let client = Client::new(&ours);
    let health = callers.block_on(client.call::<Health>(&Nothing {})).map_err(Failure::bench)?;
    let mut hello = Hello::new(serde_json::to_vec(&health).map_err(Failure::bench)?.len())?;
    let mut to_ours = Caller::of(&ours)?;

    let [same, typed, bare]: [Rounds; 3] = alternate(ROUNDS, |contender| {
        each(CALLS, own_cpu, || match contender {
            0 => to_ours.call(),
            1 => callers.block_on(client.call::<Health>(&Nothing {})).map(drop).map_err(Failure::bench),
            _ => hello.call(),
        })
    })?;
    stop.cancel();
    let row = |name, called, ours: &Rounds, goal| Row {
        name,
        ours: (called, ours.figures()),
        peer: ("bare hyper hello", bare.figures()),
        unit: "us a call",
        ratio: ours.ratio_to(&bare),
        goal,
    };
    Ok(vec![
        row("hop", "GET /health, bare client", &same, Goal::AtMost(1.3)),
        row("hop-typed", "GET /health, typed client", &typed, Goal::AtMost(1.5)),
    ])
}

/// Listens in this runtime.
pub(super) fn listen(runtime: &Runtime, path: &Path) -> Result<UnixListener, Failure> {
    let _inside = runtime.enter();
    UnixListener::bind(path).map_err(Failure::bench)
}

fn serve_ours(runtime: &Runtime, path: &Path, stop: CancellationToken) -> Result<(), Failure> {
    let accounts = Arc::new(Accounts::new(path.with_extension("pid")));
    let routes = Routes::new("bench", Arc::new(()));
    let server = Server::new(routes, accounts, Metrics::build("bench", |_| {}), Limits::default());
    runtime.spawn(server.map_err(Failure::bench)?.serve(listen(runtime, path)?, stop));
    Ok(())
}

/// A bare hyper server that says hello, and a bare hyper client of it.
pub(super) struct Hello {
    /// Keeps the server; its runtime is as a daemon's.
    _servers: Runtime,
    caller: Caller,
}

impl Hello {
    /// A hello of so many bytes.
    pub(super) fn new(bytes: usize) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(Failure::bench)?;
        let path = folder.path().join("hello.sock");
        let servers = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::bench)?;
        let listener = listen(&servers, &path)?;
        let body = Bytes::from(vec![b'x'; bytes]);
        servers.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let body = body.clone();
                let hello = service_fn(move |_| ready(Ok::<_, Infallible>(Response::new(Full::new(body.clone())))));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), hello));
            }
        });
        Ok(Self { _servers: servers, caller: Caller::of(&path)? })
    }

    /// One request, and its answer to the last byte.
    pub(super) fn call(&mut self) -> Result<(), Failure> {
        self.caller.call()
    }
}

/// A bare hyper client.
struct Caller {
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
}

impl Caller {
    fn of(path: &Path) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::bench)?;
        let sender = runtime.block_on(async {
            let stream = UnixStream::connect(path).await.map_err(Failure::bench)?;
            let (sender, driver) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(Failure::bench)?;
            tokio::spawn(driver);
            Ok(sender)
        })?;
        Ok(Self { runtime, sender })
    }

    fn call(&mut self) -> Result<(), Failure> {
        let Self { runtime, sender } = self;
        runtime.block_on(async {
            let request = Request::get("/health").header(http::header::HOST, "localhost").body(Full::default());
            sender.ready().await.map_err(Failure::bench)?;
            let response = sender.send_request(request.map_err(Failure::bench)?).await.map_err(Failure::bench)?;
            response.into_body().collect().await.map(drop).map_err(Failure::bench)
        })
    }
}
