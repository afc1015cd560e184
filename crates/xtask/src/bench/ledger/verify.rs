//! Checking a ledger of a million events, against SHA-256 alone over the same bytes in memory.

use std::path::Path;

use osmoda_ledger::verify_file;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::fill;
use crate::{
    Failure,
    bench::{
        row::{Goal, Row},
        sample::{Rounds, alternate, whole},
    },
};

const ROUNDS: usize = 9;
const EVENTS: usize = 1_000_000;

pub(in crate::bench) fn run() -> Result<Vec<Row>, Failure> {
    let folder = tempfile::tempdir_in(crate::bench::suite::programs()?).map_err(Failure::bench)?;
    let path = folder.path().join("ledger.db");
    fill(&path, EVENTS)?;
    let messages = messages(&path)?;
    let [ours, sha2]: [Rounds; 2] = alternate(ROUNDS, |contender| {
        whole(EVENTS, || match contender {
            0 => {
                let verification = verify_file(&path).map_err(Failure::bench)?;
                if verification.ok && verification.events == EVENTS as u64 {
                    Ok(())
                } else {
                    Err(Failure::bench(format!("the ledger does not verify: {verification:?}")))
                }
            }
            _ => {
                hash(&messages);
                Ok(())
            }
        })
    })?;
    Ok(vec![Row {
        name: "verify",
        ours: ("verify_file, 1,000,000 events", ours.figures()),
        peer: ("sha2 alone, all cores", sha2.figures()),
        unit: "us an event",
        ratio: ours.ratio_to(&sha2),
        goal: Goal::AtMost(2.0),
    }])
}

/// What is hashed of each event, one after the other, and where each ends.
struct Messages {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

fn messages(path: &Path) -> Result<Messages, Failure> {
    let connection = Connection::open(path).map_err(Failure::bench)?;
    let mut messages = Messages { bytes: Vec::new(), ends: Vec::new() };
    let mut read = || {
        let mut select = connection.prepare(
            "SELECT id || '|' || ts || '|' || type || '|' || actor || '|' || payload || '|' || prev_hash FROM events ORDER BY id",
        )?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            messages.bytes.extend_from_slice(row.get_ref(0)?.as_bytes()?);
            messages.ends.push(messages.bytes.len());
        }
        Ok::<(), rusqlite::Error>(())
    };
    read().map_err(Failure::bench)?;
    Ok(messages)
}

fn hash(messages: &Messages) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = messages.ends.len().div_ceil(cores);
    std::thread::scope(|scope| {
        for (worker, ends) in messages.ends.chunks(share).enumerate() {
            let mut start = worker.checked_mul(share).and_then(|n| n.checked_sub(1)).map_or(0, |n| messages.ends[n]);
            scope.spawn(move || {
                for end in ends {
                    std::hint::black_box(Sha256::digest(&messages.bytes[start..*end]));
                    start = *end;
                }
            });
        }
    });
}
