//! A small daemon of the test's own, served over a real socket in a temporary folder.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test uses a part, and stops at what it did not expect"
)]

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use osmoda_ipc::{
    Access, Accounts, Act, Answered, Call, Close, Effect, Endpoint, Fault, Gate, Leave, Limits, Message, Method,
    Metrics, NewEvent, Nothing, RawRequest, Recorder, Redo, Routes, Server, Session, WebSocket, WebSocketInfo,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

macro_rules! endpoints {
    ($($name:ident = $method:ident $path:literal, $effect:ident, $request:ty => $response:ty $(, { $($more:tt)* })?;)*) => {$(
        pub struct $name;
        impl Endpoint for $name {
            const NAME: &'static str = stringify!($name);
            const METHOD: Method = Method::$method;
            const PATH: &'static str = $path;
            const EFFECT: Effect = Effect::$effect;
            const ABOUT: &'static str = "for tests";
            type Request = $request;
            type Response = $response;
            $($($more)*)?
        }
    )*};
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    pub text: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Who {
    pub role: String,
    pub request_id: String,
}

endpoints! {
    Echo = Post "/echo", Read, Text => Text;
    GetPart = Get "/part/{id}", Read, Part => Part;
    RemovePart = Delete "/part/{id}", Write, Part => Part;
    WhoAmI = Get "/who", Read, Nothing => Who;
    OperatorsOnly = Get "/operators", Read, Nothing => Nothing, { const ACCESS: Access = Access::Operator; };
    DaemonsOnly = Get "/daemons", Read, Nothing => Nothing, { const ACCESS: Access = Access::Daemon; };
    Panics = Post "/panic", Read, Nothing => Nothing;
    DestroysAndPanics = Post "/destroy/panic", Destructive, Nothing => Nothing;
    Destroy = Post "/destroy", Destructive, Text => Text;
    SlowRead = Post "/slow/read", Read, Nothing => Nothing, { const DEADLINE: Duration = Duration::from_millis(300); };
    SlowWrite = Post "/slow/write", Write, Nothing => Nothing;
    Keep = Post "/keep", Write, Text => Text;
    Small = Post "/small", Read, Text => Text, { const BODY_LIMIT: usize = 100; };
}

/// What the handlers leave behind.
#[derive(Default)]
pub struct State {
    pub finished_writes: AtomicU64,
    pub saw_hang_up: AtomicBool,
}

/// Keeps events in memory, and refuses them when told to.
#[derive(Default)]
pub struct Memory {
    pub events: Mutex<Vec<NewEvent>>,
    pub redo: Mutex<Vec<(String, Redo)>>,
    pub refuses: AtomicBool,
}

impl Recorder for Memory {
    fn append(&self, event: NewEvent) -> BoxFuture<'_, Result<i64, Fault>> {
        Box::pin(async move {
            if self.refuses.load(Ordering::SeqCst) {
                return Err(Fault::unavailable("ledger_unavailable", "told to refuse"));
            }
            let mut events = self.events.lock().unwrap();
            events.push(event);
            Ok(i64::try_from(events.len()).unwrap())
        })
    }

    fn append_with(&self, event: NewEvent, redo: Redo) -> BoxFuture<'_, Result<i64, Fault>> {
        self.redo.lock().unwrap().push((event.kind.clone(), redo));
        self.append(event)
    }
}

/// Gives leave unless the text says `forbidden`.
pub struct Words;

impl Gate for Words {
    fn pass<'a>(&'a self, _call: &'a Call, act: Act<'a>) -> BoxFuture<'a, Result<Leave, Fault>> {
        let forbidden = act.request.get("text").and_then(Value::as_str) == Some("forbidden");
        Box::pin(async move {
            if forbidden {
                return Err(Fault::forbidden("approval_required", "ask"));
            }
            Ok(Leave { approval_id: Some("apr_test".into()), ..Leave::default() })
        })
    }
}

pub struct Daemon {
    pub folder: TempDir,
    pub state: Arc<State>,
    pub recorder: Arc<Memory>,
    pub stop: CancellationToken,
    pub serving: JoinHandle<()>,
}

impl Daemon {
    pub fn start() -> Self {
        Self::start_with(Limits::default())
    }

    pub fn start_with(limits: Limits) -> Self {
        let folder = tempfile::Builder::new().prefix("osm").tempdir_in("/tmp").unwrap();
        let (state, recorder) = (Arc::new(State::default()), Arc::new(Memory::default()));
        let routes = Routes::new("test", state.clone())
            .recorded_by(recorder.clone())
            .gated_by(Arc::new(Words))
            .on::<Echo>(async |_: Arc<State>, _: Call, request: Text| Ok(request))
            .on::<GetPart>(async |_: Arc<State>, _: Call, request: Part| Ok(request))
            .on::<RemovePart>(async |_: Arc<State>, _: Call, request: Part| Ok(request))
            .on::<WhoAmI>(async |_: Arc<State>, call: Call, _: Nothing| {
                Ok(Who { role: call.caller.role.as_str().into(), request_id: call.request_id.to_string() })
            })
            .on::<OperatorsOnly>(async |_: Arc<State>, _: Call, request: Nothing| Ok(request))
            .on::<DaemonsOnly>(async |_: Arc<State>, _: Call, request: Nothing| Ok(request))
            .on::<Panics>(panics)
            .on::<DestroysAndPanics>(panics)
            .on::<Destroy>(async |_: Arc<State>, call: Call, request: Text| {
                if call.leave.approval_id.is_some() { Ok(request) } else { Err(Fault::internal_text("no leave")) }
            })
            .on::<SlowRead>(async |_: Arc<State>, _: Call, request: Nothing| {
                tokio::time::sleep(Duration::from_secs(5)).await;
                Ok(request)
            })
            .on::<SlowWrite>(slow_write)
            .on::<Keep>(keep)
            .websocket(MIRROR, mirror)
            .on::<Small>(async |_: Arc<State>, _: Call, request: Text| Ok(request));
        let accounts = Arc::new(Accounts::new(folder.path().join("agentd.pid")));
        let server = Server::new(routes, accounts, Metrics::build("test", |_| {}), limits).unwrap();
        let listener = UnixListener::bind(folder.path().join("d.sock")).unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(server.serve(listener, stop.clone()));
        Self { folder, state, recorder, stop, serving }
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("d.sock")
    }

    pub fn kinds(&self) -> Vec<String> {
        self.recorder.events.lock().unwrap().iter().map(|event| event.kind.clone()).collect()
    }

    /// What comes back for these bytes until the connection is closed.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.socket()).await.unwrap();
        let _ = stream.write_all(bytes).await;
        read_all(stream).await
    }
}

pub const MIRROR: WebSocketInfo =
    WebSocketInfo { name: "mirror", path: "/mirror", access: Access::Operator, about: "says everything back" };

/// Says everything back until it is told to stop, and how many messages there were.
async fn mirror(_: Arc<State>, call: Call, asked: RawRequest) -> Result<Session, Fault> {
    asked.only(&["how"])?;
    let how = asked.query("how").map(str::to_owned);
    if how.as_deref() == Some("no") {
        return Err(Fault::conflict("no_mirror", "told to refuse"));
    }
    Ok(Session::new(json!({ "how": how, "role": call.caller.role }), async move |mut socket: WebSocket| {
        let mut messages = 0;
        while let Some(message) = socket.next().await {
            let message = message.map_err(|error| Fault::bad_request("bad_message", error.to_string()))?;
            assert!(message != Message::Text("panic".into()), "told to panic");
            if message == Message::Text("stop".into()) {
                socket.close(Close::Normal, "as you say").await;
                break;
            }
            messages += 1;
            socket.send(message).await.map_err(Fault::internal)?;
        }
        Ok(json!({ "messages": messages }))
    }))
}

async fn keep(_: Arc<State>, _: Call, request: Text) -> Result<Answered<Text>, Fault> {
    let refused = |code: &str| request.text == code;
    if refused("no") {
        return Err(Fault::conflict("no", "told to refuse"));
    }
    let late = refused("late").then(|| Fault::conflict("late", "told to fail meanwhile"));
    let redo = Some(Redo { name: "kept".into(), content: request.text.clone().into_bytes() });
    let meanwhile = async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        late.map_or(Ok(()), Err)
    };
    Ok(Answered { response: request, redo, meanwhile: Some(Box::pin(meanwhile)) })
}

async fn panics(_: Arc<State>, _: Call, _: Nothing) -> Result<Nothing, Fault> {
    panic!("a handler's own mistake")
}

async fn slow_write(state: Arc<State>, call: Call, request: Nothing) -> Result<Nothing, Fault> {
    let patience = tokio::time::timeout(Duration::from_millis(400), call.hung_up.cancelled());
    state.saw_hang_up.store(patience.await.is_ok(), Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(100)).await;
    state.finished_writes.fetch_add(1, Ordering::SeqCst);
    Ok(request)
}

pub async fn read_all(mut stream: UnixStream) -> String {
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer))
        .await
        .expect("the daemon neither answered nor closed");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Status and envelope of a raw answer.
pub fn parse(answer: &str) -> (u16, Value) {
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|text| text.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| serde_json::from_str(body).unwrap_or(Value::Null));
    (status.unwrap_or_else(|| panic!("no answer: {answer:?}")), body.unwrap_or(Value::Null))
}

/// Waits for what will be, with a deadline.
pub async fn until(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it did not come about");
}
