//! Whoever changes the database is found, and the first bad event is named.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::{Path, PathBuf};

use osmoda_api::agentd::Verification;
use osmoda_ipc::NewEvent;
use osmoda_ledger::{Ledger, event_hash, verify_file};
use rusqlite::{Connection, params};
use serde_json::json;
use tempfile::TempDir;

const EVENTS: i64 = 40;

fn ledger_of(events: i64) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let ledger = Ledger::open(&path).unwrap();
        for n in 1..=events {
            let event = NewEvent {
                kind: "test.event".into(),
                actor: "agent:x".into(),
                payload: json!({"n": n, "text": "a|b"}),
            };
            assert_eq!(ledger.append(event).await.unwrap(), n);
        }
    });
    (folder, path)
}

fn tamper(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
}

fn first_bad(path: &Path) -> Option<i64> {
    let Verification { ok, first_bad, .. } = verify_file(path).unwrap();
    assert_eq!(ok, first_bad.is_none());
    first_bad.map(|bad| bad.id)
}

#[test]
fn an_untouched_ledger_verifies_to_its_head() {
    let (_folder, path) = ledger_of(EVENTS);
    let verification = verify_file(&path).unwrap();
    let head: String = Connection::open(&path)
        .unwrap()
        .query_row("SELECT hash FROM events WHERE id = ?1", [EVENTS], |row| row.get(0))
        .unwrap();
    assert_eq!(verification, Verification { ok: true, events: 40, head, first_bad: None, checkpoint: None });
    let (_folder, empty) = ledger_of(0);
    assert_eq!(verify_file(&empty).unwrap().events, 0);
    assert!(verify_file(Path::new("/nonexistent/ledger.db")).is_err());
}

#[test]
fn each_change_is_found_at_the_first_event_it_touches() {
    let cases = [
        ("a changed payload", "UPDATE events SET payload = replace(payload, '7', '8') WHERE id = 7", 7),
        ("a changed time", "UPDATE events SET ts = '2020-01-01T00:00:00.000Z' WHERE id = 9", 9),
        ("a time of another form", "UPDATE events SET ts = ts || ' ' WHERE id = 9", 9),
        ("a changed actor", "UPDATE events SET actor = 'agent:y' WHERE id = 11", 11),
        ("a changed type", "UPDATE events SET type = 'test.other' WHERE id = 40", 40),
        ("a foreign hash", "UPDATE events SET hash = lower(hex(randomblob(32))) WHERE id = 12", 12),
        ("a hash in capitals", "UPDATE events SET hash = upper(hash) WHERE id = 13", 13),
        ("a foreign previous hash", "UPDATE events SET prev_hash = hash WHERE id = 14", 14),
        ("a dropped head", "DELETE FROM events WHERE id = 1", 1),
        ("a dropped beginning", "DELETE FROM events WHERE id <= 5", 1),
        ("a dropped beginning, renumbered", "DELETE FROM events WHERE id <= 5; UPDATE events SET id = id - 5", 1),
        ("a dropped middle", "DELETE FROM events WHERE id = 20", 20),
        (
            "a dropped middle, renumbered",
            "DELETE FROM events WHERE id = 20; UPDATE events SET id = id - 1 WHERE id > 20",
            20,
        ),
        (
            "swapped rows",
            "UPDATE events SET id = -1 WHERE id = 5; UPDATE events SET id = 5 WHERE id = 6; UPDATE events SET id = 6 WHERE id = -1",
            5,
        ),
        (
            "swapped payloads",
            "UPDATE events SET payload = CASE id WHEN 3 THEN (SELECT payload FROM events WHERE id = 4) ELSE payload END WHERE id = 3",
            3,
        ),
        (
            "an inserted event before the first",
            "INSERT INTO events SELECT 0, ts, type, actor, payload, prev_hash, hash FROM events WHERE id = 1",
            0,
        ),
        (
            "a repeated event at the end",
            "INSERT INTO events SELECT 41, ts, type, actor, payload, prev_hash, hash FROM events WHERE id = 40",
            41,
        ),
        ("a gap at the end", "UPDATE events SET id = 50 WHERE id = 40", 40),
        ("a trigger", "CREATE TRIGGER t AFTER INSERT ON events BEGIN SELECT 1; END", 1),
        (
            "a view in its place",
            "ALTER TABLE events RENAME TO hidden; CREATE VIEW events AS SELECT * FROM hidden WHERE id < 40",
            1,
        ),
        ("a further table", "CREATE TABLE more (x)", 1),
    ];
    for (what, sql, id) in cases {
        let (_folder, path) = ledger_of(EVENTS);
        tamper(&path, sql);
        assert_eq!(first_bad(&path), Some(id), "{what}");
    }
}

#[test]
fn a_separator_moved_between_columns_is_found_though_the_hashed_bytes_are_the_same() {
    let (_folder, path) = ledger_of(3);
    let connection = Connection::open(&path).unwrap();
    let read = |column: &str| {
        connection
            .query_row(&format!("SELECT {column} FROM events WHERE id = 2"), [], |row| row.get::<_, String>(0))
            .unwrap()
    };
    let (ts, prev, hash) = (read("ts"), read("prev_hash"), read("hash"));
    let moved = event_hash(&mut Vec::new(), 2, &ts, "test.event|agent:x", "{\"n\":2,\"text\":\"a", "b\"}", &prev);
    assert_eq!(moved.as_str(), hash, "the bytes are the same, wherever the bars are thought to be");
    connection
        .execute(
            "UPDATE events SET type = ?1, actor = ?2, payload = ?3 WHERE id = 2",
            params!["test.event|agent:x", "{\"n\":2,\"text\":\"a", "b\"}"],
        )
        .unwrap();
    assert_eq!(first_bad(&path), Some(2));
}

#[test]
fn every_flipped_bit_that_changes_what_is_read_is_found() {
    let (folder, path) = ledger_of(12);
    let original = std::fs::read(&path).unwrap();
    let rows = |path: &Path| -> Option<Vec<String>> {
        let connection = Connection::open(path).ok()?;
        let mut select = connection
            .prepare("SELECT id || ts || type || actor || payload || prev_hash || hash FROM events ORDER BY id")
            .ok()?;
        let rows = select.query_map([], |row| row.get(0)).ok()?;
        rows.collect::<Result<Vec<String>, _>>().ok()
    };
    let untouched = rows(&path).unwrap();
    let copy = folder.path().join("copy.db");
    let (mut found, mut harmless) = (0, 0);
    // Every 13th byte, a bit that wanders: a few hundred copies.
    for (n, offset) in (0..original.len()).step_by(13).enumerate() {
        let mut bytes = original.clone();
        bytes[offset] ^= 1 << (n % 8);
        std::fs::write(&copy, &bytes).unwrap();
        let verified = verify_file(&copy).is_ok_and(|verification| verification.ok);
        if verified {
            assert_eq!(rows(&copy).as_ref(), Some(&untouched), "byte {offset} bit {}", n % 8);
            harmless += 1;
        } else {
            found += 1;
        }
    }
    assert!(found > 100, "only {found} were found, {harmless} changed nothing that is read");
}

#[test]
fn an_event_resealed_with_the_right_hashes_breaks_the_next_one() {
    let (_folder, path) = ledger_of(EVENTS);
    let connection = Connection::open(&path).unwrap();
    let (ts, prev): (String, String) = connection
        .query_row("SELECT ts, prev_hash FROM events WHERE id = 30", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let hash = event_hash(&mut Vec::new(), 30, &ts, "test.event", "agent:x", "{}", &prev);
    connection.execute("UPDATE events SET payload = '{}', hash = ?1 WHERE id = 30", [hash.as_str()]).unwrap();
    assert_eq!(first_bad(&path), Some(31));
}

#[test]
fn a_bad_event_beyond_the_first_stretch_is_named_also_when_cores_share_the_work() {
    let (_folder, path) = ledger_of(1);
    let mut connection = Connection::open(&path).unwrap();
    let many = connection.transaction().unwrap();
    {
        let mut prev: String = many.query_row("SELECT hash FROM events", [], |row| row.get(0)).unwrap();
        let mut insert = many.prepare("INSERT INTO events VALUES (?1, ?2, 'a', 'b', '{}', ?3, ?4)").unwrap();
        let ts = "2026-01-02T03:04:05.678Z";
        for id in 2..=70_000 {
            let hash = event_hash(&mut Vec::new(), id, ts, "a", "b", "{}", &prev);
            insert.execute(params![id, ts, prev, hash.as_str()]).unwrap();
            prev = hash.as_str().to_owned();
        }
    }
    many.commit().unwrap();
    assert!(verify_file(&path).unwrap().ok);
    for (sql, id) in [
        ("UPDATE events SET payload = '{ }' WHERE id = 69000", 69_000),
        ("UPDATE events SET payload = '{ }' WHERE id = 35000", 35_000),
        ("DELETE FROM events WHERE id = 34999", 34_999),
    ] {
        connection.execute(sql, []).unwrap();
        assert_eq!(first_bad(&path), Some(id), "{sql}");
    }
}
