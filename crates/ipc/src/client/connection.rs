//! One connection, driven by the call that uses it: no other task has to be woken for a call's sake.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::patience::Patience;

type Driver = http1::Connection<TokioIo<UnixStream>, Full<Bytes>>;

/// A connection, and the timer for what is called over it.
#[derive(Debug)]
pub(super) struct Connection {
    sender: Sender,
    /// Gone once it has ended: what it had not sent yet comes back when it is dropped.
    driver: Option<Driver>,
    patience: Patience,
}

/// The half that requests are given to.
#[derive(Debug)]
pub(super) struct Sender(SendRequest<Full<Bytes>>);

/// Why a request has no answer.
pub(super) enum Unanswered {
    /// The connection was closed before the request went out.
    Unsent(Box<Request<Full<Bytes>>>),
    /// It broke afterwards.
    Broken(hyper::Error),
}

impl Sender {
    /// The answer's head.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Unanswered> {
        if self.0.ready().await.is_err() {
            return Err(Unanswered::Unsent(Box::new(request)));
        }
        self.0.try_send_request(request).await.map_err(|mut error| match error.take_message() {
            Some(unsent) => Unanswered::Unsent(Box::new(unsent)),
            None => Unanswered::Broken(error.into_error()),
        })
    }
}

impl Connection {
    /// HTTP over this stream. Deadlines of calls are mostly `usual`.
    pub(super) async fn over(stream: UnixStream, usual: Duration) -> hyper::Result<Self> {
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender: Sender(sender), driver: Some(driver), patience: Patience::new(usual) })
    }

    /// Lets `work` speak over the connection, for so long at most; `None` where that was too long, after which the
    /// connection is of no use.
    pub(super) async fn limit<T>(&mut self, after: Duration, work: impl AsyncFnOnce(&mut Sender) -> T) -> Option<T> {
        let Self { sender, driver, patience } = self;
        patience.limit(after, drive(driver, work(sender))).await
    }

    /// For work that goes on after its call, such as a stream: a task of its own drives the connection from here on.
    pub(super) fn detach(self) -> Sender {
        if let Some(driver) = self.driver {
            tokio::spawn(driver);
        }
        self.sender
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.0.is_closed()
    }
}

/// Runs `work` to its end, and the connection beside it.
async fn drive<T>(driver: &mut Option<Driver>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        // Each may wait only for what the other does: the head that comes, the body that is wanted, the body that comes.
        for _ in 0..3 {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            // Its error reaches the work through the sender.
            if driver.as_mut().is_some_and(|driver| Pin::new(driver).poll(cx).is_ready()) {
                *driver = None;
            }
        }
        work.as_mut().poll(cx)
    })
    .await
}
