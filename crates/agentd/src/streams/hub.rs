//! One shared, bounded memory of the newest events, from which every subscriber reads at its own pace: a hundred of
//! them cost the ledger's writer one message a commit.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use osmoda_ipc::Fault;
use osmoda_ledger::{Commit, Ledger};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    Kinds,
    frame::{Frame, Moment},
};

/// Subscribers at a time.
const MOST_SUBSCRIBERS: usize = 256;
/// Events that are remembered; who is further behind is cut.
const MOST_MOMENTS: usize = 8192;
/// And their bytes.
const MOST_BYTES: usize = 16 << 20;
/// Commits that may wait to be told of.
const QUEUE: usize = 1024;
/// After a commit was told of, the next ones are told of together after this time: each wakes every subscriber.
const PACE: Duration = Duration::from_millis(25);
/// Bytes that one subscriber takes at a time.
const MOST_AT_ONCE: usize = 64 << 10;

/// Too many subscribers.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{MOST_SUBSCRIBERS} streams are open; close one, or read /events/log")]
pub(crate) struct TooMany;

impl From<TooMany> for Fault {
    fn from(error: TooMany) -> Self {
        Self::unavailable("too_many_streams", error.to_string())
    }
}

/// Where events come together.
#[derive(Debug)]
pub(crate) struct Hub {
    memory: Mutex<Memory>,
    position: watch::Sender<u64>,
    subscribers: AtomicUsize,
}

#[derive(Debug, Default)]
struct Memory {
    moments: VecDeque<Moment>,
    bytes: usize,
    /// The position behind the newest.
    end: u64,
    /// The newest event of the ledger that came by.
    last: Option<i64>,
}

/// What a subscriber finds at its position.
#[derive(Debug)]
pub(crate) enum Found {
    /// These frames; go on from there.
    Bytes(Vec<u8>, u64),
    /// Nothing yet that it wants.
    Nothing(u64),
    /// It is too far behind: what it has missed is no longer remembered here.
    Lagged,
}

impl Hub {
    /// A hub that hears of every commit of the ledger until `stop`.
    pub(crate) fn start(ledger: &Ledger, stop: CancellationToken) -> Arc<Self> {
        let hub = Arc::new(Self {
            memory: Mutex::default(),
            position: watch::Sender::new(0),
            subscribers: AtomicUsize::new(0),
        });
        let (sender, inbox) = mpsc::channel::<Arc<Commit>>(QUEUE);
        let listening = hub.clone();
        ledger.follow(move |commit| {
            // While nobody listens there is nothing to do; who comes reads the past from the file.
            if listening.subscribers.load(Ordering::SeqCst) > 0 {
                // Where the queue is full the gap shows in the ids, and cuts those who would miss something.
                let _ = sender.try_send(commit.clone());
            }
        });
        tokio::spawn(hub.clone().run(inbox, stop));
        hub
    }

    async fn run(self: Arc<Self>, mut inbox: mpsc::Receiver<Arc<Commit>>, stop: CancellationToken) {
        loop {
            let commit = tokio::select! {
                () = stop.cancelled() => return,
                commit = inbox.recv() => match commit {
                    Some(commit) => commit,
                    None => return,
                },
            };
            self.remember(&commit);
            while let Ok(commit) = inbox.try_recv() {
                self.remember(&commit);
            }
            self.tell();
            tokio::time::sleep(PACE).await;
        }
    }

    /// What is no event of the ledger, such as an act's progress: only who listens now hears of it.
    pub(crate) fn live(&self, kind: &'static str, data: &serde_json::Value) {
        if self.subscribers.load(Ordering::SeqCst) == 0 {
            return;
        }
        self.memory().push(Moment { id: None, frames: vec![Frame::new(kind, data)] });
        self.tell();
    }

    fn remember(&self, commit: &Commit) {
        // Written down before the lock is taken: subscribers read meanwhile.
        let moments: Vec<Moment> = commit.events.iter().map(Moment::from).collect();
        let mut memory = self.memory();
        let first = moments.first().and_then(|moment| moment.id);
        if let (Some(last), Some(first)) = (memory.last, first)
            && first != last + 1
        {
            memory.forget();
        }
        memory.last = moments.last().and_then(|moment| moment.id);
        moments.into_iter().for_each(|moment| memory.push(moment));
    }

    fn tell(&self) {
        let end = self.memory().end;
        self.position.send_replace(end);
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place among the subscribers. Every commit from now on is remembered for it.
    pub(crate) fn join(self: &Arc<Self>) -> Result<Place, TooMany> {
        let place = Place { hub: self.clone(), changes: self.position.subscribe() };
        // The place is given back by its drop, also where it is one too many.
        if self.subscribers.fetch_add(1, Ordering::SeqCst) >= MOST_SUBSCRIBERS { Err(TooMany) } else { Ok(place) }
    }
}

impl Memory {
    fn push(&mut self, moment: Moment) {
        self.bytes += moment.size();
        self.moments.push_back(moment);
        self.end += 1;
        while self.moments.len() > MOST_MOMENTS || self.bytes > MOST_BYTES {
            let Some(oldest) = self.moments.pop_front() else { break };
            self.bytes -= oldest.size();
        }
    }

    /// A gap: the position jumps, so that whoever had not read up to it is behind.
    fn forget(&mut self) {
        self.moments.clear();
        self.bytes = 0;
        self.end += 1;
    }
}

/// One subscriber's place; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    hub: Arc<Hub>,
    changes: watch::Receiver<u64>,
}

impl Place {
    /// The position behind the newest event.
    pub(crate) fn end(&self) -> u64 {
        self.hub.memory().end
    }

    /// What there is from this position on, beyond the ledger's event `after`.
    pub(crate) fn look(&self, position: u64, after: i64, kinds: &Kinds) -> Found {
        let memory = self.hub.memory();
        let start = memory.end - memory.moments.len() as u64;
        let Some(skip) = position.checked_sub(start) else { return Found::Lagged };
        let mut bytes = Vec::new();
        let mut next = position;
        for moment in memory.moments.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX)) {
            next += 1;
            if moment.id.is_none_or(|id| id > after) {
                moment.write(kinds, &mut bytes);
            }
            if bytes.len() >= MOST_AT_ONCE {
                break;
            }
        }
        if bytes.is_empty() { Found::Nothing(next) } else { Found::Bytes(bytes, next) }
    }

    /// Until there is something new.
    pub(crate) async fn changed(&mut self) {
        // The hub lives as long as this place does.
        let _ = self.changes.changed().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.hub.subscribers.fetch_sub(1, Ordering::SeqCst) == 1 {
            let mut memory = self.hub.memory();
            memory.forget();
            memory.last = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub() -> Arc<Hub> {
        Arc::new(Hub { memory: Mutex::default(), position: watch::Sender::new(0), subscribers: AtomicUsize::new(0) })
    }

    #[test]
    fn who_is_too_far_behind_is_told_and_who_is_not_misses_nothing() {
        let hub = hub();
        let (slow, fast) = (hub.join().unwrap(), hub.join().unwrap());
        let (start, all) = (slow.end(), Kinds::default());
        let mut position = start;
        let mut heard = 0;
        for n in 0..=MOST_MOMENTS {
            hub.live("test.event", &serde_json::json!(n));
            if let Found::Bytes(bytes, next) = fast.look(position, 0, &all) {
                heard += bytes.windows(2).filter(|pair| pair == b"\n\n").count();
                position = next;
            }
        }
        assert_eq!(heard, MOST_MOMENTS + 1);
        assert!(matches!(slow.look(start, 0, &all), Found::Lagged));
        assert!(matches!(fast.look(position, 0, &all), Found::Nothing(_)));
        hub.memory().forget();
        assert!(matches!(fast.look(position, 0, &all), Found::Lagged), "a gap");
    }

    #[test]
    fn the_memory_is_bounded_in_bytes_and_the_places_in_number() {
        let hub = hub();
        let places: Vec<Place> = (0..MOST_SUBSCRIBERS).map(|_| hub.join().unwrap()).collect();
        assert!(hub.join().is_err());
        assert!(hub.join().is_err(), "a refusal takes no place");
        for _ in 0..40 {
            hub.live("test.event", &serde_json::json!("x".repeat(1 << 20)));
        }
        assert!(hub.memory().bytes <= MOST_BYTES && hub.memory().moments.len() >= 14);
        drop(places);
        assert!(hub.memory().moments.is_empty(), "nobody listens, nothing is kept");
        hub.live("test.event", &serde_json::json!(1));
        assert!(hub.memory().moments.is_empty());
    }
}
