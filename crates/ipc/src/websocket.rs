//! Routes that leave HTTP for a WebSocket (RFC 6455). Who may open one is decided before the connection changes hands,
//! and each is recorded: an intent before it opens, an outcome with its duration after it ended.

use std::{fmt, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt, future::BoxFuture};
use serde_json::Value;
use tokio::net::UnixStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as WsError, Message as WsMessage,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::{endpoint::Access, fault::Fault};

/// The largest message that is taken, in bytes, whole or in frames.
pub const LARGEST_MESSAGE: usize = 64 << 10;
/// How long the other side may leave what it is sent unread.
const SEND_PATIENCE: Duration = Duration::from_secs(30);
/// How long the other side may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// The facts of a WebSocket's route: what tables and pages are made from.
#[derive(Clone, Copy, Debug)]
pub struct WebSocketInfo {
    /// The stable name in snake_case, for metrics, logs, the OpenAPI page and the ledger's event types.
    pub name: &'static str,
    /// The path template.
    pub path: &'static str,
    /// Who may open one. Agents never do unless it says so here.
    pub access: Access,
    /// One line for people.
    pub about: &'static str,
}

type Serve = Box<dyn FnOnce(WebSocket) -> BoxFuture<'static, Result<Value, Fault>> + Send>;

/// What a route's handler agreed to: what is recorded of it, and what is done once the connection is a WebSocket.
pub struct Session {
    pub(crate) request: Value,
    pub(crate) serve: Serve,
}

impl Session {
    /// `request` is what the ledger keeps of what was asked; what `serve` answers with is kept of its end. It must end by
    /// itself when the daemon stops.
    pub fn new<Fut>(request: Value, serve: impl FnOnce(WebSocket) -> Fut + Send + 'static) -> Self
    where
        Fut: Future<Output = Result<Value, Fault>> + Send + 'static,
    {
        Self { request, serve: Box::new(move |socket| serve(socket).boxed()) }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("request", &self.request).finish_non_exhaustive()
    }
}

/// One message of either side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A binary message.
    Bytes(Bytes),
    /// A text message.
    Text(String),
}

/// Why a WebSocket is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A message was larger than [`LARGEST_MESSAGE`].
    #[error("a message is larger than {LARGEST_MESSAGE} bytes")]
    TooLarge,
    /// The other side does not speak RFC 6455.
    #[error("the other side breaks the WebSocket protocol: {0}")]
    Protocol(String),
    /// The other side takes nothing any more.
    #[error("the other side read nothing for {} s", SEND_PATIENCE.as_secs())]
    Stalled,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// How a WebSocket is closed (RFC 6455, section 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// It has done what it was for.
    Normal,
    /// The daemon stops.
    Away,
    /// What was said is not what this route understands.
    Policy,
}

/// An open WebSocket, of either end.
#[derive(Debug)]
pub struct WebSocket(WebSocketStream<UnixStream>);

impl WebSocket {
    /// The daemon's end of a connection that answered 101; `read` came behind the request's head.
    pub(crate) async fn server(stream: UnixStream, read: Bytes) -> Self {
        Self::over(stream, read, Role::Server).await
    }

    /// The caller's end.
    pub(crate) async fn client(stream: UnixStream, read: Bytes) -> Self {
        Self::over(stream, read, Role::Client).await
    }

    async fn over(stream: UnixStream, read: Bytes, role: Role) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(8 << 10)
            .write_buffer_size(16 << 10)
            .max_write_buffer_size(1 << 20)
            .max_message_size(Some(LARGEST_MESSAGE))
            .max_frame_size(Some(LARGEST_MESSAGE));
        Self(WebSocketStream::from_partially_read(stream, read.to_vec(), role, Some(config)).await)
    }

    /// The next message; `None` where the other side closed. Pings are answered on the way. Nothing is lost where this is
    /// dropped before it ends.
    pub async fn next(&mut self) -> Option<Result<Message, SocketError>> {
        loop {
            let error = match self.0.next().await? {
                Ok(WsMessage::Binary(bytes)) => return Some(Ok(Message::Bytes(bytes))),
                Ok(WsMessage::Text(text)) => return Some(Ok(Message::Text(text.as_str().to_owned()))),
                Ok(WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Close(_) | WsMessage::Frame(_)) => continue,
                Err(WsError::ConnectionClosed | WsError::AlreadyClosed) => return None,
                Err(error) => error,
            };
            let (error, code) = match error {
                WsError::Capacity(_) => (SocketError::TooLarge, CloseCode::Size),
                WsError::Utf8(why) => (SocketError::Protocol(why), CloseCode::Invalid),
                WsError::Protocol(why) => (SocketError::Protocol(why.to_string()), CloseCode::Protocol),
                other => return Some(Err(SocketError::Broken(other.to_string()))),
            };
            let _ = tokio::time::timeout(GOODBYE, self.0.close(Some(frame(code, &error.to_string())))).await;
            return Some(Err(error));
        }
    }

    /// Sends one message, once the other side has taken what was sent before.
    pub async fn send(&mut self, message: Message) -> Result<(), SocketError> {
        let message = match message {
            Message::Bytes(bytes) => WsMessage::Binary(bytes),
            Message::Text(text) => WsMessage::text(text),
        };
        match tokio::time::timeout(SEND_PATIENCE, self.0.send(message)).await {
            Ok(sent) => sent.map_err(|error| SocketError::Broken(error.to_string())),
            Err(_) => Err(SocketError::Stalled),
        }
    }

    /// Says why it ends, and waits a moment for the other side to have heard it.
    pub async fn close(mut self, how: Close, why: &str) {
        let code = match how {
            Close::Normal => CloseCode::Normal,
            Close::Away => CloseCode::Away,
            Close::Policy => CloseCode::Policy,
        };
        let goodbye = async {
            self.0.close(Some(frame(code, why))).await?;
            while let Some(Ok(_)) = self.0.next().await {}
            Ok::<(), WsError>(())
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }
}

/// A reason has 123 bytes at most.
fn frame(code: CloseCode, why: &str) -> CloseFrame {
    let end = (0..=why.len().min(123)).rev().find(|at| why.is_char_boundary(*at)).unwrap_or_default();
    CloseFrame { code, reason: why.get(..end).unwrap_or_default().to_owned().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_where_a_letter_ends() {
        let long = format!("{}ä", "x".repeat(122));
        assert_eq!(frame(CloseCode::Normal, &long).reason.len(), 122);
        assert_eq!(frame(CloseCode::Normal, "bye").reason.as_str(), "bye");
    }
}
