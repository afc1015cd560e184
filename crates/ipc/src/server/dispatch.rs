//! From a request to its answer: id, caller, route, body, handler, envelope.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Response, StatusCode, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use prometheus_client::metrics::histogram::Histogram;
use serde_json::json;
use tracing::{debug, error, info, warn};

use super::{
    BadRoute, Limits,
    acts::{Acts, Wishes},
    answer::{Answer, AnswerBody},
    connection::Connection,
    upgrade::{self, Upgrade},
};
use crate::{
    call::Call,
    caller::{Caller, Role},
    endpoint::{Access, DEFAULT_DEADLINE, EndpointInfo, Method},
    fault::Fault,
    health::{self, Health},
    metrics::Metrics,
    openapi,
    raw::RawRequest,
    record::NewEvent,
    request_id::{REQUEST_ID, RequestId},
    routes::{Inputs, RawRoute, Route, Routes, WebSocketRoute, caught},
};

/// The routing table as it is served.
pub(super) struct Table {
    router: matchit::Router<Methods>,
    metrics: Arc<Metrics>,
    limits: Limits,
    openapi: Bytes,
    pub(super) acts: Acts,
    strangers: Mutex<HashMap<u32, Instant>>,
}

/// So much of a refused request's body is waited for, in bytes, and so long.
const LEFT_OVER: u64 = 1 << 20;
const LINGER: Duration = Duration::from_secs(1);

type Methods = HashMap<&'static str, (Target, Histogram)>;

/// What stands behind a path and a method.
enum Target {
    Endpoint(Route),
    Raw(RawRoute),
    WebSocket(WebSocketRoute),
}

impl Target {
    fn name(&self) -> &'static str {
        match self {
            Self::Endpoint(route) => route.info.name,
            Self::Raw(route) => route.info.name,
            Self::WebSocket(route) => route.info.name,
        }
    }

    fn access(&self) -> Access {
        match self {
            Self::Endpoint(route) => route.info.access,
            Self::Raw(route) => route.info.access,
            Self::WebSocket(route) => route.info.access,
        }
    }
}

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
        let raw: Vec<_> = routes.raw.iter().map(|route| route.info).collect();
        let websockets: Vec<_> = routes.websockets.iter().map(|route| route.info).collect();
        let page = openapi::page(daemon, &routes.endpoints(), &raw, &websockets);
        let mut paths: HashMap<&'static str, Methods> = HashMap::new();
        let endpoints = routes.routes.into_iter();
        let endpoints = endpoints.map(|route| (route.info.path, route.info.method, Target::Endpoint(route)));
        let raw = routes.raw.into_iter().map(|route| (route.info.path, Method::Get, Target::Raw(route)));
        let websockets =
            routes.websockets.into_iter().map(|route| (route.info.path, Method::Get, Target::WebSocket(route)));
        for (path, method, target) in endpoints.chain(raw).chain(websockets) {
            let (endpoint, method) = (target.name(), method.as_str());
            let timing = metrics.endpoint(endpoint);
            if paths.entry(path).or_default().insert(method, (target, timing)).is_some() {
                return Err(BadRoute { endpoint, why: format!("{method} {path} is served twice") });
            }
        }
        let mut router = matchit::Router::new();
        for (path, methods) in paths {
            let endpoint = methods.values().next().map_or("", |(target, _)| target.name());
            router.insert(path, methods).map_err(|error| BadRoute { endpoint, why: error.to_string() })?;
        }
        Ok(Self {
            router,
            metrics,
            limits,
            openapi: serde_json::to_vec(&page).unwrap_or_default().into(),
            acts: Acts::new(routes.keeper),
            strangers: Mutex::default(),
        })
    }

    /// Answers one request, always.
    ///
    /// Its future is made for every request: what is large in it and rarely needed lies in boxes of its own.
    pub(super) async fn serve(
        &self,
        connection: &Connection,
        head: &Parts,
        mut body: Incoming,
    ) -> Response<AnswerBody> {
        let started = Instant::now();
        let given = head.headers.get(&REQUEST_ID).and_then(|value| RequestId::from_bytes(value.as_bytes()).ok());
        let id = given.unwrap_or_else(RequestId::generate);
        let answer = match self.answer(connection, head, &mut body, &id, started).await {
            Ok(answer) => answer,
            Err((endpoint, fault)) => {
                if !body.is_end_stream() {
                    Box::pin(let_finish(body)).await;
                }
                self.refusal(endpoint, &fault.with_request_id(&id), &id)
            }
        };
        answer.respond(&id)
    }

    fn refusal(&self, endpoint: &'static str, fault: &Fault, id: &RequestId) -> Answer {
        let (code, private) = (fault.code(), fault.private());
        if fault.status().is_server_error() {
            error!(endpoint, request_id = %id, code, private, "{}", fault.message());
        } else {
            info!(endpoint, request_id = %id, code, private, "{}", fault.message());
        }
        self.metrics.count_fault(endpoint, code);
        let body = serde_json::to_vec(&fault.envelope()).unwrap_or_default();
        Answer::whole(fault.status(), "application/json", body.into())
    }

    async fn answer(
        &self,
        connection: &Connection,
        head: &Parts,
        body: &mut Incoming,
        id: &RequestId,
        started: Instant,
    ) -> Result<Answer, (&'static str, Fault)> {
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
                    let text = self.metrics.text().into();
                    let form = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                    return Ok(Answer::whole(StatusCode::OK, form, text));
                }
                "/openapi.json" => return Ok(Answer::json(self.openapi.clone())),
                _ => {}
            }
        }
        let found = self.router.at(path).map_err(|_| ("unrouted", unknown_path(path)))?;
        let Some((target, timing)) = found.value.get(head.method.as_str()) else {
            return Err(("unrouted", wrong_method(found.value)));
        };
        let name = target.name();
        let path_fields = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let result = async {
            permit(name, target.access(), &caller)?;
            match target {
                Target::Endpoint(route) => {
                    let wishes = Wishes::of(&route.info, &head.headers)?;
                    let body = self.read(body, &route.info).await?;
                    let inputs = Inputs { path: path_fields, query: head.uri.query().map(str::to_owned), body };
                    let address = head.uri.path_and_query().map_or(path, |address| address.as_str());
                    self.acts.run(route, caller, id, inputs, wishes, address).await
                }
                Target::Raw(route) => Box::pin(raw(route, caller, id, raw_request(head, path_fields))).await,
                Target::WebSocket(route) => {
                    let accept = upgrade::accept(head)?;
                    let call = Call::new(caller, id.clone());
                    let asked = raw_request(head, path_fields);
                    let prepare = Upgrade::prepare(self.acts.keeper.clone(), route, call, asked);
                    let prepared = self.acts.running.spawn(prepare).await.map_err(Fault::internal)?;
                    connection.becomes(prepared?);
                    Ok(Answer::websocket(&accept))
                }
            }
        };
        let result = result.await;
        timing.observe(started.elapsed().as_secs_f64());
        match result {
            Ok(answer) => {
                debug!(endpoint = name, request_id = %id, "answered");
                Ok(answer)
            }
            Err(fault) => Err((name, fault)),
        }
    }

    async fn read(&self, body: &mut Incoming, info: &EndpointInfo) -> Result<Bytes, Fault> {
        let too_large = || {
            Fault::too_large(
                "body_too_large",
                format!("{} takes a body of at most {} bytes", info.name, info.body_limit),
            )
        };
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        if body.size_hint().lower() > info.body_limit as u64 {
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
            "request_id": id, "daemon": self.acts.keeper.daemon, "uid": stranger.uid, "pid": stranger.pid,
            "method": head.method.as_str(), "path": head.uri.path().chars().take(256).collect::<String>(),
        });
        let event = NewEvent { kind: "access.refused".into(), actor: format!("stranger:{}", stranger.name), payload };
        let Some(recorder) = &self.acts.keeper.recorder else { return };
        if let Err(fault) = recorder.append(event).await {
            warn!(%fault, "a refused stranger could not be recorded");
        }
    }
}

impl Health {
    /// Where every daemon answers that it is up.
    pub(crate) const PATH_OF_EVERY_DAEMON: &'static str = "/health";
}

fn raw_request(head: &Parts, path: Vec<(String, String)>) -> RawRequest {
    let query = head.uri.query().unwrap_or_default().as_bytes();
    RawRequest { path, query: form_urlencoded::parse(query).into_owned().collect(), headers: head.headers.clone() }
}

/// What does not answer with JSON. Only the answer's beginning has a deadline: a stream goes on for as long as its
/// caller reads.
async fn raw(route: &RawRoute, caller: Caller, id: &RequestId, request: RawRequest) -> Result<Answer, Fault> {
    let call = Call::new(caller, id.clone());
    let work = caught((route.handler)(call, request));
    match tokio::time::timeout(DEFAULT_DEADLINE, work).await {
        Ok(result) => result.map(Answer::from),
        Err(_) => {
            Err(Fault::timeout("deadline_exceeded", format!("{} did not begin to answer in time", route.info.name)))
        }
    }
}

/// Reads the rest of a request that is refused, so that whoever sends head and body one after the other can send the body and
/// then read why, where a connection that is closed at once would break under its hands.
async fn let_finish(mut body: Incoming) {
    if body.size_hint().lower() > LEFT_OVER {
        return;
    }
    let mut left = LEFT_OVER;
    let rest = async {
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            left = left.saturating_sub(length);
            if left == 0 {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, rest).await;
}

fn permit(name: &str, access: Access, caller: &Caller) -> Result<(), Fault> {
    let allowed = match access {
        Access::Any => true,
        Access::Daemon => matches!(caller.role, Role::Operator | Role::Daemon),
        Access::Operator => caller.role == Role::Operator,
    };
    if allowed {
        return Ok(());
    }
    let who = if access == Access::Operator { "operators" } else { "osmoda's own daemons" };
    Err(Fault::forbidden("forbidden", format!("{name} is for {who}, and you act as {}", caller.role.as_str())))
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
