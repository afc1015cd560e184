//! A client that writes and reads raw JSON-RPC lines, in either protocol era.

use std::time::Duration;

use osmoda_mcp::{Options, ServeError};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf, split},
    task::JoinHandle,
    time::timeout,
};

/// Nothing here takes this long: a test that waits for it has failed.
pub(crate) const NEVER: Duration = Duration::from_secs(30);

/// The revision without `initialize`.
pub(crate) const MODERN: &str = "2026-07-28";

/// How a client behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    Legacy,
    Modern,
}

/// One session with the real handler.
pub(crate) struct Session {
    era: Era,
    capabilities: Value,
    write: WriteHalf<DuplexStream>,
    read: Lines<BufReader<ReadHalf<DuplexStream>>>,
    server: JoinHandle<Result<(), ServeError>>,
    next_id: u64,
    /// Notifications that came while something else was waited for.
    pub(crate) notifications: Vec<Value>,
}

impl Session {
    /// Connects without a word.
    pub(crate) fn connect(options: Options, era: Era, capabilities: Value) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (read, write) = split(theirs);
        let server = tokio::spawn(osmoda_mcp::serve(options, read, write));
        let (read, write) = split(ours);
        let read = BufReader::new(read).lines();
        Self { era, capabilities, write, read, server, next_id: 0, notifications: Vec::new() }
    }

    /// A session that is ready for calls.
    pub(crate) async fn begin(options: Options, era: Era) -> Self {
        Self::begin_with(options, era, json!({})).await
    }

    /// The same, with these client capabilities.
    pub(crate) async fn begin_with(options: Options, era: Era, capabilities: Value) -> Self {
        let mut session = Self::connect(options, era, capabilities);
        if era == Era::Legacy {
            session.initialize("2025-11-25").await;
        }
        session
    }

    /// The handshake of the legacy era; answers with the server's result.
    pub(crate) async fn initialize(&mut self, version: &str) -> Value {
        let client = json!({ "name": "test", "version": "1" });
        let params = json!({ "protocolVersion": version, "capabilities": self.capabilities, "clientInfo": client });
        let id = self.send_as("initialize", params).await;
        let answer = self.answer(id).await;
        self.write(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        answer["result"].clone()
    }

    pub(crate) async fn write(&mut self, message: &Value) {
        let mut line = serde_json::to_vec(message).unwrap();
        line.push(b'\n');
        self.write.write_all(&line).await.unwrap();
    }

    /// Sends a request with what the era wants of every request; answers with its id.
    pub(crate) async fn send(&mut self, method: &str, mut params: Value) -> u64 {
        if self.era == Era::Modern {
            let meta = &mut params["_meta"];
            meta["io.modelcontextprotocol/protocolVersion"] = json!(MODERN);
            meta["io.modelcontextprotocol/clientCapabilities"] = self.capabilities.clone();
        }
        self.send_as(method, params).await
    }

    async fn send_as(&mut self, method: &str, params: Value) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        self.write(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
        id
    }

    /// The server's next line.
    pub(crate) async fn next(&mut self) -> Value {
        let line = timeout(NEVER, self.read.next_line()).await.expect("the server says nothing").unwrap();
        serde_json::from_str(&line.expect("the server has gone")).unwrap()
    }

    /// The next message that is no notification.
    pub(crate) async fn next_message(&mut self) -> Value {
        loop {
            let message = self.next().await;
            if message.get("method").is_none() || message.get("id").is_some() {
                return message;
            }
            self.notifications.push(message);
        }
    }

    /// The answer to request `id`, which must be the next message.
    pub(crate) async fn answer(&mut self, id: u64) -> Value {
        let message = self.next_message().await;
        assert_eq!(message["id"], id, "{message}");
        message
    }

    /// One request and its whole answer.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params).await;
        self.answer(id).await
    }

    /// One tool call and its result.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.ask("tools/call", json!({ "name": tool, "arguments": arguments })).await;
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    /// The names that `tools/list` shows.
    pub(crate) async fn tools(&mut self) -> Vec<String> {
        let answer = self.ask("tools/list", json!({})).await;
        assert!(answer["result"].get("nextCursor").is_none(), "{answer}");
        answer["result"]["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Closes the client's end and goes on reading.
    pub(crate) async fn hang_up(&mut self) {
        self.write.shutdown().await.unwrap();
    }

    /// Closes the client's end, reads what is still said and waits for the server's end.
    pub(crate) async fn close(mut self) -> (Vec<Value>, Result<(), ServeError>) {
        self.hang_up().await;
        let mut rest = Vec::new();
        while let Some(line) = timeout(NEVER, self.read.next_line()).await.expect("the server does not end").unwrap() {
            rest.push(serde_json::from_str(&line).unwrap());
        }
        (rest, timeout(NEVER, self.server).await.expect("the server does not end").unwrap())
    }
}
