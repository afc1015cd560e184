//! What every daemon of osmoda shares: endpoints over Unix sockets, their server and typed client, faults, callers,
//! and the life of a daemon. Knows HTTP and sockets, knows no daemon.

mod assemble;
mod call;
mod caller;
mod client;
pub mod daemon;
mod desk;
mod endpoint;
mod fault;
mod health;
mod metrics;
pub mod openapi;
mod patience;
mod raw;
mod record;
mod request_id;
mod routes;
mod server;
mod visible;
mod websocket;

pub use call::Call;
pub use caller::{
    AGENT_GROUP, Accounts, COMMAND_MARK, Caller, DAEMON_GROUP, OPERATOR_GROUP, Peer, ROLE_HEADER, Role, SOCKET_GROUP,
    UnknownRole,
};
pub use client::{CallError, Chunks, Client, Reply};
pub use desk::{
    Asked, Desk, IDEMPOTENCY_KEY_HEADER, IdempotencyKey, KeptAnswer, Opened, PREFER_HEADER, Progress, REPLAYED_HEADER,
    Ticket,
};
pub use endpoint::{Access, DEFAULT_BODY_LIMIT, DEFAULT_DEADLINE, Effect, Endpoint, EndpointInfo, Method, Record};
pub use fault::{Envelope, Fault, chain};
pub use health::{Health, Nothing, Up};
pub use http::StatusCode;
pub use metrics::Metrics;
pub use raw::{RawAnswer, RawInfo, RawRequest};
pub use record::{Act, Answered, Gate, LONGEST_RECORDED_STRING, Leave, NewEvent, Recorder, Redo};
pub use request_id::{BadRequestId, REQUEST_ID_HEADER, RequestId};
pub use routes::{AsyncHandler, Routes};
pub use server::{BadRoute, Limits, Server};
pub use visible::visible;
pub use websocket::{Close, LARGEST_MESSAGE, Message, Session, SocketError, WebSocket, WebSocketInfo};
