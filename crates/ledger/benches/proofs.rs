//! How long an inclusion proof takes in a ledger of a million events.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark stops at what it did not expect")]

use criterion::{Criterion, criterion_group, criterion_main};
use osmoda_ledger::{Ledger, Log, SigningKey, event_hash};
use rusqlite::{Connection, params};

const EVENTS: u64 = 1_000_000;

fn proofs(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    drop(Ledger::open(&path).unwrap());
    fill(&path);
    let ledger = Ledger::open(&path).unwrap();
    let log = Log::open(&folder.path().join("tree.db"), &ledger, SigningKey::generate().unwrap()).unwrap();
    while log.sign_now().is_err() {}
    let mut group = criterion.benchmark_group("ledger");
    let mut index = 0;
    group.bench_function("inclusion_proof_in_1000000", |bencher| {
        bencher.iter(|| {
            index = (index + 611_953) % EVENTS;
            log.inclusion(index, EVENTS).unwrap()
        });
    });
    group.bench_function("proof_file_in_1000000", |bencher| {
        bencher.iter(|| {
            index = (index + 611_953) % EVENTS;
            log.prove(i64::try_from(index).unwrap() + 1).unwrap()
        });
    });
    group.finish();
}

fn fill(path: &std::path::Path) {
    let mut connection = Connection::open(path).unwrap();
    let all = connection.transaction().unwrap();
    {
        let mut insert =
            all.prepare("INSERT INTO events VALUES (?1, ?2, 'test.event', 'agent:x', ?3, ?4, ?5)").unwrap();
        let (ts, mut prev, mut buffer) = ("2026-01-02T03:04:05.678Z", "0".repeat(64), Vec::new());
        for id in 1..=i64::try_from(EVENTS).unwrap() {
            let payload = format!("{{\"n\":{id}}}");
            let hash = event_hash(&mut buffer, id, ts, "test.event", "agent:x", &payload, &prev);
            insert.execute(params![id, ts, payload, prev, hash.as_str()]).unwrap();
            hash.as_str().clone_into(&mut prev);
        }
    }
    all.commit().unwrap();
}

criterion_group!(benches, proofs);
criterion_main!(benches);
