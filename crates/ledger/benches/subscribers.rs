//! What followers cost an append: nobody, the tree, and the tree with a hub that a hundred subscribers wake up for.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark stops at what it did not expect")]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use osmoda_ipc::NewEvent;
use osmoda_ledger::{Commit, Ledger, Log, SigningKey};
use serde_json::json;
use tokio::sync::{mpsc, watch};

const CALLERS: usize = 16;

fn appends(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("append");
    for (name, with_tree, subscribers) in
        [("alone", false, 0), ("with_tree", true, 0), ("with_tree_and_100_subscribers", true, 100)]
    {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Arc::new(Ledger::open(&folder.path().join("ledger.db")).unwrap());
        let _log = with_tree
            .then(|| Log::open(&folder.path().join("tree.db"), &ledger, SigningKey::generate().unwrap()).unwrap());
        if subscribers > 0 {
            let _guard = runtime.enter();
            subscribe(&ledger, subscribers);
        }
        group.bench_function(name, |bencher| {
            bencher.to_async(&runtime).iter(|| async {
                let mut callers = tokio::task::JoinSet::new();
                for n in 0..CALLERS {
                    let ledger = ledger.clone();
                    let event =
                        NewEvent { kind: "test.event".into(), actor: "agent:x".into(), payload: json!({ "n": n }) };
                    callers.spawn(async move { ledger.append(event).await.unwrap() });
                }
                callers.join_all().await
            });
        });
    }
    group.finish();
}

/// As agentd's hub does it: one message a commit, and a paced wake-up of everybody.
fn subscribe(ledger: &Ledger, count: usize) {
    let (sender, mut inbox) = mpsc::channel::<Arc<Commit>>(1024);
    ledger.follow(move |commit| {
        let _ = sender.try_send(commit.clone());
    });
    let position = watch::Sender::new(0_usize);
    for _ in 0..count {
        let mut changes = position.subscribe();
        tokio::spawn(async move { while changes.changed().await.is_ok() {} });
    }
    tokio::spawn(async move {
        while let Some(commit) = inbox.recv().await {
            let mut seen = commit.events.len();
            while let Ok(commit) = inbox.try_recv() {
                seen += commit.events.len();
            }
            position.send_modify(|position| *position += seen);
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
    });
}

criterion_group!(benches, appends);
criterion_main!(benches);
