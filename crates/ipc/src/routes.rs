//! The column of `.on::<MemoryRecall>(memory::recall)` lines, and what stands around every handler.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, join},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    assemble::{Fields, invalid_json},
    call::Call,
    desk::Desk,
    endpoint::{Endpoint, EndpointInfo, Record},
    fault::Fault,
    raw::{RawAnswer, RawInfo, RawRequest},
    record::{Act, Answered, Gate, Leave, NewEvent, Outcome, Recorder, Redo, intent},
    websocket::{Session, WebSocketInfo},
};

/// What a request brought, before it is typed.
pub(crate) struct Inputs {
    pub(crate) path: Vec<(String, String)>,
    pub(crate) query: Option<String>,
    pub(crate) body: Bytes,
}

type Handler = Arc<dyn Fn(Arc<Keeper>, Call, Inputs) -> BoxFuture<'static, Result<Bytes, Fault>> + Send + Sync>;

/// One row of the routing table.
pub(crate) struct Route {
    pub(crate) info: EndpointInfo,
    pub(crate) handler: Handler,
}

type RawHandler = Arc<dyn Fn(Call, RawRequest) -> BoxFuture<'static, Result<RawAnswer, Fault>> + Send + Sync>;

/// One row of the table of what does not answer with JSON.
pub(crate) struct RawRoute {
    pub(crate) info: RawInfo,
    pub(crate) handler: RawHandler,
}

type WebSocketHandler = Arc<dyn Fn(Call, RawRequest) -> BoxFuture<'static, Result<Session, Fault>> + Send + Sync>;

/// One row of the table of WebSockets.
pub(crate) struct WebSocketRoute {
    pub(crate) info: WebSocketInfo,
    pub(crate) handler: WebSocketHandler,
}

/// Who records acts, who gives leave for them and who keeps their receipts.
pub(crate) struct Keeper {
    pub(crate) daemon: &'static str,
    pub(crate) recorder: Option<Arc<dyn Recorder>>,
    pub(crate) gate: Option<Arc<dyn Gate>>,
    pub(crate) desk: Option<Arc<dyn Desk>>,
}

impl Keeper {
    pub(crate) async fn append(&self, event: NewEvent) -> Result<i64, Fault> {
        self.append_with(event, None).await
    }

    async fn append_with(&self, event: NewEvent, redo: Option<Redo>) -> Result<i64, Fault> {
        match (&self.recorder, redo) {
            (Some(recorder), None) => recorder.append(event).await,
            (Some(recorder), Some(redo)) => recorder.append_with(event, redo).await,
            (None, _) => {
                Err(Fault::unavailable("ledger_unavailable", "this daemon has no ledger to write to; nothing was done"))
            }
        }
    }

    async fn pass(&self, call: &Call, endpoint: &EndpointInfo, request: &Value) -> Result<Leave, Fault> {
        match &self.gate {
            Some(gate) => gate.pass(call, Act { endpoint, request }).await,
            None => Ok(Leave::default()),
        }
    }
}

/// The routing table of a daemon whose handlers share the state `S`.
pub struct Routes<S> {
    state: Arc<S>,
    pub(crate) routes: Vec<Route>,
    pub(crate) raw: Vec<RawRoute>,
    pub(crate) websockets: Vec<WebSocketRoute>,
    pub(crate) keeper: Keeper,
}

impl<S: Send + Sync + 'static> Routes<S> {
    /// An empty table of the daemon with this name.
    ///
    /// Without [`Routes::recorded_by`] every act that must be recorded is refused with `ledger_unavailable`.
    pub fn new(daemon: &'static str, state: Arc<S>) -> Self {
        let keeper = Keeper { daemon, recorder: None, gate: None, desk: None };
        Self { state, routes: Vec::new(), raw: Vec::new(), websockets: Vec::new(), keeper }
    }

    /// Who records acts.
    #[must_use]
    pub fn recorded_by(mut self, recorder: Arc<dyn Recorder>) -> Self {
        self.keeper.recorder = Some(recorder);
        self
    }

    /// Who gives leave for destructive acts.
    #[must_use]
    pub fn gated_by(mut self, gate: Arc<dyn Gate>) -> Self {
        self.keeper.gate = Some(gate);
        self
    }

    /// Who keeps receipts. Without one, an `Idempotency-Key` is refused rather than not kept.
    #[must_use]
    pub fn received_by(mut self, desk: Arc<dyn Desk>) -> Self {
        self.keeper.desk = Some(desk);
        self
    }

    /// Adds a route that answers with something other than JSON.
    #[must_use]
    pub fn raw<F, Fut>(mut self, info: RawInfo, handler: F) -> Self
    where
        F: Fn(Arc<S>, Call, RawRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<RawAnswer, Fault>> + Send + 'static,
    {
        let state = self.state.clone();
        let handler: RawHandler = Arc::new(move |call, request| Box::pin(handler(state.clone(), call, request)));
        self.raw.push(RawRoute { info, handler });
        self
    }

    /// Adds a route whose connections become WebSockets. The handler decides before; the session it agrees to is served
    /// after, and recorded.
    #[must_use]
    pub fn websocket<F, Fut>(mut self, info: WebSocketInfo, handler: F) -> Self
    where
        F: Fn(Arc<S>, Call, RawRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Session, Fault>> + Send + 'static,
    {
        let state = self.state.clone();
        let handler: WebSocketHandler = Arc::new(move |call, request| Box::pin(handler(state.clone(), call, request)));
        self.websockets.push(WebSocketRoute { info, handler });
        self
    }

    /// Adds an endpoint.
    #[must_use]
    pub fn on<E: Endpoint>(mut self, handler: impl AsyncHandler<S, E>) -> Self {
        let info = EndpointInfo::of::<E>();
        let fields = Arc::new(Fields::of(&(info.request_schema)()));
        let state = self.state.clone();
        let handler = Arc::new(handler);
        self.routes.push(Route {
            info,
            handler: Arc::new(move |keeper, call, inputs| {
                let (state, handler, fields) = (state.clone(), handler.clone(), fields.clone());
                Box::pin(async move {
                    let request = typed::<E::Request>(&info, &fields, &inputs)?;
                    let response = match E::RECORD {
                        // Its panics are caught where the route is called.
                        Record::Nothing => {
                            call.track.begins();
                            let Answered { response, meanwhile, .. } = handler.handle(state, call, request).await?;
                            finished(meanwhile).await?;
                            response
                        }
                        Record::Outcome | Record::IntentAndOutcome => {
                            recorded::<S, E>(&keeper, &info, handler.as_ref(), state, call, request).await?
                        }
                    };
                    serde_json::to_vec(&response).map(Bytes::from).map_err(Fault::internal)
                })
            }),
        });
        self
    }

    /// The facts of every route.
    pub fn endpoints(&self) -> Vec<EndpointInfo> {
        self.routes.iter().map(|route| route.info).collect()
    }
}

/// An async function of a daemon's state, the call and the request.
pub trait AsyncHandler<S, E: Endpoint>: Send + Sync + 'static {
    /// Serves one call.
    fn handle(
        &self,
        state: Arc<S>,
        call: Call,
        request: E::Request,
    ) -> impl Future<Output = Result<Answered<E::Response>, Fault>> + Send;
}

impl<S, E, F, Fut, A> AsyncHandler<S, E> for F
where
    S: Send + Sync,
    E: Endpoint,
    F: Fn(Arc<S>, Call, E::Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<A, Fault>> + Send,
    A: Into<Answered<E::Response>>,
{
    async fn handle(&self, state: Arc<S>, call: Call, request: E::Request) -> Result<Answered<E::Response>, Fault> {
        self(state, call, request).await.map(Into::into)
    }
}

fn typed<T: DeserializeOwned>(info: &EndpointInfo, fields: &Fields, inputs: &Inputs) -> Result<T, Fault> {
    let only_body =
        info.method.has_body() && inputs.path.is_empty() && inputs.query.as_deref().unwrap_or_default().is_empty();
    // serde would read a struct from a list as well, field by field; the contract says object.
    if only_body && inputs.body.trim_ascii_start().first() == Some(&b'{') {
        return serde_json::from_slice(&inputs.body).map_err(|error| invalid_json(&error));
    }
    let path = inputs.path.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let value = fields.assemble(info, path, inputs.query.as_deref(), &inputs.body)?;
    serde_json::from_value(value).map_err(|error| invalid_json(&error))
}

/// The future's answer; a panic in it is a fault like any other, and the daemon lives.
pub(crate) async fn caught<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => {
            let text = panic
                .downcast_ref::<&str>()
                .map(ToString::to_string)
                .or_else(|| panic.downcast_ref::<String>().cloned());
            Err(Fault::internal_text(format!("a handler panicked: {}", text.unwrap_or_default())))
        }
    }
}

async fn finished(meanwhile: Option<BoxFuture<'static, Result<(), Fault>>>) -> Result<(), Fault> {
    match meanwhile {
        Some(meanwhile) => meanwhile.await,
        None => Ok(()),
    }
}

/// Leave, intent, act, outcome: in this order, whatever the handler is.
async fn recorded<S, E: Endpoint>(
    keeper: &Keeper,
    info: &EndpointInfo,
    handler: &impl AsyncHandler<S, E>,
    state: Arc<S>,
    mut call: Call,
    request: E::Request,
) -> Result<E::Response, Fault> {
    let audit = E::audit(&request);
    let with_intent = E::RECORD == Record::IntentAndOutcome;
    let leave = if E::GATED {
        let whole = serde_json::to_value(&request).map_err(Fault::internal)?;
        keeper.pass(&call, info, &whole).await?
    } else {
        Leave::default()
    };
    if with_intent {
        keeper.append(intent(keeper.daemon, &call, info.name, &audit, &leave)).await?;
    }
    call.leave = leave;
    call.track.begins();
    let started = Instant::now();
    let (result, redo, meanwhile) = match caught(handler.handle(state, call.clone(), request)).await {
        Ok(Answered { response, redo, meanwhile }) => (Ok(response), redo, meanwhile),
        Err(fault) => (Err(fault), None, None),
    };
    let outcome = Outcome {
        daemon: keeper.daemon,
        call: &call,
        name: info.name,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        result: result.as_ref().map(E::receipt),
        request: (!with_intent).then_some(&audit),
    };
    let (recorded, finished) = join(keeper.append_with(outcome.into(), redo), caught(finished(meanwhile))).await;
    match (recorded, result) {
        (Ok(_), result) => finished.and(result),
        (Err(lost), Err(fault)) => Err(fault.with_private(format!("and its outcome could not be recorded: {lost}"))),
        (Err(lost), Ok(_)) => Err(Fault::unavailable(
            "outcome_unrecorded",
            "the act was done, but its outcome could not be written to the ledger; check the ledger's disk before you go on",
        )
        .with_private(lost.to_string())
        .with_retryable(false)),
    }
}
