//! From a request to its answer: id, caller, route, body, handler, envelope.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use prometheus_client::metrics::histogram::Histogram;
use serde_json::json;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, error, info, warn};

use super::{BadRoute, Limits, connection::Connection};
use crate::{
    call::Call,
    caller::{Caller, Role},
    endpoint::{Access, EndpointInfo, Method, Record},
    fault::Fault,
    health::{self, Health},
    metrics::Metrics,
    openapi,
    record::{Leave, NewEvent},
    request_id::{REQUEST_ID, RequestId},
    routes::{Inputs, Keeper, Route, Routes, caught},
};

/// The routing table as it is served.
pub(super) struct Table {
    router: matchit::Router<Methods>,
    keeper: Arc<Keeper>,
    metrics: Arc<Metrics>,
    limits: Limits,
    openapi: Bytes,
    /// Acts run apart from their connections: a caller that hangs up does not cancel a half-done write.
    pub(super) acts: TaskTracker,
    strangers: Mutex<HashMap<u32, Instant>>,
}

type Methods = HashMap<&'static str, (Route, Histogram)>;

impl Table {
    pub(super) fn build<S: Send + Sync + 'static>(
        routes: Routes<S>,
        metrics: Arc<Metrics>,
        limits: Limits,
    ) -> Result<Self, BadRoute> {
        let daemon = routes.keeper.daemon;
        let has_health = routes
            .endpoints()
            .iter()
            .any(|info| info.method == Method::Get && info.path == Health::PATH_OF_EVERY_DAEMON);
        let routes = if has_health { routes } else { routes.on::<Health>(health::handler(daemon)) };
        let page = openapi::page(daemon, &routes.endpoints());
        let mut paths: HashMap<&'static str, Methods> = HashMap::new();
        for route in routes.routes {
            let info = route.info;
            let timing = metrics.endpoint(info.name);
            let methods = paths.entry(info.path).or_default();
            if methods.insert(info.method.as_str(), (route, timing)).is_some() {
                return Err(BadRoute {
                    endpoint: info.name,
                    why: format!("{} {} is served twice", info.method.as_str(), info.path),
                });
            }
        }
        let mut router = matchit::Router::new();
        for (path, methods) in paths {
            let endpoint = methods.values().next().map_or("", |(route, _)| route.info.name);
            router.insert(path, methods).map_err(|error| BadRoute { endpoint, why: error.to_string() })?;
        }
        Ok(Self {
            router,
            keeper: Arc::new(routes.keeper),
            metrics,
            limits,
            openapi: serde_json::to_vec(&page).unwrap_or_default().into(),
            acts: TaskTracker::new(),
            strangers: Mutex::default(),
        })
    }

    /// Answers one request, always.
    ///
    /// Its future is made for every request: what is large in it and rarely needed lies in boxes of its own.
    pub(super) async fn serve(&self, connection: &Connection, head: &Parts, body: Incoming) -> Response<Full<Bytes>> {
        let started = Instant::now();
        let given = head.headers.get(&REQUEST_ID).and_then(|value| RequestId::from_bytes(value.as_bytes()).ok());
        let id = given.unwrap_or_else(RequestId::generate);
        match self.answer(connection, head, body, &id, started).await {
            Ok((content_type, body)) => respond(StatusCode::OK, content_type, &id, body),
            Err((endpoint, fault)) => self.respond_fault(endpoint, &fault.with_request_id(&id), &id),
        }
    }

    fn respond_fault(&self, endpoint: &'static str, fault: &Fault, id: &RequestId) -> Response<Full<Bytes>> {
        let (code, private) = (fault.code(), fault.private());
        if fault.status().is_server_error() {
            error!(endpoint, request_id = %id, code, private, "{}", fault.message());
        } else {
            info!(endpoint, request_id = %id, code, private, "{}", fault.message());
        }
        self.metrics.count_fault(endpoint, code);
        let body = serde_json::to_vec(&fault.envelope()).unwrap_or_default();
        respond(fault.status(), "application/json", id, body.into())
    }

    async fn answer(
        &self,
        connection: &Connection,
        head: &Parts,
        body: Incoming,
        id: &RequestId,
        started: Instant,
    ) -> Result<(&'static str, Bytes), (&'static str, Fault)> {
        let caller = match connection.caller(&head.headers) {
            Ok(caller) => caller,
            Err(fault) => {
                if let Some(stranger) = connection.stranger() {
                    Box::pin(self.record_stranger(&stranger, id, head)).await;
                }
                return Err(("refused", fault));
            }
        };
        let path = head.uri.path();
        if head.method == http::Method::GET {
            match path {
                "/metrics" => {
                    return Ok((
                        "application/openmetrics-text; version=1.0.0; charset=utf-8",
                        self.metrics.text().into(),
                    ));
                }
                "/openapi.json" => return Ok(("application/json", self.openapi.clone())),
                _ => {}
            }
        }
        let found = self.router.at(path).map_err(|_| ("unrouted", unknown_path(path)))?;
        let Some((route, timing)) = found.value.get(head.method.as_str()) else {
            return Err(("unrouted", wrong_method(found.value)));
        };
        let name = route.info.name;
        let result = async {
            permit(&route.info, &caller)?;
            let body = self.read(body, &route.info).await?;
            let path = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let inputs = Inputs { path, query: head.uri.query().map(str::to_owned), body };
            let hung_up = CancellationToken::new();
            // Dropped with this future, which hyper drops when the caller hangs up.
            let presence = hung_up.clone().drop_guard();
            let call = Call { caller, request_id: id.clone(), hung_up, leave: Leave::default() };
            let result = self.run(&route.info, id, (route.handler)(self.keeper.clone(), call, inputs)).await;
            presence.disarm();
            result
        };
        let result = result.await;
        timing.observe(started.elapsed().as_secs_f64());
        match result {
            Ok(body) => {
                debug!(endpoint = name, request_id = %id, "answered");
                Ok(("application/json", body))
            }
            Err(fault) => Err((name, fault)),
        }
    }

    async fn read(&self, body: Incoming, info: &EndpointInfo) -> Result<Bytes, Fault> {
        let too_large = || {
            Fault::too_large(
                "body_too_large",
                format!("{} takes a body of at most {} bytes", info.name, info.body_limit),
            )
        };
        if hyper::body::Body::is_end_stream(&body) {
            return Ok(Bytes::new());
        }
        if hyper::body::Body::size_hint(&body).lower() > info.body_limit as u64 {
            return Err(too_large());
        }
        let body = Box::pin(Limited::new(body, info.body_limit).collect());
        match tokio::time::timeout(self.limits.body_timeout, body).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => Err(Fault::bad_request("incomplete_body", "the request's body ended early")),
            Err(_) => Err(Fault::new(
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                "the request's body did not arrive in time",
            )),
        }
    }

    async fn run(
        &self,
        info: &EndpointInfo,
        id: &RequestId,
        work: BoxFuture<'static, Result<Bytes, Fault>>,
    ) -> Result<Bytes, Fault> {
        let work = caught(work);
        let late = || {
            Fault::timeout(
                "deadline_exceeded",
                format!(
                    "{} did not end within {} s; look at its outcome with agentctl trace {id}",
                    info.name,
                    info.deadline.as_secs()
                ),
            )
        };
        if info.record == Record::Nothing {
            tokio::time::timeout(info.deadline, work).await.unwrap_or_else(|_| Err(late()))
        } else {
            match tokio::time::timeout(info.deadline, self.acts.spawn(work)).await {
                Ok(Ok(result)) => result,
                Ok(Err(lost)) => Err(Fault::internal(lost)),
                Err(_) => Err(late()),
            }
        }
    }

    /// A stranger at the socket is an event, at most one a minute for each account.
    async fn record_stranger(&self, stranger: &Caller, id: &RequestId, head: &Parts) {
        {
            let mut seen = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
            seen.retain(|_, at| at.elapsed() < Duration::from_secs(60));
            if seen.len() >= 1024 || seen.contains_key(&stranger.uid) {
                return;
            }
            seen.insert(stranger.uid, Instant::now());
        }
        let payload = json!({
            "request_id": id, "daemon": self.keeper.daemon, "uid": stranger.uid, "pid": stranger.pid,
            "method": head.method.as_str(), "path": head.uri.path().chars().take(256).collect::<String>(),
        });
        let event = NewEvent { kind: "access.refused".into(), actor: format!("stranger:{}", stranger.name), payload };
        let Some(recorder) = &self.keeper.recorder else { return };
        if let Err(fault) = recorder.append(event).await {
            warn!(%fault, "a refused stranger could not be recorded");
        }
    }
}

impl Health {
    /// Where every daemon answers that it is up.
    pub(crate) const PATH_OF_EVERY_DAEMON: &'static str = "/health";
}

fn permit(info: &EndpointInfo, caller: &Caller) -> Result<(), Fault> {
    let allowed = match info.access {
        Access::Any => true,
        Access::Daemon => matches!(caller.role, Role::Operator | Role::Daemon),
        Access::Operator => caller.role == Role::Operator,
    };
    if allowed {
        return Ok(());
    }
    let who = if info.access == Access::Operator { "operators" } else { "osmoda's own daemons" };
    Err(Fault::forbidden("forbidden", format!("{} is for {who}, and you act as {}", info.name, caller.role.as_str())))
}

fn unknown_path(path: &str) -> Fault {
    let shown: String = path.chars().take(128).collect();
    Fault::not_found("unknown_path", format!("nothing is served at {shown}; GET /openapi.json lists what is"))
}

fn wrong_method(methods: &Methods) -> Fault {
    let mut allowed: Vec<&str> = methods.keys().copied().collect();
    allowed.sort_unstable();
    Fault::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", format!("use {}", allowed.join(" or ")))
        .with_detail(json!({ "allow": allowed }))
}

fn respond(status: StatusCode, content_type: &'static str, id: &RequestId, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(REQUEST_ID.clone(), id.into());
    response
}
