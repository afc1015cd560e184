//! Every connection that is open to somewhere: whose it is, what moved, and how it is cut.

use std::{
    cell::RefCell,
    collections::HashMap,
    net::IpAddr,
    os::fd::{AsRawFd, BorrowedFd, RawFd},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::task::AtomicWaker;
use jiff::Timestamp;
use nix::sys::socket::{Shutdown, shutdown};
use osmoda_capability::Claims;
use tokio::sync::Notify;

use crate::report::{Ended, Reporter};

/// How often open connections are looked over.
pub(crate) const ROUND: Duration = Duration::from_millis(250);

/// How a connection came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// CONNECT.
    Tunnel,
    /// A request in absolute form.
    Request,
}

impl Via {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Tunnel => "connect",
            Self::Request => "http",
        }
    }
}

/// The open connections.
#[derive(Debug, Default)]
pub(crate) struct Book {
    open: Mutex<HashMap<u64, Arc<Entry>>>,
    next: AtomicU64,
    /// Rounds since start: the clock of idleness, read without asking the system.
    rounds: AtomicU32,
    /// Told when the first connection opens.
    pub(crate) opened: Notify,
    totals: Totals,
}

/// What was counted since start.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) connections: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) received: AtomicU64,
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) claims: Option<Arc<Claims>>,
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
    pub(crate) via: Via,
    pub(crate) since: Timestamp,
    began: Instant,
    pub(crate) address: OnceLock<IpAddr>,
    /// Bytes from the client.
    pub(crate) sent: AtomicU64,
    /// Bytes to the client.
    pub(crate) received: AtomicU64,
    moved_in: AtomicU32,
    cut: OnceLock<&'static str>,
    waker: AtomicWaker,
    /// A tunnel's sockets, the client's first, while they are open.
    ends: Mutex<Option<[RawFd; 2]>>,
}

/// A tunnel's sockets, within the book's reach for as long as this lives and they are borrowed.
#[derive(Debug)]
pub(crate) struct Reach<'a> {
    entry: &'a Entry,
    _ends: [BorrowedFd<'a>; 2],
}

/// Keeps a connection in the book while it is open; its end is reported when this is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    book: Arc<Book>,
    reporter: Arc<Reporter>,
    pub(crate) entry: Arc<Entry>,
    ended: Option<&'static str>,
}

impl Book {
    /// One more.
    pub(crate) fn open(
        self: &Arc<Self>,
        reporter: &Arc<Reporter>,
        claims: Option<Arc<Claims>>,
        to: (String, u16),
        via: Via,
    ) -> Ticket {
        let entry = Arc::new(Entry {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            claims,
            host: to.0.into(),
            port: to.1,
            via,
            since: Timestamp::now(),
            began: Instant::now(),
            address: OnceLock::new(),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            moved_in: AtomicU32::new(self.rounds.load(Ordering::Relaxed)),
            cut: OnceLock::new(),
            waker: AtomicWaker::new(),
            ends: Mutex::new(None),
        });
        self.totals.connections.fetch_add(1, Ordering::Relaxed);
        let mut open = self.lock();
        if open.is_empty() {
            self.opened.notify_one();
        }
        open.insert(entry.id, entry.clone());
        Ticket { book: self.clone(), reporter: reporter.clone(), entry, ended: None }
    }

    /// Cuts every connection for which there is a reason; how many were cut by this.
    ///
    /// All of them are shut here and now, the clients' ends first: ten thousand tasks take their time to be woken, to clean
    /// up and to report.
    pub(crate) fn cut(&self, why: impl Fn(&Entry) -> Option<&'static str>) -> usize {
        let is_cut = |entry: &Arc<Entry>| why(entry).is_some_and(|why| entry.cut.set(why).is_ok());
        let cut: Vec<Arc<Entry>> = self.lock().values().filter(|entry| is_cut(entry)).cloned().collect();
        for end in 0..2 {
            cut.iter().for_each(|entry| entry.shut(end));
        }
        cut.iter().for_each(|entry| entry.waker.wake());
        cut.len()
    }

    /// Cuts every connection whose token has fallen.
    pub(crate) fn cut_fallen(&self, fallen: impl Fn(&Claims) -> Option<&'static str>) -> usize {
        self.cut(once_a_token(fallen))
    }

    /// One round later: cuts what has been idle for too long, or holds no longer.
    pub(crate) fn round(&self, idle: Duration, fallen: impl Fn(&Claims) -> Option<&'static str>) {
        let now = self.rounds.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let most = u32::try_from(idle.as_millis() / ROUND.as_millis()).unwrap_or(u32::MAX);
        let fallen = once_a_token(fallen);
        self.cut(|entry| {
            let rounds = now.wrapping_sub(entry.moved_in.load(Ordering::Relaxed));
            fallen(entry).or_else(|| (rounds > most).then_some("idle"))
        });
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// The oldest ones.
    pub(crate) fn oldest(&self, most: usize) -> Vec<Arc<Entry>> {
        let mut entries: Vec<Arc<Entry>> = self.lock().values().cloned().collect();
        entries.sort_unstable_by_key(|entry| entry.id);
        entries.truncate(most);
        entries
    }

    /// Connections, and bytes in both directions, since start.
    pub(crate) fn totals(&self) -> (u64, u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.totals.connections), read(&self.totals.sent), read(&self.totals.received))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Entry>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks once for each token, however many connections it has: those that show one token share its claims.
fn once_a_token(fallen: impl Fn(&Claims) -> Option<&'static str>) -> impl Fn(&Entry) -> Option<&'static str> {
    let known: RefCell<HashMap<*const Claims, Option<&'static str>>> = RefCell::default();
    move |entry| {
        let claims = entry.claims.as_ref()?;
        *known.borrow_mut().entry(Arc::as_ptr(claims)).or_insert_with(|| fallen(claims))
    }
}

impl Entry {
    /// Puts a tunnel's sockets within reach of whoever cuts it.
    pub(crate) fn reach<'a>(&'a self, client: BorrowedFd<'a>, server: BorrowedFd<'a>) -> Reach<'a> {
        *self.ends() = Some([client.as_raw_fd(), server.as_raw_fd()]);
        Reach { entry: self, _ends: [client, server] }
    }

    /// Shuts one end of a tunnel that is cut, both ways.
    fn shut(&self, end: usize) {
        // The lock is held meanwhile: the numbers are the sockets' own for as long as they stand here.
        if let Some(fd) = self.ends().as_ref().and_then(|ends| ends.get(end)) {
            // One that the other side has reset is shut already.
            let _ = shutdown(*fd, Shutdown::Both);
        }
    }

    fn ends(&self) -> MutexGuard<'_, Option<[RawFd; 2]>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why it is cut, where it is. The task that polled last is woken then.
    pub(crate) fn poll_cut(&self, cx: &Context<'_>) -> Poll<&'static str> {
        if self.cut.get().is_none() {
            self.waker.register(cx.waker());
        }
        self.cut.get().map_or(Poll::Pending, |why| Poll::Ready(*why))
    }

    /// Waits until it is cut.
    pub(crate) async fn cut(&self) -> &'static str {
        std::future::poll_fn(|cx| self.poll_cut(cx)).await
    }

    /// How long it is open, in milliseconds.
    pub(crate) fn age_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Drop for Reach<'_> {
    fn drop(&mut self) {
        *self.entry.ends() = None;
    }
}

impl Ticket {
    /// Bytes went from the client to the host.
    pub(crate) fn sent(&self, bytes: usize) {
        self.moved(&self.entry.sent, &self.book.totals.sent, bytes);
    }

    /// Bytes came from the host for the client.
    pub(crate) fn received(&self, bytes: usize) {
        self.moved(&self.entry.received, &self.book.totals.received, bytes);
    }

    fn moved(&self, count: &AtomicU64, total: &AtomicU64, bytes: usize) {
        count.fetch_add(bytes as u64, Ordering::Relaxed);
        total.fetch_add(bytes as u64, Ordering::Relaxed);
        self.entry.moved_in.store(self.book.rounds.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// It is over, and why.
    pub(crate) fn end(&mut self, why: &'static str) {
        self.ended.get_or_insert(why);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.book.lock().remove(&self.entry.id);
        let why = self.ended.or(self.entry.cut.get().copied()).unwrap_or("stopped");
        self.reporter.ended(Ended::of(&self.entry, why));
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, os::fd::AsFd, os::unix::net::UnixStream};

    use super::*;

    #[test]
    fn a_cut_tunnel_is_shut_before_its_task_is_woken_and_not_after_its_sockets_are_gone() {
        let (book, reporter) = (Arc::new(Book::default()), Arc::new(Reporter::default()));
        let ticket = book.open(&reporter, None, ("cut.org".into(), 443), Via::Tunnel);
        let ((mut client, near), (far, mut server)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        let reach = ticket.entry.reach(near.as_fd(), far.as_fd());
        assert_eq!(book.cut(|_| Some("token_revoked")), 1);
        assert_eq!((client.read(&mut [0]).unwrap(), server.read(&mut [0]).unwrap()), (0, 0));
        assert_eq!(book.cut(|_| Some("idle")), 0, "it is cut once, and for the first reason");
        drop(reach);
        assert!(ticket.entry.ends().is_none());
    }

    #[tokio::test]
    async fn what_is_cut_or_idle_learns_it_and_its_end_is_reported() {
        let (book, reporter) = (Arc::new(Book::default()), Arc::new(Reporter::default()));
        let open = |host: &str| book.open(&reporter, None, (host.into(), 443), Via::Tunnel);
        let (cut, idle, mut busy) = (open("cut.org"), open("idle.org"), open("busy.org"));
        assert_eq!(book.cut(|entry| (&*entry.host == "cut.org").then_some("token_revoked")), 1);
        assert_eq!(cut.entry.cut().await, "token_revoked");
        for _ in 0..5 {
            busy.received(10);
            book.round(ROUND * 4, |_| None);
        }
        assert_eq!(idle.entry.cut().await, "idle");
        assert!(busy.entry.cut.get().is_none());
        busy.end("closed");
        drop((cut, idle, busy));
        assert_eq!(book.len(), 0);
        let (ended, _) = reporter.take(10);
        let ended: Vec<_> = ended
            .iter()
            .map(|ended| (&*ended.entry.host, ended.why, ended.entry.received.load(Ordering::Relaxed)))
            .collect();
        assert_eq!(ended, [("cut.org", "token_revoked", 0), ("idle.org", "idle", 0), ("busy.org", "closed", 50)]);
        assert_eq!(book.totals(), (3, 0, 50));
    }
}
