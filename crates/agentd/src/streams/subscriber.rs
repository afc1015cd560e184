//! One subscriber: first what it missed, from the file, then what happens, from the hub.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream};
use osmoda_ledger::{Query, Reader};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    Kinds,
    frame::{Frame, Moment},
    hub::{Found, Place},
};

/// How long a stream is silent at most.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Events that are read from the file at a time.
const PAGE: u32 = 200;

struct Subscriber {
    place: Place,
    reader: Arc<Reader>,
    kinds: Kinds,
    stop: CancellationToken,
    phase: Phase,
    /// The newest event of the ledger that was passed.
    last: i64,
}

enum Phase {
    /// The greeting is still to be said.
    Greeting,
    /// From the file.
    Past,
    /// From the hub, at this position.
    Now(u64),
    /// It has been told why.
    Over,
}

/// The body of a stream of the events after `last`.
pub(crate) fn subscribe(
    place: Place,
    reader: Arc<Reader>,
    kinds: Kinds,
    last: i64,
    stop: CancellationToken,
) -> impl Stream<Item = Bytes> + Send + 'static {
    let subscriber = Subscriber { place, reader, kinds, stop, phase: Phase::Greeting, last };
    stream::unfold(subscriber, |mut subscriber| async move {
        let bytes = subscriber.next().await?;
        Some((bytes, subscriber))
    })
}

impl Subscriber {
    async fn next(&mut self) -> Option<Bytes> {
        let silent_until = Instant::now() + KEEP_ALIVE;
        loop {
            match self.phase {
                Phase::Greeting => {
                    self.phase = Phase::Past;
                    return Some(Bytes::from_static(b"retry: 1000\n: osmoda events\n\n"));
                }
                Phase::Past => match self.past().await {
                    Some(bytes) if bytes.is_empty() => {}
                    Some(bytes) => return Some(bytes.into()),
                    None => {
                        return Some(
                            self.end("stream.failed", "the ledger can't be read now; connect again in a moment"),
                        );
                    }
                },
                Phase::Now(position) => match self.place.look(position, self.last, &self.kinds) {
                    Found::Bytes(bytes, next) => {
                        self.phase = Phase::Now(next);
                        return Some(bytes.into());
                    }
                    Found::Lagged => {
                        return Some(self.end("stream.lagged", "events came faster than they were read; connect again with Last-Event-ID, and nothing is missed"));
                    }
                    Found::Nothing(next) => {
                        self.phase = Phase::Now(next);
                        tokio::select! {
                            () = self.stop.cancelled() => return None,
                            () = self.place.changed() => {}
                            () = tokio::time::sleep_until(silent_until) => return Some(Bytes::from_static(b": keep-alive\n\n")),
                        }
                    }
                },
                Phase::Over => return None,
            }
            if self.stop.is_cancelled() {
                return None;
            }
        }
    }

    /// A page of what it missed. The hub's position is taken before the page is read: what comes between is in both,
    /// and is told once.
    async fn past(&mut self) -> Option<Vec<u8>> {
        let position = self.place.end();
        let (reader, query) = (self.reader.clone(), Query { after: Some(self.last), limit: PAGE, ..Query::default() });
        let page = match tokio::task::spawn_blocking(move || reader.events(&query)).await {
            Ok(Ok(page)) => page,
            Ok(Err(error)) => {
                warn!(error = osmoda_ipc::chain(&error), "a stream's past could not be read");
                return None;
            }
            Err(_) => return None,
        };
        let mut bytes = Vec::new();
        for event in &page.events {
            Moment::from(event).write(&self.kinds, &mut bytes);
            self.last = event.id;
        }
        if page.next_cursor.is_none() {
            self.phase = Phase::Now(position);
        }
        Some(bytes)
    }

    /// The last frame: why it ends.
    fn end(&mut self, kind: &'static str, message: &str) -> Bytes {
        self.phase = Phase::Over;
        let moment = Moment { id: None, frames: vec![Frame::new(kind, &json!({ "message": message }))] };
        let mut bytes = Vec::new();
        moment.write(&Kinds::default(), &mut bytes);
        bytes.into()
    }
}
