//! Gives the envelope also to what hyper answers, or drops, by itself: a request that does not parse, a head that is
//! too large, a head that never ends.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::StatusCode;
use hyper::{
    body::Incoming,
    server::conn::http1::{self, Parts},
    service::HttpService,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::UnixStream,
};
use tokio_util::sync::CancellationToken;

use super::answer::AnswerBody;
use crate::{fault::Fault, request_id::RequestId};

/// How long a caller may leave its answer unread before the connection is cut.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);

/// Says whether bytes have come that no answer has been given to.
#[derive(Debug, Default)]
pub(super) struct Watch {
    unanswered: AtomicBool,
    serving: AtomicBool,
    partial_head: AtomicBool,
}

impl Watch {
    pub(super) fn request_begins(&self) {
        self.serving.store(true, Ordering::Relaxed);
        self.partial_head.store(false, Ordering::Relaxed);
    }

    pub(super) fn answer_begins(&self) {
        self.unanswered.store(true, Ordering::Relaxed);
        self.partial_head.store(false, Ordering::Relaxed);
        self.serving.store(false, Ordering::Relaxed);
    }
}

/// A stream whose writes are looked at: a bodiless error head that no service of ours gave is hyper's own, and is
/// replaced by a fault's.
pub(super) struct Mannered {
    stream: UnixStream,
    watch: Arc<Watch>,
    /// What goes out in place of hyper's own answer, and how much of it has gone.
    instead: Option<(Vec<u8>, usize)>,
    has_replaced: bool,
    /// Runs while the caller takes nothing.
    stalled: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Mannered {
    pub(super) fn new(stream: UnixStream) -> (Self, Arc<Watch>) {
        let watch = Arc::new(Watch::default());
        (Self { stream, watch: watch.clone(), instead: None, has_replaced: false, stalled: None }, watch)
    }

    /// What must still be said where hyper gave up on a head without a word.
    fn unsaid(&self, error: &hyper::Error) -> Option<Fault> {
        let has_partial_head =
            self.watch.partial_head.load(Ordering::Relaxed) && !self.watch.serving.load(Ordering::Relaxed);
        if !has_partial_head || self.has_replaced {
            None
        } else if error.is_timeout() {
            Some(Fault::new(
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                "the request's head did not arrive in time",
            ))
        } else {
            error.is_parse().then(not_http)
        }
    }

    /// Whether these bytes are an answer that no service of ours gave.
    fn replaces(&self, bytes: &[u8]) -> Option<Fault> {
        if self.watch.unanswered.swap(false, Ordering::Relaxed) || self.watch.serving.load(Ordering::Relaxed) {
            return None;
        }
        let status = std::str::from_utf8(
            bytes.strip_prefix(b"HTTP/1.1 ").or_else(|| bytes.strip_prefix(b"HTTP/1.0 "))?.get(..3)?,
        )
        .ok()?;
        match status {
            "431" => Some(head_too_large()),
            "414" => Some(Fault::new(StatusCode::URI_TOO_LONG, "head_too_large", "the request's address is too long")),
            "400" | "505" => Some(not_http()),
            _ => None,
        }
    }

    /// A write that waits too long for its reader ends the connection: streams have no deadline of their own.
    fn in_time(&mut self, cx: &mut Context<'_>, write: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if write.is_ready() {
            self.stalled = None;
            return write;
        }
        let sleep = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_PATIENCE)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn replace_by(&mut self, fault: &Fault) {
        self.instead = Some((closing_answer(fault), 0));
        self.has_replaced = true;
    }

    fn send_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((bytes, sent)) = &mut self.instead {
            let n = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes.get(*sent..).unwrap_or_default()))?;
            *sent += n;
            if *sent >= bytes.len() || n == 0 {
                self.instead = None;
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn not_http() -> Fault {
    Fault::bad_request("invalid_http", "this is not an HTTP/1.1 request")
}

fn head_too_large() -> Fault {
    Fault::new(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "head_too_large",
        "the request's head is larger than this server takes",
    )
}

/// A whole answer that ends its connection, for where there is no hyper to write it.
pub(super) fn closing_answer(fault: &Fault) -> Vec<u8> {
    let id = RequestId::generate();
    let body = serde_json::to_vec(&fault.clone().with_request_id(&id).envelope()).unwrap_or_default();
    let reason = fault.status().canonical_reason().unwrap_or("Fault");
    let mut answer = format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: application/json\r\nx-request-id: {id}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        fault.status().as_u16(),
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    answer
}

/// Serves the connection to its end. After `stop`, the request under way is its last. What is left is the open stream, and
/// what was read of it beyond the last request.
pub(super) async fn serve<S>(
    mut connection: http1::Connection<TokioIo<Mannered>, S>,
    stop: CancellationToken,
) -> (hyper::Result<()>, UnixStream, Bytes)
where
    S: HttpService<Incoming, ResBody = AnswerBody> + Unpin,
    S::Future: Unpin,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut stopping = false;
    let result = loop {
        tokio::select! {
            biased;
            result = std::future::poll_fn(|cx| connection.poll_without_shutdown(cx)) => break result,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let Parts { io, read_buf, .. } = connection.into_parts();
    let mut io = io.into_inner();
    if let Some(fault) = result.as_ref().err().and_then(|error| io.unsaid(error)) {
        let _ = io.stream.write_all(&closing_answer(&fault)).await;
    }
    (result, io.stream, read_buf)
}

impl AsyncRead for Mannered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.watch.partial_head.store(true, Ordering::Relaxed);
        }
        result
    }
}

impl AsyncWrite for Mannered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.send_instead(cx))?;
        match self.replaces(bytes) {
            Some(fault) => {
                self.replace_by(&fault);
                Poll::Ready(Ok(bytes.len()))
            }
            None => {
                let write = Pin::new(&mut self.stream).poll_write(cx, bytes);
                self.in_time(cx, write)
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.send_instead(cx))?;
        match slices.first().and_then(|first| self.replaces(first)) {
            Some(fault) => {
                self.replace_by(&fault);
                Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
            }
            None => {
                let write = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
                self.in_time(cx, write)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.send_instead(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.send_instead(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
