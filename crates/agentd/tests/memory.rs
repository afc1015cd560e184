//! Memory over the socket: what was answered survives kill -9, while storing and while reindexing.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{Agentd, fault};
use osmoda_api::agentd::{
    EventLogRequest, MemoryForget, MemoryGet, MemoryHealth, MemoryId, MemoryList, MemoryListRequest, MemoryNew,
    MemoryQuery, MemoryRecall, MemoryReindex, MemoryReindexRequest, MemoryStore,
};
use osmoda_ipc::{Client, Nothing};

const ROUNDS: u64 = 10;
const CALLERS: u64 = 4;

async fn summaries(agentd: &Agentd, query: &str) -> Vec<String> {
    let query = MemoryQuery { query: query.into(), ..MemoryQuery::default() };
    agentd
        .agent()
        .call::<MemoryRecall>(&query)
        .await
        .unwrap()
        .results
        .into_iter()
        .map(|result| result.summary)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answered_memory_survives_kill_9_while_storing_and_while_reindexing() {
    let mut agentd = Agentd::start().await;
    let answered: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    for round in 0..ROUNDS {
        let mut callers = tokio::task::JoinSet::new();
        for caller in 0..CALLERS {
            let (client, answered) = (Client::new(agentd.socket()), answered.clone());
            callers.spawn(async move {
                for number in 0.. {
                    let summary = format!("mark{round}x{caller}x{number} was seen");
                    let new = MemoryNew { summary: summary.clone(), ..MemoryNew::default() };
                    match client.call::<MemoryStore>(&new).await {
                        Ok(stored) => answered.lock().unwrap().push((stored.id, summary)),
                        Err(_) => return,
                    }
                }
            });
        }
        if round % 2 == 1 {
            let client = Client::new(agentd.socket());
            callers.spawn(async move {
                while client.call::<MemoryReindex>(&MemoryReindexRequest::default()).await.is_ok() {}
            });
        }
        tokio::time::sleep(Duration::from_millis(30 + (round * 37) % 150)).await;
        agentd.kill();
        while callers.join_next().await.transpose().unwrap().is_some() {}
        agentd.crash_and_restart().await;
        // Right after the start, before anybody had time to look at the files.
        let newest = answered.lock().unwrap().iter().rev().take(5).cloned().collect::<Vec<_>>();
        for (_, summary) in newest {
            let word = summary.split(' ').next().unwrap();
            assert!(summaries(&agentd, word).await.contains(&summary), "round {round}: {summary} is lost");
        }
    }
    let answered = answered.lock().unwrap().clone();
    assert!(answered.len() as u64 > ROUNDS, "only {} memories were answered", answered.len());
    for (id, summary) in &answered {
        let item = agentd.agent().call::<MemoryGet>(&MemoryId { id: id.clone() }).await.unwrap();
        assert_eq!(&item.summary, summary);
    }
    // No row without its file: every row that is listed was read from one just now.
    let (mut cursor, mut listed) = (None, 0);
    loop {
        let request = MemoryListRequest { limit: Some(1000), cursor, ..MemoryListRequest::default() };
        let page = agentd.operator().call::<MemoryList>(&request).await.unwrap();
        listed += page.memories.len() as u64;
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let health = agentd.operator().call::<MemoryHealth>(&Nothing {}).await.unwrap();
    assert_eq!((health.memories, health.damaged), (listed, vec![]));
}

#[tokio::test]
async fn operators_alone_forget_and_content_stays_out_of_the_ledger() {
    let agentd = Agentd::start().await;
    let new = MemoryNew { summary: "The zebra is called Quagga.".into(), ..MemoryNew::default() };
    let id = agentd.agent().call::<MemoryStore>(&new).await.unwrap().id;
    let events = agentd
        .events(EventLogRequest { kind: Some("memory_store.outcome".into()), ..EventLogRequest::default() })
        .await
        .events;
    assert_eq!(events.len(), 1);
    assert!(!events[0].payload.to_string().contains("Quagga"), "{}", events[0].payload);
    assert_eq!(fault::<MemoryForget>(&agentd.agent(), &MemoryId { id: id.clone() }).await.code(), "forbidden");
    assert_eq!(summaries(&agentd, "zebra").await.len(), 1);
    agentd.operator().call::<MemoryForget>(&MemoryId { id }).await.unwrap();
    assert!(summaries(&agentd, "zebra").await.is_empty());
    assert!(agentd.kinds().await.contains(&"memory_forget.intent".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_on_disk_with_its_event_before_its_file_is() {
    let mut agentd = Agentd::start().await;
    let store = async |agentd: &Agentd, summary: &str| {
        let new = MemoryNew { summary: summary.into(), ..MemoryNew::default() };
        agentd.agent().call::<MemoryStore>(&new).await.unwrap().id
    };
    // What is not flushed within two seconds is not there after a cut of power; here it is removed.
    let lost = store(&agentd, "The lost lighthouse.").await;
    let forgotten = store(&agentd, "The forgotten lighthouse.").await;
    agentd.operator().call::<MemoryForget>(&MemoryId { id: forgotten.clone() }).await.unwrap();
    agentd.kill();
    let notes = agentd.ledger().with_file_name("memory").join("notes");
    let files = std::fs::read_dir(notes).unwrap().flat_map(|month| std::fs::read_dir(month.unwrap().path()).unwrap());
    let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    std::fs::remove_file(&files[0]).unwrap();
    agentd.crash_and_restart().await;
    assert_eq!(
        agentd.operator().call::<MemoryGet>(&MemoryId { id: lost }).await.unwrap().summary,
        "The lost lighthouse."
    );
    assert_eq!(summaries(&agentd, "lighthouse").await, ["The lost lighthouse."]);
    assert_eq!(fault::<MemoryGet>(&agentd.operator(), &MemoryId { id: forgotten }).await.code(), "memory_unknown");
}
