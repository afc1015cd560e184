//! Appends from many callers: each answered once, in a chain without gaps, also over a reopening and a failing disk.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::{collections::HashSet, sync::Arc};

use osmoda_api::agentd::{EventLogRequest, ReceiptListRequest};
use osmoda_ipc::{NewEvent, Redo};
use osmoda_ledger::{AppendError, Ledger, Query, Reader, verify_file};
use serde_json::{Value, json};

fn event(kind: &str, payload: Value) -> NewEvent {
    NewEvent { kind: kind.into(), actor: "agent:x".into(), payload }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_appends_get_ids_without_gaps_and_share_commits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Arc::new(Ledger::open(&path).unwrap());
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..64 {
        let ledger = ledger.clone();
        callers.spawn(async move {
            let mut ids = Vec::new();
            for n in 0..20 {
                ids.push(ledger.append(event("test.event", json!({"caller": caller, "n": n}))).await.unwrap());
            }
            ids
        });
    }
    let ids: Vec<i64> = callers.join_all().await.into_iter().flatten().collect();
    assert_eq!(ids.iter().copied().collect::<HashSet<_>>(), (1..=1280).collect::<HashSet<_>>());
    let (commits, events) = ledger.counts();
    assert_eq!(events, 1280);
    assert!(commits < 640, "{commits} commits carried 1280 events");
    drop(ledger);
    assert_eq!(verify_file(&path).unwrap().events, 1280);
    let again = Ledger::open(&path).unwrap();
    assert_eq!(again.append(event("test.event", json!({}))).await.unwrap(), 1281);
    drop(again);
    assert!(verify_file(&path).unwrap().ok);
}

#[tokio::test]
async fn what_may_not_stand_in_an_event_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    for kind in ["", "a|b", "a b", "ä"] {
        assert!(matches!(ledger.append(event(kind, json!({}))).await, Err(AppendError::BadName(_))), "{kind:?}");
    }
    let actor = NewEvent { kind: "a".into(), actor: "x|y".into(), payload: json!({}) };
    assert!(matches!(ledger.append(actor).await, Err(AppendError::BadName(_))));
    assert!(matches!(ledger.append(event("a", json!("x".repeat(300_000)))).await, Err(AppendError::TooLarge(_))));
    assert_eq!(ledger.append(event("a", json!({}))).await.unwrap(), 1);
}

#[tokio::test]
async fn a_write_that_the_database_refuses_is_answered_and_the_chain_goes_on_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    ledger.append(event("a", json!({}))).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    // A foreign writer's lock outlasts the writer's patience of 5 s.
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(ledger.append(event("a", json!({}))).await, Err(AppendError::Database(_))));
    assert!(!ledger.is_well());
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(ledger.append(event("a", json!({}))).await.unwrap(), 2);
    assert!(ledger.is_well());
    drop(ledger);
    assert!(verify_file(&path).unwrap().ok);
}

#[tokio::test]
async fn pages_filters_and_cursors_show_each_event_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    for n in 1..=25 {
        let kind = if n % 5 == 0 { "shell_exec.intent" } else { "other.event" };
        ledger.append(event(kind, json!({"request_id": format!("req_{n}")}))).await.unwrap();
    }
    let reader = Reader::new(&path);
    let ids = |request: EventLogRequest| {
        let page = reader.events(&Query::from_request(request).unwrap()).unwrap();
        (page.events.iter().map(|event| event.id).collect::<Vec<_>>(), page.next_cursor)
    };
    let base = EventLogRequest::default;
    assert_eq!(ids(EventLogRequest { limit: Some(10), ..base() }), ((16..=25).rev().collect(), Some(16)));
    assert_eq!(
        ids(EventLogRequest { limit: Some(10), cursor: Some(16), ..base() }),
        ((6..=15).rev().collect(), Some(6))
    );
    assert_eq!(ids(EventLogRequest { limit: Some(10), cursor: Some(6), ..base() }), ((1..=5).rev().collect(), None));
    assert_eq!(ids(EventLogRequest { kind: Some("shell_exec.".into()), ..base() }), (vec![25, 20, 15, 10, 5], None));
    assert_eq!(
        ids(EventLogRequest { kind: Some("shell*".into()), limit: Some(2), ..base() }),
        (vec![25, 20], Some(20))
    );
    assert_eq!(ids(EventLogRequest { kind: Some("shell".into()), ..base() }), (vec![], None));
    assert_eq!(ids(EventLogRequest { after: Some(22), ..base() }), (vec![23, 24, 25], None));
    assert_eq!(ids(EventLogRequest { request_id: Some("req_7".into()), ..base() }), (vec![7], None));
    assert_eq!(ids(EventLogRequest { actor: Some("agent:y".into()), ..base() }), (vec![], None));
    assert_eq!(ids(EventLogRequest { since: Some("2000-01-01".into()), limit: Some(1), ..base() }).0, [25]);
    assert_eq!(ids(EventLogRequest { since: Some("2100-01-01".into()), ..base() }), (vec![], None));
    assert!(Query::from_request(EventLogRequest { limit: Some(0), ..base() }).is_err());
    assert_eq!(reader.receipts(&ReceiptListRequest { limit: Some(2), ..Default::default() }).unwrap().len(), 2);
    assert_eq!(
        reader.receipts(&ReceiptListRequest { kind: Some("file_write".into()), ..Default::default() }).unwrap().len(),
        0
    );
}

/// The names of the redo records there are.
fn kept(ledger: &Ledger) -> Vec<String> {
    ledger.redo().unwrap().into_iter().map(|record| record.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redo_record_is_kept_with_its_event_until_it_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let record = |name: &str| Some(Redo { name: name.into(), content: format!("of {name}").into_bytes() });
    let ledger = Arc::new(Ledger::open(&path).unwrap());
    for name in ["a", "b", "c"] {
        ledger.append_with(event("test.event", json!({})), record(name)).await.unwrap();
    }
    assert!(verify_file(&path).unwrap().ok, "redo records are nothing of the chain");
    drop(ledger);
    let ledger = Arc::new(Ledger::open(&path).unwrap());
    assert_eq!(kept(&ledger), ["a", "b", "c"]);
    assert_eq!(ledger.redo().unwrap()[1].content, b"of b");
    let released = ledger.clone();
    tokio::task::spawn_blocking(move || released.release(vec!["a".into(), "c".into(), "unknown".into()]))
        .await
        .unwrap();
    // In order with events: whoever has an event's answer knows that what was released before it is gone.
    assert_eq!(ledger.append(event("test.event", json!({}))).await.unwrap(), 4);
    assert_eq!(kept(&ledger), ["b"]);
    assert_eq!(ledger.redo_names().unwrap(), ["b"]);
    // What was released while it was on its way does not come.
    assert_eq!(ledger.append_with(event("test.event", json!({})), record("unknown")).await.unwrap(), 5);
    assert_eq!(kept(&ledger), ["b"]);
    assert!(verify_file(&path).unwrap().ok);
}

#[tokio::test]
async fn an_event_that_is_refused_leaves_no_redo_record() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&folder.path().join("ledger.db")).unwrap();
    let redo = Redo { name: "a".into(), content: vec![1] };
    assert!(ledger.append_with(event("a b", json!({})), Some(redo)).await.is_err());
    assert!(kept(&ledger).is_empty());
}

#[tokio::test]
async fn a_ledger_of_the_version_before_redo_records_is_brought_to_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    ledger.append(event("test.event", json!({}))).await.unwrap();
    drop(ledger);
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch("DROP TABLE redo; PRAGMA user_version = 1").unwrap();
    drop(old);
    assert!(verify_file(&path).unwrap().ok, "a copy that was made before");
    let ledger = Ledger::open(&path).unwrap();
    assert!(kept(&ledger).is_empty());
    assert_eq!(ledger.append(event("test.event", json!({}))).await.unwrap(), 2);
    assert!(verify_file(&path).unwrap().ok);
}
