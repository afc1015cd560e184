//! Bodies on their way through: counted, slowed down, and broken off where the connection is cut.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::{
    task::JoinHandle,
    time::{Sleep, sleep},
};

use crate::{
    book::Ticket,
    tokens::{Allowance, Meter, Slots},
};

/// What both bodies of a request share.
#[derive(Clone, Debug)]
pub(super) struct Flow(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ticket: Mutex<Ticket>,
    meter: Meter,
    is_free: bool,
    _slots: Slots,
}

/// The connection to the host. It ends when this is dropped, whatever is still on its way.
#[derive(Debug)]
pub(super) struct Line(JoinHandle<()>);

impl Line {
    pub(super) fn new(connection: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(connection))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Flow {
    pub(super) fn new(ticket: Ticket, meter: Meter, slots: Slots) -> Self {
        let (ticket, is_free) = (Mutex::new(ticket), meter.is_free());
        Self(Arc::new(Shared { ticket, is_free, meter, _slots: slots }))
    }

    /// It is over, and why.
    pub(super) fn end(&self, why: &'static str) {
        self.ticket().end(why);
    }

    fn ticket(&self) -> MutexGuard<'_, Ticket> {
        self.0.ticket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something may move; an error where nothing may any more.
    fn poll_allowed(&self, cx: &mut Context<'_>, pause: &mut Option<Pin<Box<Sleep>>>) -> Poll<io::Result<()>> {
        if self.0.is_free {
            return Poll::Ready(Ok(()));
        }
        loop {
            if let Some(waiting) = pause {
                ready!(waiting.as_mut().poll(cx));
                *pause = None;
            }
            match self.0.meter.allowance(usize::MAX) {
                Allowance::Bytes(_) => return Poll::Ready(Ok(())),
                Allowance::Wait(time) => *pause = Some(Box::pin(sleep(time))),
                Allowance::Spent => {
                    self.end("bytes_spent");
                    return Poll::Ready(Err(io::Error::other("bytes_spent")));
                }
            }
        }
    }

    /// Counts a frame; an error where it is more than may move.
    fn count(&self, frame: &Frame<Bytes>, up: bool) -> io::Result<()> {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        if !self.0.is_free {
            if let Allowance::Spent = self.0.meter.allowance(bytes) {
                self.end("bytes_spent");
                return Err(io::Error::other("bytes_spent"));
            }
            self.0.meter.moved(bytes);
        }
        let ticket = self.ticket();
        if up {
            ticket.sent(bytes);
        } else {
            ticket.received(bytes);
        }
        Ok(())
    }
}

/// A request's body on its way to the host.
#[derive(Debug)]
pub(super) struct Uploaded {
    body: Incoming,
    flow: Flow,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Uploaded {
    pub(super) fn new(body: Incoming, flow: Flow) -> Self {
        Self { body, flow, pause: None }
    }
}

impl Body for Uploaded {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        ready!(this.flow.poll_allowed(cx, &mut this.pause))?;
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(io::Error::other)?;
            this.flow.count(&frame, true).map(|()| frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body on its way to the client.
#[derive(Debug)]
pub(super) struct Carried {
    body: Incoming,
    flow: Flow,
    _line: Line,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Carried {
    pub(super) fn new(body: Incoming, flow: Flow, line: Line) -> Self {
        Self { body, flow, _line: line, pause: None }
    }
}

impl Body for Carried {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        let entry = this.flow.ticket().entry.clone();
        if let Poll::Ready(why) = entry.poll_cut(cx) {
            this.flow.end(why);
            return Poll::Ready(Some(Err(io::Error::other(why))));
        }
        ready!(this.flow.poll_allowed(cx, &mut this.pause))?;
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(io::Error::other)?;
            this.flow.count(&frame, false).map(|()| frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        let why = if self.body.is_end_stream() { "closed" } else { "broken" };
        self.flow.ticket().end(why);
    }
}
