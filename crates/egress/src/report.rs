//! What is told to the ledger: each connection's end and what was refused, many in one event.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use osmoda_ipc::NewEvent;
use osmoda_steward::Steward;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{book::Entry, refusal::Refusal};

/// Ends wait at most so long for others to travel with.
const GATHER: Duration = Duration::from_secs(1);
/// Ends in one event.
const BATCH: usize = 200;
/// Ends that may wait; more, and nothing new is let out.
const MOST_WAITING: usize = 20_000;
/// Refusals that are told one by one between two events; more are only counted.
const MOST_REFUSED: usize = 100;

/// A connection that is over.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) entry: Arc<Entry>,
    ms: u64,
    pub(crate) why: &'static str,
}

impl Ended {
    pub(crate) fn of(entry: &Arc<Entry>, why: &'static str) -> Self {
        Self { entry: entry.clone(), ms: entry.age_ms(), why }
    }

    fn told(&self) -> Value {
        let Self { entry, ms, why } = self;
        let claims = entry.claims.as_ref();
        json!({
            "to": format!("{}:{}", entry.host, entry.port), "address": entry.address.get(), "via": entry.via.as_str(),
            "token": claims.map(|claims| claims.id.to_string()), "holder": claims.map(|claims| &claims.holder),
            "since": entry.since.to_string(), "ms": ms, "sent": entry.sent.load(Relaxed),
            "received": entry.received.load(Relaxed), "ended": why,
        })
    }
}

/// What was refused since the last event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refused {
    one_by_one: Vec<(&'static str, Value)>,
    more: BTreeMap<&'static str, u64>,
}

impl Refused {
    fn is_empty(&self) -> bool {
        self.one_by_one.is_empty() && self.more.is_empty()
    }

    /// One by one as far as there is room, else by its code.
    fn add(&mut self, code: &'static str, told: Value) {
        if self.one_by_one.len() < MOST_REFUSED {
            self.one_by_one.push((code, told));
        } else {
            *self.more.entry(code).or_default() += 1;
        }
    }

    /// These, and those that came later.
    fn join(mut self, later: Self) -> Self {
        later.one_by_one.into_iter().for_each(|(code, told)| self.add(code, told));
        later.more.into_iter().for_each(|(code, count)| *self.more.entry(code).or_default() += count);
        self
    }
}

/// What waits for the ledger.
#[derive(Debug, Default)]
pub(crate) struct Reporter {
    waiting: Mutex<Waiting>,
    full: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    ended: VecDeque<Ended>,
    refused: Refused,
    codes: BTreeMap<&'static str, u64>,
}

impl Reporter {
    /// A connection is over.
    pub(crate) fn ended(&self, ended: Ended) {
        let mut waiting = self.lock();
        waiting.ended.push_back(ended);
        if waiting.ended.len() >= BATCH {
            self.full.notify_one();
        }
    }

    /// A request was refused.
    pub(crate) fn refused(&self, why: &Refusal, token: Option<&str>, to: &str) {
        let mut waiting = self.lock();
        *waiting.codes.entry(why.code()).or_default() += 1;
        let to: String = to.chars().take(300).collect();
        waiting.refused.add(why.code(), json!({ "to": to, "code": why.code(), "token": token }));
    }

    /// Whether nothing more may be let out, since its end could not be told.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().ended.len() >= MOST_WAITING
    }

    /// How often each code was answered since start.
    pub(crate) fn codes(&self) -> BTreeMap<&'static str, u64> {
        self.lock().codes.clone()
    }

    /// How many ends wait here.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().ended.len()
    }

    /// At most so many ends, and all refusals.
    pub(crate) fn take(&self, most: usize) -> (Vec<Ended>, Refused) {
        let mut waiting = self.lock();
        let count = waiting.ended.len().min(most);
        (waiting.ended.drain(..count).collect(), std::mem::take(&mut waiting.refused))
    }

    fn put_back(&self, ended: Vec<Ended>, refused: Refused) {
        let mut waiting = self.lock();
        waiting.refused = refused.join(std::mem::take(&mut waiting.refused));
        for one in ended.into_iter().rev() {
            waiting.ended.push_front(one);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the ledger until `done`, and then what is left.
pub(crate) async fn report(reporter: Arc<Reporter>, steward: Arc<Steward>, done: CancellationToken) {
    loop {
        tokio::select! {
            () = done.cancelled() => {
                while tell(&reporter, &steward).await == Told::More {}
                return;
            }
            () = tokio::time::sleep(GATHER) => {}
            () = reporter.full.notified() => {}
        }
        while tell(&reporter, &steward).await == Told::More {}
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    More,
    Nothing,
    Failed,
}

async fn tell(reporter: &Reporter, steward: &Steward) -> Told {
    let (ended, refused) = reporter.take(BATCH);
    if ended.is_empty() && refused.is_empty() {
        return Told::Nothing;
    }
    match steward.append_soon(event(&ended, &refused)).await {
        Ok(_) => Told::More,
        Err(fault) => {
            warn!(%fault, "the end of connections could not be recorded; they wait");
            reporter.put_back(ended, refused);
            Told::Failed
        }
    }
}

fn event(ended: &[Ended], refused: &Refused) -> NewEvent {
    let mut payload = json!({ "daemon": "egress", "connections": ended.iter().map(Ended::told).collect::<Vec<_>>() });
    if !refused.is_empty() {
        payload["refused"] = refused.one_by_one.iter().map(|(_, told)| told.clone()).collect();
        payload["refused_more"] = json!(refused.more);
    }
    NewEvent { kind: "egress.connections".into(), actor: "daemon:egress".into(), payload }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_counted_and_not_told_one_by_one() {
        let reporter = Reporter::default();
        for number in 0..1000 {
            reporter.refused(&Refusal::NoToken, None, &format!("{number}.org:443"));
        }
        let (ended, refused) = reporter.take(10);
        let event = event(&ended, &refused);
        assert_eq!(event.payload["refused"].as_array().unwrap().len(), MOST_REFUSED);
        assert_eq!(event.payload["refused_more"]["token_missing"], 900);
        assert_eq!(reporter.codes()["token_missing"], 1000);
        assert!(reporter.take(10).1.is_empty());
    }

    #[test]
    fn refusals_that_the_ledger_did_not_take_are_told_with_the_next_ones() {
        let reporter = Reporter::default();
        reporter.refused(&Refusal::NoToken, None, "first.org:443");
        let (ended, refused) = reporter.take(10);
        for number in 0..MOST_REFUSED {
            reporter.refused(&Refusal::NoToken, None, &format!("{number}.org:443"));
        }
        reporter.put_back(ended, refused);
        let (ended, refused) = reporter.take(10);
        let event = event(&ended, &refused);
        assert_eq!(event.payload["refused"][0]["to"], "first.org:443");
        assert_eq!(event.payload["refused"].as_array().unwrap().len(), MOST_REFUSED);
        assert_eq!(event.payload["refused_more"]["token_missing"], 1);
    }
}
