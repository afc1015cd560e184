//! What a hundred subscribers of agentd's stream cost an append.

use std::sync::Arc;

use osmoda_api::agentd::LedgerAppend;
use osmoda_ipc::{Chunks, Client};
use tokio::{runtime::Runtime, task::JoinHandle};

use super::{
    ledger::event,
    row::{Goal, Row},
    sample::{Rounds, alternate, each},
    suite::Suite,
};
use crate::{Failure, bench::sample::cpu_of};

const ROUNDS: usize = 15;
const APPENDS: usize = 300;
const SUBSCRIBERS: usize = 100;

pub(super) fn run() -> Result<Vec<Row>, Failure> {
    let suite = Suite::up()?;
    let agentd = suite.agentd()?;
    let socket = suite.dirs().socket("agentd");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::bench)?;
    let client = Arc::new(Client::new(&socket));
    let mut number = 0;
    let [alone, followed]: [Rounds; 2] = alternate(ROUNDS, |contender| {
        let listeners = subscribe(&runtime, &client, if contender == 1 { SUBSCRIBERS } else { 0 })?;
        let round = each(
            APPENDS,
            || cpu_of(&[agentd]),
            || {
                number += 1;
                runtime.block_on(client.call::<LedgerAppend>(&event(number))).map(drop).map_err(Failure::bench)
            },
        );
        listeners.iter().for_each(JoinHandle::abort);
        round
    })?;
    Ok(vec![Row {
        name: "stream",
        ours: ("append, 100 subscribers", followed.figures()),
        peer: ("append, none", alone.figures()),
        unit: "us an event",
        ratio: followed.ratio_to(&alone),
        goal: Goal::AtMost(1.05),
    }])
}

/// Reads everything that comes, on tasks of its own.
fn subscribe(runtime: &Runtime, client: &Client, count: usize) -> Result<Vec<JoinHandle<()>>, Failure> {
    let open = async || -> Result<Chunks, Failure> {
        let mut chunks = client.stream("/events/stream", &[]).await.map_err(Failure::bench)?;
        // Its greeting: from here on it hears everything.
        chunks.next().await.transpose().map_err(Failure::bench)?;
        Ok(chunks)
    };
    let mut listeners = Vec::new();
    for _ in 0..count {
        let mut chunks = runtime.block_on(open())?;
        listeners.push(runtime.spawn(async move { while let Some(Ok(_)) = chunks.next().await {} }));
    }
    Ok(listeners)
}
