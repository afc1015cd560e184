//! A request for a WebSocket: its handshake (RFC 6455, section 4.2), and what it becomes once hyper has let go of the
//! connection.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, Version, header, request::Parts};
use serde_json::Value;
use tokio::{net::UnixStream, runtime::Handle};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::{error, info};

use crate::{
    call::Call,
    endpoint::DEFAULT_DEADLINE,
    fault::Fault,
    raw::RawRequest,
    record::{Leave, Outcome, intent},
    routes::{Keeper, WebSocketRoute, caught},
    websocket::{Session, WebSocket},
};

/// What the answer to the caller's key is; 426 `upgrade_required` where this is no request for a WebSocket.
pub(super) fn accept(head: &Parts) -> Result<String, Fault> {
    let names = |name: HeaderName, word: &str| {
        let values = head.headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    let asks = head.version == Version::HTTP_11
        && names(header::CONNECTION, "upgrade")
        && names(header::UPGRADE, "websocket")
        && names(header::SEC_WEBSOCKET_VERSION, "13");
    match key(&head.headers) {
        Some(key) if asks => Ok(derive_accept_key(key)),
        _ => Err(Fault::new(
            StatusCode::UPGRADE_REQUIRED,
            "upgrade_required",
            "a WebSocket is served here: ask for it with Connection: Upgrade, Upgrade: websocket, Sec-WebSocket-Version: 13 and a key of 16 bytes",
        )),
    }
}

/// The caller's key: 16 bytes in base64, given once.
fn key(headers: &HeaderMap) -> Option<&[u8]> {
    let mut all = headers.get_all(header::SEC_WEBSOCKET_KEY).into_iter().map(http::HeaderValue::as_bytes);
    let key = all.next().filter(|key| key.len() == 24 && key.ends_with(b"=="))?;
    all.next().is_none().then_some(key)
}

/// A WebSocket that opens as soon as its 101 is sent. Its intent is recorded; where it is dropped before it opened, so is
/// that.
pub(super) struct Upgrade(Option<Prepared>);

struct Prepared {
    keeper: Arc<Keeper>,
    name: &'static str,
    call: Call,
    session: Session,
}

impl Upgrade {
    /// What the route's handler makes of the request, recorded. Without a record none opens. To be run apart from the
    /// connection: nobody who hangs up may come between the handler and the record.
    pub(super) fn prepare(
        keeper: Arc<Keeper>,
        route: &WebSocketRoute,
        call: Call,
        request: RawRequest,
    ) -> impl Future<Output = Result<Self, Fault>> + Send + 'static {
        let name = route.info.name;
        let work = caught((route.handler)(call.clone(), request));
        async move {
            let late = || Fault::timeout("deadline_exceeded", format!("{name} did not begin in time"));
            let session = tokio::time::timeout(DEFAULT_DEADLINE, work).await.unwrap_or_else(|_| Err(late()))?;
            keeper.append(intent(keeper.daemon, &call, name, &session.request, &Leave::default())).await?;
            Ok(Self(Some(Prepared { keeper, name, call, session })))
        }
    }

    /// Serves it to its end, over the connection that hyper left behind.
    pub(super) async fn run(mut self, stream: UnixStream, read: Bytes) {
        let Some(Prepared { keeper, name, call, session }) = self.0.take() else { return };
        let started = Instant::now();
        let result = caught((session.serve)(WebSocket::server(stream, read).await)).await;
        record_end(&keeper, name, &call, started, result).await;
    }
}

impl Drop for Upgrade {
    fn drop(&mut self) {
        let (Some(prepared), Ok(runtime)) = (self.0.take(), Handle::try_current()) else { return };
        runtime.spawn(async move {
            let Prepared { keeper, name, call, .. } = prepared;
            let gone = Err(Fault::bad_request("hung_up", "the caller was gone before it opened"));
            record_end(&keeper, name, &call, Instant::now(), gone).await;
        });
    }
}

async fn record_end(keeper: &Keeper, name: &'static str, call: &Call, started: Instant, result: Result<Value, Fault>) {
    if let Err(fault) = &result {
        info!(endpoint = name, request_id = %call.request_id, code = fault.code(), private = fault.private(), "{}", fault.message());
    }
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let result = match &result {
        Ok(value) => Ok(value.clone()),
        Err(fault) => Err(fault),
    };
    let outcome = Outcome { daemon: keeper.daemon, call, name, duration_ms, result, request: None };
    if let Err(fault) = keeper.append(outcome.into()).await {
        error!(endpoint = name, request_id = %call.request_id, %fault, private = fault.private(), "its end could not be recorded");
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn only_a_whole_handshake_is_accepted() {
        let whole = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let asked = |headers: &[(&str, &str)], version| {
            let mut request = Request::builder().version(version);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            accept(&request.body(()).unwrap().into_parts().0)
        };
        // The example of RFC 6455, section 1.3.
        assert_eq!(asked(&whole, Version::HTTP_11).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(asked(&whole, Version::HTTP_10).unwrap_err().code(), "upgrade_required");
        for without in 0..whole.len() {
            let mut rest = whole.to_vec();
            rest.remove(without);
            assert_eq!(asked(&rest, Version::HTTP_11).unwrap_err().code(), "upgrade_required", "{without}");
        }
        let twice = [&whole[..], &whole[3..]].concat();
        assert!(asked(&twice, Version::HTTP_11).is_err());
    }
}
