//! What agentd serves that is no JSON document: the ledger as a transparency log, its stream of events, terminals.

use osmoda_ipc::{Access, RawInfo, WebSocketInfo};

/// The newest checkpoint, a signed note.
pub const TLOG_CHECKPOINT: RawInfo = RawInfo {
    name: "tlog_checkpoint",
    path: "/tlog/checkpoint",
    content_type: "text/plain; charset=utf-8",
    access: Access::Any,
    about: "the newest signed checkpoint of the ledger (c2sp.org/tlog-checkpoint)",
};

/// Tiles of the tree, and bundles of its entries.
pub const TLOG_TILE: RawInfo = RawInfo {
    name: "tlog_tile",
    path: "/tlog/tile/{*tile}",
    content_type: "application/octet-stream",
    access: Access::Any,
    about: "a tile of the ledger's tree at <L>/<N>[.p/<W>], or the entries below one at entries/<N>[.p/<W>] (c2sp.org/tlog-tiles)",
};

/// The key that signs checkpoints.
pub const TLOG_KEY: RawInfo = RawInfo {
    name: "tlog_key",
    path: "/tlog/key",
    content_type: "text/plain; charset=utf-8",
    access: Access::Any,
    about: "the verification key of the ledger's checkpoints (c2sp.org/signed-note)",
};

/// Every event from now on, or from a cursor on.
pub const EVENTS_STREAM: RawInfo = RawInfo {
    name: "events_stream",
    path: "/events/stream",
    content_type: "text/event-stream",
    access: Access::Any,
    about: "server-sent events: the ledger's, request.* and state.changed; ?type= takes up to 16 types or prefixes, ?cursor= or Last-Event-ID resumes",
};

/// All of them.
pub const RAW_ROUTES: [RawInfo; 4] = [TLOG_CHECKPOINT, TLOG_TILE, TLOG_KEY, EVENTS_STREAM];

/// A shell in a terminal of its own.
pub const TERMINAL: WebSocketInfo = WebSocketInfo {
    name: "terminal",
    path: "/terminal",
    access: Access::Daemon,
    about: "a terminal over WebSocket, for operators, and where it is configured for the suite's own daemons: ?cols= ?rows= ?term= ?cwd=; keys and output are binary messages, {\"type\":\"resize\",\"cols\":80,\"rows\":24} is a text message",
};
