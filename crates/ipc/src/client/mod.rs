//! The typed client: one call is one method, over a pool of kept connections to one daemon's socket.

mod connection;
mod error;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

use self::connection::{Connection, Unanswered};
pub use self::error::CallError;
use crate::{
    assemble::disassemble,
    caller::{ROLE, Role},
    endpoint::{DEFAULT_DEADLINE, Endpoint, EndpointInfo, Method},
    fault::{Envelope, Fault},
    request_id::{REQUEST_ID, RequestId},
    websocket::WebSocket,
};

/// The largest answer that a client takes: 64 MiB.
const LARGEST_ANSWER: usize = 64 << 20;
/// Connections kept for the next call.
const KEPT: usize = 8;
/// How long a connection may take to be accepted.
const CONNECT: Duration = Duration::from_secs(5);
/// What a call gets beyond its endpoint's own deadline before the daemon counts as hanging.
const GRACE: Duration = Duration::from_secs(5);
const CLOSED: &str = "it closes its connections at once";

/// An answer as it came, whatever its status.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// A body that comes bit by bit, over a connection of its own.
#[derive(Debug)]
pub struct Chunks {
    body: Incoming,
    daemon: String,
}

impl Chunks {
    /// The next bytes; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        loop {
            match self.body.frame().await? {
                Ok(frame) => match frame.into_data() {
                    Ok(bytes) => return Some(Ok(bytes)),
                    Err(_) => continue,
                },
                Err(error) => {
                    return Some(Err(CallError::Broken {
                        daemon: self.daemon.clone(),
                        why: crate::fault::chain(&error),
                    }));
                }
            }
        }
    }
}

/// A daemon as seen from outside.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    role: Option<Role>,
    kept: Mutex<Vec<Connection>>,
}

impl Client {
    /// The daemon at this socket. Nothing is connected before the first call.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into(), role: None, kept: Mutex::default() }
    }

    /// The same, acting in a narrower role on every connection.
    #[must_use]
    pub fn narrowed_to(mut self, role: Role) -> Self {
        self.role = Some(role);
        self
    }

    /// Where the daemon listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// One typed call under a new request id.
    pub async fn call<E: Endpoint>(&self, request: &E::Request) -> Result<E::Response, CallError> {
        self.call_under::<E>(&RequestId::generate(), request).await
    }

    /// One typed call as part of the act `id`.
    pub async fn call_under<E: Endpoint>(
        &self,
        id: &RequestId,
        request: &E::Request,
    ) -> Result<E::Response, CallError> {
        let info = EndpointInfo::of::<E>();
        let (target, body) = if info.method.has_body() && info.path_fields().next().is_none() {
            (info.path.into(), serde_json::to_vec(request).map_err(Fault::internal)?)
        } else {
            disassemble(&info, serde_json::to_value(request).map_err(Fault::internal)?)?
        };
        let answer = self.exchange(info.method, target, body, id, info.deadline + GRACE).await?;
        serde_json::from_slice(&answer).map_err(|error| self.broken(error.to_string()))
    }

    /// One call by the endpoint's facts, with JSON on both sides.
    pub async fn call_json(&self, info: &EndpointInfo, id: &RequestId, request: Value) -> Result<Value, CallError> {
        let (target, body) = disassemble(info, request)?;
        let answer = self.exchange(info.method, target, body, id, info.deadline + GRACE).await?;
        serde_json::from_slice(&answer).map_err(|error| self.broken(error.to_string()))
    }

    /// What the daemon serves at a path that is no endpoint, such as `/metrics`.
    pub async fn get(&self, target: &str) -> Result<Bytes, CallError> {
        self.exchange(Method::Get, target.to_owned(), Vec::new(), &RequestId::generate(), Duration::from_secs(30)).await
    }

    /// One request with headers of the caller's own, such as `Idempotency-Key`; the answer whatever its status.
    pub async fn send_with(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
        deadline: Duration,
    ) -> Result<Reply, CallError> {
        let request = self.request(method, target.to_owned(), body, &RequestId::generate(), headers)?;
        self.reply(request, deadline).await
    }

    /// A GET whose answer comes bit by bit and is read for as long as one likes; only its beginning has a deadline.
    pub async fn stream(&self, target: &str, headers: &[(&str, &str)]) -> Result<Chunks, CallError> {
        let request = self.request(Method::Get, target.to_owned(), Vec::new(), &RequestId::generate(), headers)?;
        let deadline = Duration::from_secs(30) + GRACE;
        let begin = async {
            let response = self.send(request).await?;
            let status = response.status();
            if status.is_success() {
                return Ok(Chunks { body: response.into_body(), daemon: self.daemon() });
            }
            let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
            Err(self.fault(status, &body.map_err(|error| self.broken(error.to_string()))?.to_bytes()))
        };
        let begun = tokio::time::timeout(deadline, begin).await;
        begun.unwrap_or_else(|_| Err(CallError::Hangs { daemon: self.daemon(), after: deadline }))
    }

    /// Opens a WebSocket; a fault where the daemon refuses.
    pub async fn websocket(&self, target: &str) -> Result<WebSocket, CallError> {
        let key = generate_key();
        let headers = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", key.as_str()),
        ];
        let request = self.request(Method::Get, target.to_owned(), Vec::new(), &RequestId::generate(), &headers)?;
        let deadline = Duration::from_secs(30) + GRACE;
        let open = async {
            let broken = |error: hyper::Error| self.broken(crate::fault::chain(&error));
            let handshake = hyper::client::conn::http1::handshake(TokioIo::new(self.dial().await?)).await;
            let (mut connection, driver) = handshake.map_err(broken)?;
            tokio::spawn(driver.with_upgrades());
            let response = connection.send_request(request).await.map_err(broken)?;
            let status = response.status();
            if status != StatusCode::SWITCHING_PROTOCOLS {
                let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
                return Err(self.fault(status, &body.map_err(|error| self.broken(error.to_string()))?.to_bytes()));
            }
            let accepted = response.headers().get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
            if accepted != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
                return Err(self.broken("the WebSocket's key was not accepted"));
            }
            let upgraded = hyper::upgrade::on(response).await.map_err(broken)?;
            let parts = upgraded.downcast::<TokioIo<UnixStream>>();
            let parts = parts.map_err(|_| self.broken("the WebSocket's connection is another one"))?;
            Ok(WebSocket::client(parts.io.into_inner(), parts.read_buf).await)
        };
        let opened = tokio::time::timeout(deadline, open).await;
        opened.unwrap_or_else(|_| Err(CallError::Hangs { daemon: self.daemon(), after: deadline }))
    }

    fn request(
        &self,
        method: Method,
        target: String,
        body: Vec<u8>,
        id: &RequestId,
        more: &[(&str, &str)],
    ) -> Result<Request<Full<Bytes>>, CallError> {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = method.into();
        *request.uri_mut() = Uri::try_from(target).map_err(|error| self.broken(error.to_string()))?;
        let headers = request.headers_mut();
        headers.insert(header::HOST, HeaderValue::from_static("localhost"));
        headers.insert(REQUEST_ID.clone(), id.into());
        for (name, value) in more {
            let name = HeaderName::try_from(*name).map_err(|error| self.broken(error.to_string()))?;
            let value = HeaderValue::try_from(*value).map_err(|error| self.broken(error.to_string()))?;
            headers.append(name, value);
        }
        if let Some(role) = self.role {
            headers.append(ROLE.clone(), HeaderValue::from_static(role.as_str()));
        }
        if method.has_body() {
            headers.append(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Ok(request)
    }

    async fn reply(&self, request: Request<Full<Bytes>>, deadline: Duration) -> Result<Reply, CallError> {
        let mut unsent = request;
        loop {
            let (mut connection, is_kept) = self.open().await?;
            let reply = connection.limit(deadline, async |sender| {
                let (parts, body) = sender.send(unsent).await?.into_parts();
                let body = Limited::new(body, LARGEST_ANSWER).collect().await;
                Ok((parts, body.map(Collected::to_bytes)))
            });
            match reply.await {
                Some(Ok((parts, Ok(body)))) => {
                    self.keep(connection);
                    return Ok(Reply { status: parts.status, headers: parts.headers, body });
                }
                Some(Ok((_, Err(error)))) => return Err(self.broken(error.to_string())),
                Some(Err(Unanswered::Unsent(request))) if is_kept => unsent = *request,
                Some(Err(Unanswered::Unsent(_))) => return Err(self.broken(CLOSED)),
                Some(Err(Unanswered::Broken(error))) => return Err(self.broken(crate::fault::chain(&error))),
                None => return Err(CallError::Hangs { daemon: self.daemon(), after: deadline }),
            }
        }
    }

    async fn exchange(
        &self,
        method: Method,
        target: String,
        body: Vec<u8>,
        id: &RequestId,
        deadline: Duration,
    ) -> Result<Bytes, CallError> {
        let request = self.request(method, target, body, id, &[])?;
        match self.reply(request, deadline).await? {
            Reply { status, body, .. } if status.is_success() => Ok(body),
            Reply { status, body, .. } => Err(self.fault(status, &body)),
        }
    }

    /// Sends over a connection that nobody else uses from here on.
    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, CallError> {
        let mut unsent = request;
        loop {
            let (connection, is_kept) = self.open().await?;
            match connection.detach().send(unsent).await {
                Ok(response) => return Ok(response),
                Err(Unanswered::Unsent(request)) if is_kept => unsent = *request,
                Err(Unanswered::Unsent(_)) => return Err(self.broken(CLOSED)),
                Err(Unanswered::Broken(error)) => return Err(self.broken(crate::fault::chain(&error))),
            }
        }
    }

    /// A kept connection, which may have been closed meanwhile, or a new one where none is left; and which it is.
    async fn open(&self) -> Result<(Connection, bool), CallError> {
        match self.take_kept() {
            Some(kept) => Ok((kept, true)),
            // Rarely needed, and its future is large.
            None => Ok((Box::pin(self.connect()).await?, false)),
        }
    }

    async fn dial(&self) -> Result<UnixStream, CallError> {
        match tokio::time::timeout(CONNECT, UnixStream::connect(&self.socket)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(source)) => {
                Err(CallError::Unreachable { daemon: self.daemon(), socket: self.socket.clone(), source })
            }
            Err(_) => Err(CallError::Hangs { daemon: self.daemon(), after: CONNECT }),
        }
    }

    async fn connect(&self) -> Result<Connection, CallError> {
        let connection = Connection::over(self.dial().await?, DEFAULT_DEADLINE + GRACE).await;
        connection.map_err(|error| self.broken(error.to_string()))
    }

    fn take_kept(&self) -> Option<Connection> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, connection: Connection) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT && !connection.is_closed() {
            kept.push(connection);
        }
    }

    fn fault(&self, status: StatusCode, body: &[u8]) -> CallError {
        match serde_json::from_slice::<Envelope>(body) {
            Ok(envelope) => Fault::from_envelope(status, envelope).into(),
            Err(_) => self.broken(format!("status {status} without the envelope")),
        }
    }

    fn broken(&self, why: impl Into<String>) -> CallError {
        CallError::Broken { daemon: self.daemon(), why: why.into() }
    }

    fn daemon(&self) -> String {
        self.socket.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
    }
}
