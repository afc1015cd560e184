//! How much is done with each token: connections, bytes, and bytes a second. What is done with a token counts against
//! every one above it, so that making narrower ones gains nothing.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use osmoda_capability::{Claims, LONGEST_TTL_SECS, Limits as TokenLimits, TokenId};

use crate::{config::Limits, refusal::Refusal};

/// The fewest bytes that a slow token may move at once.
const LEAST_BURST: u64 = 16_384;

/// What is done with each token.
#[derive(Debug, Default)]
pub(crate) struct UsageBook(Mutex<HashMap<Option<TokenId>, Arc<Usage>>>);

/// What is done with one token.
#[derive(Debug, Default)]
struct Usage {
    connections: AtomicU32,
    bytes: AtomicU64,
    bucket: Mutex<Option<Bucket>>,
    /// When it expires; what is known of it is forgotten then.
    expires: u64,
}

/// Bytes that may move now; below zero, how many moved too early.
#[derive(Debug)]
struct Bucket {
    level: f64,
    filled: Instant,
}

/// The limits of one connection: its token's and those of all above it.
#[derive(Clone, Debug)]
pub(crate) struct Meter(Arc<[(Arc<Usage>, Limits)]>);

/// Places of one connection among those of its tokens; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slots(Meter);

impl UsageBook {
    /// The meter of a token, or of all that come without one; `default` holds where a token says nothing.
    pub(crate) fn meter(&self, claims: Option<&Claims>, default: Limits) -> Meter {
        let mut book = self.lock();
        let mut usage = |id: Option<TokenId>, expires: u64| {
            book.entry(id).or_insert_with(|| Arc::new(Usage { expires, ..Usage::default() })).clone()
        };
        let Some(claims) = claims else { return Meter([(usage(None, u64::MAX), default)].into()) };
        let line = claims.limits_in_line().map(|(id, limits)| {
            // How long the tokens above it live it does not say; none outlives this.
            let expires = if *id == claims.id { claims.expires } else { claims.issued + LONGEST_TTL_SECS };
            (usage(Some(id.clone()), expires), merged(limits, default))
        });
        Meter(line.collect())
    }

    /// Forgets tokens that have expired and are not in use.
    pub(crate) fn forget_expired(&self, now: u64) {
        self.lock().retain(|_, usage| {
            usage.expires > now || usage.connections.load(Ordering::Relaxed) > 0 || Arc::strong_count(usage) > 1
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Option<TokenId>, Arc<Usage>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token's own limits; those of the configuration where it has none.
fn merged(own: &TokenLimits, default: Limits) -> Limits {
    Limits {
        connections: own.connections.unwrap_or(default.connections),
        bytes: own.bytes.unwrap_or(default.bytes),
        bytes_per_sec: own.bytes_per_sec.unwrap_or(default.bytes_per_sec),
    }
}

impl Meter {
    /// A place for one more connection.
    pub(crate) fn enter(&self) -> Result<Slots, Refusal> {
        if self.left() == Some(0) {
            return Err(Refusal::BytesSpent);
        }
        for (taken, (usage, limits)) in self.0.iter().enumerate() {
            let before = usage.connections.fetch_add(1, Ordering::Relaxed);
            if before >= limits.connections {
                for (usage, _) in self.0.iter().take(taken + 1) {
                    usage.connections.fetch_sub(1, Ordering::Relaxed);
                }
                return Err(Refusal::TooMany);
            }
        }
        Ok(Slots(self.clone()))
    }

    /// Whether bytes and rate are free, so that nothing needs to be asked before bytes move.
    pub(crate) fn is_free(&self) -> bool {
        self.0.iter().all(|(_, limits)| limits.bytes == 0 && limits.bytes_per_sec == 0)
    }

    /// Bytes that may still move at all; nothing where there is no end.
    fn left(&self) -> Option<u64> {
        let bounded = self.0.iter().filter(|(_, limits)| limits.bytes > 0);
        bounded.map(|(usage, limits)| limits.bytes.saturating_sub(usage.bytes.load(Ordering::Relaxed))).min()
    }

    /// How many bytes may move now, of `wanted`; or how long to wait before any may.
    pub(crate) fn allowance(&self, wanted: usize) -> Allowance {
        let mut most = u64::try_from(wanted).unwrap_or(u64::MAX);
        if let Some(left) = self.left() {
            if left == 0 {
                return Allowance::Spent;
            }
            most = most.min(left);
        }
        for (usage, limits) in self.0.iter().filter(|(_, limits)| limits.bytes_per_sec > 0) {
            match usage.ready(limits.bytes_per_sec) {
                Ok(ready) => most = most.min(ready),
                Err(wait) => return Allowance::Wait(wait),
            }
        }
        Allowance::Bytes(usize::try_from(most).unwrap_or(wanted))
    }

    /// Bytes that moved.
    pub(crate) fn moved(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        for (usage, limits) in self.0.iter() {
            usage.bytes.fetch_add(bytes, Ordering::Relaxed);
            if limits.bytes_per_sec > 0 {
                usage.debit(bytes);
            }
        }
    }
}

/// What may move now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowance {
    /// So many bytes, at least one.
    Bytes(usize),
    /// None for so long.
    Wait(Duration),
    /// None ever again.
    Spent,
}

impl Usage {
    fn ready(&self, per_sec: u64) -> Result<u64, Duration> {
        let burst = (per_sec.max(LEAST_BURST)) as f64;
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let bucket = bucket.get_or_insert(Bucket { level: burst, filled: now });
        let gained = now.duration_since(bucket.filled).as_secs_f64() * per_sec as f64;
        bucket.level = (bucket.level + gained).min(burst);
        bucket.filled = now;
        if bucket.level >= 1.0 {
            return Ok(bucket.level as u64);
        }
        // Not for a single byte: a tenth of a second's worth, or the wait would be all that is done.
        let missing = (per_sec as f64 / 10.0).max(1.0) - bucket.level;
        Err(Duration::from_secs_f64((missing / per_sec as f64).clamp(0.001, 5.0)))
    }

    fn debit(&self, bytes: u64) {
        if let Some(bucket) = self.bucket.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            bucket.level -= bytes as f64;
        }
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        for (usage, _) in self.0.0.iter() {
            usage.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use osmoda_capability::{NewClaims, Permissions};

    use super::*;

    const DEFAULT: Limits = Limits { connections: 3, bytes: 0, bytes_per_sec: 0 };

    fn token(limits: TokenLimits) -> Claims {
        let permissions = Permissions::parse(&["net:a.org"]).unwrap();
        let asked = NewClaims { holder: "x".into(), permissions, limits, expires: 1000 };
        Claims::new(TokenId::generate(), asked, 1).unwrap()
    }

    fn child(of: &Claims, limits: TokenLimits) -> Claims {
        let asked = NewClaims { holder: "y".into(), permissions: of.permissions.clone(), limits, expires: 900 };
        of.narrow(TokenId::generate(), asked, 2).unwrap()
    }

    #[test]
    fn connections_count_against_the_whole_line_and_are_given_back() {
        let book = UsageBook::default();
        let root = token(TokenLimits { connections: Some(2), ..TokenLimits::default() });
        let (a, b) = (child(&root, TokenLimits::default()), child(&root, TokenLimits::default()));
        let meter = |claims: &Claims| book.meter(Some(claims), DEFAULT);
        let first = meter(&a).enter().unwrap();
        let _second = meter(&b).enter().unwrap();
        assert_eq!(meter(&b).enter().err(), Some(Refusal::TooMany), "two children are not two times as many");
        assert_eq!(meter(&root).enter().err(), Some(Refusal::TooMany));
        drop(first);
        let _third = meter(&root).enter().unwrap();
        let all: Vec<_> = (0..3).map(|_| book.meter(None, DEFAULT).enter().unwrap()).collect();
        assert_eq!(book.meter(None, DEFAULT).enter().err(), Some(Refusal::TooMany));
        drop(all);
        assert!(book.meter(None, DEFAULT).is_free());
    }

    #[test]
    fn bytes_end_and_end_for_the_whole_line() {
        let book = UsageBook::default();
        let root = token(TokenLimits { bytes: Some(100), ..TokenLimits::default() });
        let below = child(&root, TokenLimits { bytes: Some(60), ..TokenLimits::default() });
        let (meter, wide) = (book.meter(Some(&below), DEFAULT), book.meter(Some(&root), DEFAULT));
        assert_eq!(meter.allowance(1000), Allowance::Bytes(60));
        meter.moved(50);
        assert_eq!((meter.allowance(1000), wide.allowance(1000)), (Allowance::Bytes(10), Allowance::Bytes(50)));
        meter.moved(10);
        assert_eq!((meter.allowance(1000), wide.allowance(1000)), (Allowance::Spent, Allowance::Bytes(40)));
        assert_eq!(meter.enter().err(), Some(Refusal::BytesSpent));
        wide.moved(40);
        assert_eq!(wide.allowance(1), Allowance::Spent);
    }

    #[test]
    fn a_rate_is_a_burst_and_then_a_wait() {
        let book = UsageBook::default();
        let meter =
            book.meter(Some(&token(TokenLimits { bytes_per_sec: Some(20_000), ..TokenLimits::default() })), DEFAULT);
        assert_eq!(meter.allowance(65_536), Allowance::Bytes(20_000));
        meter.moved(40_000);
        let Allowance::Wait(wait) = meter.allowance(65_536) else { panic!("twice as much as a second's has moved") };
        assert!(wait > Duration::from_millis(900) && wait < Duration::from_millis(1200), "{wait:?}");
    }

    #[test]
    fn what_has_expired_is_forgotten_when_nobody_uses_it() {
        let book = UsageBook::default();
        let meter = book.meter(Some(&token(TokenLimits::default())), DEFAULT);
        let _anonymous = book.meter(None, DEFAULT);
        let slots = meter.enter().unwrap();
        drop(meter);
        book.forget_expired(2000);
        assert_eq!(book.lock().len(), 2);
        drop(slots);
        book.forget_expired(2000);
        assert_eq!(book.lock().len(), 1);
    }
}
