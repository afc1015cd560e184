//! A tunnel: bytes from each end to the other, with as little as possible in between.
//!
//! Small messages go through one buffer that all tunnels of the thread share; what can't be written at once is all
//! that a tunnel ever holds. Where much comes at once, it is carried: splice(2) moves it through a pipe, or a large buffer
//! where both ends are on this machine. The tunnel borrows it for as long as something is in it; an idle one holds nothing.

use std::{
    cell::RefCell,
    future::poll_fn,
    io::{self, ErrorKind},
    pin::Pin,
    task::{Context, Poll, ready},
};

use osmoda_capability::Host;
use tokio::{
    io::Interest,
    time::{Sleep, sleep},
};

use super::{
    carrier::{Carrier, MOST_AT_ONCE, let_go},
    socket::Socket,
};
use crate::{
    book::Ticket,
    tls::{FirstBytes, Refused, Rules, judge},
    tokens::{Allowance, Meter},
};

/// The shared buffer, in bytes. A read that fills it shows that much is on its way.
const SCRATCH: usize = 16_384;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// What a tunnel's first bytes must be.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) host: Host,
    pub(super) rules: Rules,
}

/// Why a tunnel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Both ends were done.
    Closed,
    /// One end broke off.
    Broken,
    /// The token's bytes are used up.
    Spent,
    /// Its first bytes were not what they must be.
    Refused(Refused),
    /// It was cut: revoked, expired, idle.
    Cut(&'static str),
}

impl End {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Broken => "broken",
            Self::Spent => "bytes_spent",
            Self::Refused(why) => why.code(),
            Self::Cut(why) => why,
        }
    }
}

/// One way through a tunnel.
#[derive(Debug, Default)]
struct Way {
    /// What could not be written yet, and how much of it was.
    held: Vec<u8>,
    written: usize,
    carrier: Option<Carrier>,
    /// Whether the last read was so large that the next one is carried.
    much: bool,
    /// Nothing more comes.
    ended: bool,
    done: bool,
    pause: Option<Pin<Box<Sleep>>>,
}

/// Both ends, and what is counted.
struct Tunnel<'a> {
    client: &'a Socket,
    server: &'a Socket,
    ticket: &'a Ticket,
    meter: &'a Meter,
    is_free: bool,
    /// Whether the server is on this machine, as the client is.
    is_local: bool,
    gate: Option<Gate>,
    /// Whether the other way is done.
    is_last: bool,
}

/// Moves bytes until both ends are done, or there is a reason to stop. `early` is what the client sent already.
pub(super) async fn relay(
    client: &Socket,
    server: &Socket,
    gate: Gate,
    early: Vec<u8>,
    ticket: &Ticket,
    meter: &Meter,
) -> End {
    let is_local = ticket.entry.address.get().is_some_and(|address| address.to_canonical().is_loopback());
    let is_free = meter.is_free();
    let mut tunnel = Tunnel { client, server, ticket, meter, is_free, is_local, gate: Some(gate), is_last: false };
    let (mut up, mut down) = (Way { held: early, ..Way::default() }, Way::default());
    tunnel.count(true, up.held.len());
    if let Err(end) = tunnel.look(&up.held) {
        return end;
    }
    let end = poll_fn(|cx| {
        if let Poll::Ready(why) = ticket.entry.poll_cut(cx) {
            return Poll::Ready(End::Cut(why));
        }
        let to_server = up.poll(cx, &mut tunnel, true);
        tunnel.is_last = up.done;
        let to_client = down.poll(cx, &mut tunnel, false);
        tunnel.is_last = down.done;
        match (to_server, to_client) {
            (Poll::Ready(Err(end)), _) | (_, Poll::Ready(Err(end))) => Poll::Ready(end),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(End::Closed),
            _ => Poll::Pending,
        }
    })
    .await;
    if is_local {
        let_go();
    }
    end
}

impl Tunnel<'_> {
    fn ends(&self, up: bool) -> (&Socket, &Socket) {
        if up { (self.client, self.server) } else { (self.server, self.client) }
    }

    fn count(&self, up: bool, bytes: usize) {
        if up {
            self.ticket.sent(bytes);
        } else {
            self.ticket.received(bytes);
        }
        if !self.is_free {
            self.meter.moved(bytes);
        }
    }

    /// Looks at what the client sent first; whether it may leave.
    fn look(&mut self, first: &[u8]) -> Result<bool, End> {
        let Some(gate) = &self.gate else { return Ok(true) };
        match judge(first, &gate.host, gate.rules) {
            FirstBytes::More => Ok(false),
            FirstBytes::Pass => {
                self.gate = None;
                Ok(true)
            }
            FirstBytes::Refused(why) => Err(End::Refused(why)),
        }
    }
}

impl Way {
    fn poll(&mut self, cx: &mut Context<'_>, tunnel: &mut Tunnel<'_>, up: bool) -> Poll<Result<(), End>> {
        loop {
            if self.done {
                return Poll::Ready(Ok(()));
            }
            let waits = up && tunnel.gate.is_some();
            let (from, to) = tunnel.ends(up);
            if !waits && self.written < self.held.len() {
                ready!(to.poll_writable(cx)).map_err(|_| End::Broken)?;
                self.write_held(to)?;
            } else if let Some(carrier) = self.carrier.as_mut().filter(|carrier| !carrier.is_empty()) {
                ready!(to.poll_writable(cx)).map_err(|_| End::Broken)?;
                would_block(to.try_io(Interest::WRITABLE, || carrier.drain(to)))?;
                if let Some(empty) = self.carrier.take_if(|carrier| carrier.is_empty()) {
                    empty.give_back();
                }
            } else if self.ended {
                // A client that ends before it said what it wants has wanted nothing.
                self.done = true;
                // The last one need not say so: both sockets are closed at once.
                if !tunnel.is_last {
                    to.end_writing();
                }
            } else {
                let most = ready!(self.poll_allowance(cx, tunnel))?;
                ready!(from.poll_readable(cx)).map_err(|_| End::Broken)?;
                if self.much && !waits {
                    self.carry(tunnel, up, most)?;
                } else {
                    self.copy(tunnel, up, most.min(SCRATCH))?;
                }
            }
        }
    }

    fn write_held(&mut self, to: &Socket) -> Result<(), End> {
        let rest = self.held.get(self.written..).unwrap_or_default();
        if let Some(count) = would_block(to.try_write(rest))? {
            self.written += count;
            if self.written >= self.held.len() {
                (self.held, self.written) = (Vec::new(), 0);
            }
        }
        Ok(())
    }

    /// How much may be read now.
    fn poll_allowance(&mut self, cx: &mut Context<'_>, tunnel: &Tunnel<'_>) -> Poll<Result<usize, End>> {
        if tunnel.is_free {
            return Poll::Ready(Ok(MOST_AT_ONCE));
        }
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match tunnel.meter.allowance(MOST_AT_ONCE) {
                Allowance::Bytes(most) => return Poll::Ready(Ok(most)),
                Allowance::Spent => return Poll::Ready(Err(End::Spent)),
                Allowance::Wait(time) => self.pause = Some(Box::pin(sleep(time))),
            }
        }
    }

    fn copy(&mut self, tunnel: &mut Tunnel<'_>, up: bool, most: usize) -> Result<(), End> {
        BUFFER.with_borrow_mut(|buffer| {
            let buffer = buffer.get_mut(..most).unwrap_or_default();
            let (from, to) = tunnel.ends(up);
            let Some(count) = would_block(from.try_read(buffer))? else { return Ok(()) };
            let bytes = buffer.get(..count).unwrap_or_default();
            if count == 0 {
                self.ended = true;
                return Ok(());
            }
            self.much = count == SCRATCH;
            if up && tunnel.gate.is_some() {
                self.held.extend_from_slice(bytes);
                tunnel.look(&self.held)?;
            } else {
                let written = would_block(to.try_write(bytes))?.unwrap_or(0);
                self.held.extend_from_slice(bytes.get(written..).unwrap_or_default());
            }
            tunnel.count(up, count);
            Ok(())
        })
    }

    fn carry(&mut self, tunnel: &Tunnel<'_>, up: bool, most: usize) -> Result<(), End> {
        let (from, to) = tunnel.ends(up);
        let Ok(mut carrier) = self.carrier.take().map_or_else(|| Carrier::take(tunnel.is_local), Ok) else {
            // No descriptors are left: it goes the other way.
            self.much = false;
            return Ok(());
        };
        match would_block(from.try_io(Interest::READABLE, || carrier.fill(from, most)))? {
            None => carrier.give_back(),
            Some(0) => {
                self.ended = true;
                carrier.give_back();
            }
            Some(count) => {
                self.much = count >= SCRATCH;
                // At once, while it is there; what is left waits for the other end.
                would_block(to.try_io(Interest::WRITABLE, || carrier.drain(to)))?;
                if !carrier.is_empty() {
                    self.carrier = Some(carrier);
                } else {
                    carrier.give_back();
                }
                tunnel.count(up, count);
            }
        }
        Ok(())
    }
}

/// What was moved; nothing where the socket is not ready.
fn would_block(result: io::Result<usize>) -> Result<Option<usize>, End> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(_) => Err(End::Broken),
    }
}
