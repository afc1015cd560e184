//! Appends from 64 callers, each answered once it is durable.

use std::sync::Arc;

use osmoda_ledger::Ledger;
use tokio::{runtime::Runtime, task::JoinSet};

use super::{event, plain::Plain};
use crate::{
    Failure,
    bench::{
        row::{Goal, Row},
        sample::{Round, Rounds, alternate, whole},
    },
};

const ROUNDS: usize = 15;
const CALLERS: usize = 64;
/// Events of each caller in a round; fewer of the one that commits each by itself.
const EVENTS: [usize; 3] = [100, 100, 4];

pub(in crate::bench) fn run() -> Result<Vec<Row>, Failure> {
    // Beside what was built: a temporary folder may lie in memory, where durability costs nothing.
    let folder = tempfile::tempdir_in(crate::bench::suite::programs()?).map_err(Failure::bench)?;
    let path = |name: &str| folder.path().join(name);
    let ledger = Arc::new(Ledger::open(&path("ledger.db")).map_err(Failure::bench)?);
    let groups = Arc::new(Plain::open(&path("groups.db"), 1024)?);
    let single = Arc::new(Plain::open(&path("single.db"), 1)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::bench)?;
    let [ours, groups, single]: [Rounds; 3] = alternate(ROUNDS, |contender| {
        let events = EVENTS[contender];
        match contender {
            0 => appended(&runtime, events, || {
                let ledger = ledger.clone();
                move |number| {
                    let ledger = ledger.clone();
                    async move { ledger.append(event(number)).await.map_err(Failure::bench) }
                }
            }),
            other => {
                let plain = if other == 1 { &groups } else { &single };
                appended(&runtime, events, || {
                    let plain = plain.clone();
                    move |number| {
                        let plain = plain.clone();
                        async move { plain.append(event(number)).await }
                    }
                })
            }
        }
    })?;
    let row = |name, peer, peers: &Rounds, goal| Row {
        name,
        ours: ("Ledger::append, 64 callers", ours.figures()),
        peer: (peer, peers.figures()),
        unit: "us an event",
        // How many times as many events in the same time.
        ratio: peers.ratio_to(&ours),
        goal,
    };
    Ok(vec![
        row("append", "a transaction an event", &single, Goal::AtLeast(20.0)),
        row("append-chained", "group commits without chain", &groups, Goal::AtLeast(0.9)),
    ])
}

fn appended<A, F>(runtime: &Runtime, events: usize, append: impl Fn() -> A) -> Result<Round, Failure>
where
    A: Fn(usize) -> F + Send + 'static,
    F: Future<Output = Result<i64, Failure>> + Send,
{
    whole(CALLERS * events, || {
        runtime.block_on(async {
            let mut callers = JoinSet::new();
            for caller in 0..CALLERS {
                let append = append();
                callers.spawn(async move {
                    for number in 0..events {
                        append(caller * events + number).await?;
                    }
                    Ok::<(), Failure>(())
                });
            }
            callers.join_all().await.into_iter().collect()
        })
    })
}
