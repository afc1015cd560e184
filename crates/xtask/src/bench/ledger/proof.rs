//! Proving single events of a ledger of a million, against the promise of a millisecond.

use std::time::{Duration, Instant};

use osmoda_ledger::{Ledger, Log, SigningKey};

use super::fill;
use crate::{
    Failure,
    bench::{
        row::{Goal, Row},
        sample::{Figures, each, own_cpu, pause},
    },
};

const EVENTS: usize = 1_000_000;
const PROOFS: usize = 2000;
/// Microseconds that a proof may take.
const PROMISE: f64 = 1000.0;
/// How long the tree may take to have every event.
const GROWING: Duration = Duration::from_secs(120);

pub(in crate::bench) fn run() -> Result<Vec<Row>, Failure> {
    let folder = tempfile::tempdir_in(crate::bench::suite::programs()?).map_err(Failure::bench)?;
    let path = folder.path().join("ledger.db");
    fill(&path, EVENTS)?;
    let ledger = Ledger::open(&path).map_err(Failure::bench)?;
    let key = SigningKey::generate().map_err(Failure::bench)?;
    let log = Log::open(&folder.path().join("tree.db"), &ledger, key).map_err(Failure::bench)?;
    let started = Instant::now();
    while let Err(error) = log.sign_now() {
        if started.elapsed() > GROWING {
            return Err(Failure::bench(error));
        }
        pause(Duration::from_millis(100));
    }
    let mut event = 0;
    let proofs = each(PROOFS, own_cpu, || {
        // Far from the one before, so that what it needs was not just read.
        event = (event + 611_953) % EVENTS;
        let id = i64::try_from(event + 1).map_err(Failure::bench)?;
        log.prove(id).map(drop).map_err(Failure::bench)
    })?;
    let figures = |time: f64| Figures { p50: time, min: time, cpu: 0.0 };
    Ok(vec![Row {
        name: "proof",
        ours: ("Log::prove, 1,000,000 events", Figures { p50: proofs.p50, min: proofs.min, cpu: proofs.cpu }),
        peer: ("the promise", figures(PROMISE)),
        unit: "us a proof",
        ratio: proofs.p50 / PROMISE,
        goal: Goal::AtMost(1.0),
    }])
}
