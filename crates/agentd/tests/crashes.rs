//! kill -9 in the middle of appends: what was answered is there, once, and the chain holds.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use common::Agentd;
use osmoda_api::agentd::{EventLog, EventLogRequest, LedgerAppend};
use osmoda_ipc::{Client, NewEvent};
use osmoda_ledger::verify_file;
use serde_json::json;

const ROUNDS: u64 = 50;
const CALLERS: u64 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn every_answered_append_survives_kill_9_fifty_times() {
    let mut agentd = Agentd::start().await;
    // What was answered: the id, and what stands there.
    let answered: Arc<Mutex<HashMap<i64, String>>> = Arc::default();
    for round in 0..ROUNDS {
        let mut callers = tokio::task::JoinSet::new();
        for caller in 0..CALLERS {
            let (client, answered) = (Client::new(agentd.socket()), answered.clone());
            callers.spawn(async move {
                for n in 0.. {
                    let mark = format!("{round}-{caller}-{n}");
                    let event = NewEvent {
                        kind: "test.event".into(),
                        actor: "daemon:test".into(),
                        payload: json!({ "mark": mark }),
                    };
                    match client.call::<LedgerAppend>(&event).await {
                        Ok(appended) => assert_eq!(
                            answered.lock().unwrap().insert(appended.id, mark),
                            None,
                            "an id is answered once"
                        ),
                        Err(_) => return,
                    }
                }
            });
        }
        // Somewhere between the first commit and the hundredth.
        tokio::time::sleep(Duration::from_millis(3 + (round * 7) % 40)).await;
        agentd.kill();
        while callers.join_next().await.transpose().unwrap().is_some() {}
        let verification = verify_file(&agentd.ledger()).unwrap();
        assert!(verification.ok, "round {round}: {verification:?}");
        agentd.crash_and_restart().await;
    }
    let answered = answered.lock().unwrap().clone();
    assert!(answered.len() as u64 > ROUNDS, "only {} appends were answered", answered.len());
    let client = agentd.operator();
    let mut found = HashMap::new();
    let mut cursor = None;
    loop {
        let page = client
            .call::<EventLog>(&EventLogRequest {
                limit: Some(1000),
                cursor,
                kind: Some("test.event".into()),
                ..Default::default()
            })
            .await
            .unwrap();
        for event in page.events {
            let mark = event.payload["mark"].as_str().unwrap().to_owned();
            assert_eq!(found.insert(mark, event.id), None, "an event stands there once");
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    for (id, mark) in &answered {
        assert_eq!(found.get(mark), Some(id), "answered and lost");
    }
}
