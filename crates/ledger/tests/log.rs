//! The log beside the ledger: it follows, it resumes, its proofs hold, and it never signs what contradicts what it
//! signed before.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicU64,
};

use osmoda_api::agentd::Compared;
use osmoda_ipc::NewEvent;
use osmoda_ledger::{
    Checkpoint, Ledger, Log, LogError, ProofFile, SigningKey, VerifyingKey, load_or_make_key,
    tree::{Frontier, Node, TilePath, verify_consistency},
    verify_against,
};
use rusqlite::Connection;
use serde_json::{Value, json};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn ledger(&self) -> PathBuf {
        self.0.path().join("ledger.db")
    }

    fn key(&self) -> SigningKey {
        load_or_make_key(&self.0.path().join("checkpoint.key")).unwrap()
    }

    fn open(&self) -> (Ledger, Log) {
        let ledger = Ledger::open(&self.ledger()).unwrap();
        let log = Log::open(&self.0.path().join("tree.db"), &ledger, self.key()).unwrap();
        (ledger, log)
    }

    /// The newest checkpoint of a ledger of so many events, closed again.
    async fn signed(&self, events: usize) -> String {
        let (ledger, log) = self.open();
        append(&ledger, events, "a").await;
        log.sign_now().unwrap().to_string()
    }
}

async fn append(ledger: &Ledger, count: usize, mark: &str) {
    for n in 0..count {
        append_one(ledger, json!({"n": n, "mark": mark})).await;
    }
}

async fn append_one(ledger: &Ledger, payload: Value) {
    ledger.append(NewEvent { kind: "test.event".into(), actor: "agent:x".into(), payload }).await.unwrap();
}

fn compared(path: &Path, note: &str, key: &VerifyingKey) -> Compared {
    let checkpoint = Checkpoint::open(note, key).unwrap();
    let verification = verify_against(path, Some(&checkpoint), &AtomicU64::new(0)).unwrap();
    let compared = verification.checkpoint.unwrap();
    assert!(!verification.ok || compared.ok);
    compared
}

#[tokio::test]
async fn every_event_is_provable_and_the_tree_is_that_of_the_events() {
    let place = Place::new();
    let (ledger, log) = place.open();
    append(&ledger, 300, "a").await;
    // More than a bundle can carry: its entry holds the payload's hash.
    append_one(&ledger, json!({"text": "x".repeat(100_000)})).await;
    for event in [1, 2, 255, 256, 257, 300, 301] {
        let file = log.prove(event).unwrap();
        assert_eq!(ProofFile::parse(&file.to_text()).unwrap().check(log.key()).unwrap().size, 301, "{event}");
        assert!(file.entry.starts_with(format!("{event}|").as_bytes()));
    }
    assert!(matches!(log.prove(0), Err(LogError::NoEvent(0))));
    assert!(matches!(log.prove(302), Err(LogError::NoEvent(302))));
    let old = Checkpoint::open(&log.checkpoint().unwrap(), log.key()).unwrap();
    assert_eq!(compared(&place.ledger(), &log.checkpoint().unwrap(), log.key()).code, None);
    append(&ledger, 700, "b").await;
    let new = Checkpoint::open(&log.sign_now().unwrap(), log.key()).unwrap();
    let proof = log.consistency(old.size, new.size).unwrap();
    assert_eq!(verify_consistency(old.size, &old.root, new.size, &new.root, &proof), Ok(()));
    assert!(log.consistency(0, 5).is_err() && log.consistency(5, 1002).is_err());
    let ledger_path = place.ledger();
    drop((ledger, log));
    let open = compared(&ledger_path, &new.sign(&place.key()), &place.key().verifying());
    assert_eq!((open.ok, open.size), (true, 1001));
}

#[tokio::test]
async fn tiles_and_bundles_are_the_tree_of_the_checkpoint_and_go_no_further() {
    let place = Place::new();
    let (ledger, log) = place.open();
    append(&ledger, 600, "a").await;
    let signed = Checkpoint::open(&log.sign_now().unwrap(), log.key()).unwrap();
    append(&ledger, 3, "a").await;
    let tile = |text: &str| log.tile(&TilePath::parse(text).unwrap());
    let mut tree = Frontier::default();
    let mut leaves = Vec::new();
    for part in ["000", "001", "002.p/88"] {
        let mut bundle = tile(&format!("entries/{part}")).unwrap();
        let hashes = tile(&format!("0/{part}")).unwrap();
        for hash in hashes.chunks_exact(32) {
            let length = usize::from(u16::from_be_bytes([bundle[0], bundle[1]]));
            let rest = bundle.split_off(2 + length);
            let leaf = Node::leaf(&bundle[2..]);
            assert_eq!(leaf.as_bytes(), hash);
            tree.push(leaf);
            leaves.push(leaf);
            bundle = rest;
        }
        assert!(bundle.is_empty());
    }
    assert_eq!((tree.size(), tree.root()), (signed.size, signed.root));
    let mut full = Frontier::default();
    leaves[..256].iter().for_each(|leaf| full.push(*leaf));
    assert_eq!(tile("1/000.p/2").unwrap()[..32], *full.root().as_bytes());
    assert_eq!(tile("1/000.p/1").unwrap().len(), 32);
    for beyond in [
        "0/002",
        "0/002.p/89",
        "0/003",
        "1/000",
        "1/000.p/3",
        "1/001",
        "2/000.p/1",
        "63/000",
        "entries/003",
        "entries/002",
    ] {
        assert!(matches!(tile(beyond), Err(LogError::NoTile)), "{beyond}");
    }
}

#[tokio::test]
async fn checkpoints_come_by_themselves_and_a_lost_tree_is_built_again() {
    let place = Place::new();
    let (ledger, log) = place.open();
    for _ in 0..11 {
        // A group commit of a hundred.
        let appends = (0..100)
            .map(|n| ledger.append(NewEvent { kind: "test.event".into(), actor: "agent:x".into(), payload: json!(n) }));
        futures_all(appends).await;
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let size = loop {
        let size = Checkpoint::open(&log.checkpoint().unwrap(), log.key()).unwrap().size;
        if size >= 1000 {
            break size;
        }
        assert!(std::time::Instant::now() < deadline, "no checkpoint after 1000 events, only of {size}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    assert!(size <= 1100);
    drop((ledger, log));
    let before = {
        let (_ledger, log) = place.open();
        Checkpoint::open(&log.checkpoint().unwrap(), log.key()).unwrap()
    };
    assert_eq!(before.size, 1100, "the end signs what is there");
    for file in ["tree.db", "tree.db-wal", "tree.db-shm"] {
        let _ = std::fs::remove_file(place.0.path().join(file));
    }
    let (_ledger, log) = place.open();
    assert_eq!(Checkpoint::open(&log.sign_now().unwrap(), log.key()).unwrap(), before);
}

async fn futures_all<F: Future>(futures: impl Iterator<Item = F>) {
    let mut pinned: Vec<_> = futures.map(Box::pin).collect();
    for future in &mut pinned {
        future.await;
    }
}

#[tokio::test]
async fn a_checkpoint_finds_a_cut_tail_a_restored_copy_and_a_forked_history() {
    let place = Place::new();
    place.signed(40).await;
    let older = place.0.path().join("older.db");
    std::fs::copy(place.ledger(), &older).unwrap();
    let note = place.signed(60).await;
    let key = place.key().verifying();
    let path = place.ledger();
    assert!(compared(&path, &note, &key).ok);
    assert_eq!(compared(&older, &note, &key).code.as_deref(), Some("ledger_cut"), "a restored older copy");

    let cut = place.0.path().join("cut.db");
    std::fs::copy(&path, &cut).unwrap();
    Connection::open(&cut).unwrap().execute("DELETE FROM events WHERE id = 100", []).unwrap();
    assert_eq!(compared(&cut, &note, &key).code.as_deref(), Some("ledger_cut"));

    // Somebody goes on from the older copy: every chain of it is whole.
    let forked = Ledger::open(&older).unwrap();
    append(&forked, 80, "other").await;
    drop(forked);
    let found = compared(&older, &note, &key);
    assert_eq!((found.ok, found.code.as_deref()), (false, Some("ledger_forked")));

    let broken = place.0.path().join("broken.db");
    std::fs::copy(&path, &broken).unwrap();
    Connection::open(&broken).unwrap().execute("UPDATE events SET actor = 'agent:y' WHERE id = 3", []).unwrap();
    assert_eq!(compared(&broken, &note, &key).code.as_deref(), Some("chain_broken"));

    let stranger = SigningKey::generate().unwrap();
    let forged = Checkpoint { origin: key.name().into(), ..Checkpoint::unverified(&note).unwrap() }.sign(&stranger);
    assert!(Checkpoint::open(&forged, &key).is_err(), "a foreign key's checkpoint");
}

#[tokio::test]
async fn a_ledger_that_lost_what_was_signed_is_never_signed_again() {
    for (what, change, word) in [
        ("a cut tail", "DELETE FROM events WHERE id > 30", "ends before"),
        ("another last event", "UPDATE events SET payload = '{}' WHERE id = 50", "another one"),
    ] {
        let place = Place::new();
        let note = place.signed(50).await;
        Connection::open(place.ledger()).unwrap().execute(change, []).unwrap();
        let (ledger, log) = place.open();
        assert!(log.diverged().unwrap().contains(word), "{what}: {:?}", log.diverged());
        append(&ledger, 60, "b").await;
        assert!(matches!(log.sign_now(), Err(LogError::Diverged(_))), "{what}");
        assert!(matches!(log.checkpoint(), Err(LogError::Diverged(_))), "{what}");
        assert!(matches!(log.prove(1), Err(LogError::Diverged(_))), "{what}");
        drop((ledger, log));
        assert!(!compared(&place.ledger(), &note, &place.key().verifying()).ok, "{what}");
    }
}

#[tokio::test]
async fn a_changed_tree_is_no_foundation_and_a_changed_event_is_not_proven() {
    let place = Place::new();
    place.signed(300).await;
    let tree = Connection::open(place.0.path().join("tree.db")).unwrap();
    tree.execute("UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE place = 1", []).unwrap();
    drop(tree);
    let (_ledger, log) = place.open();
    assert!(log.diverged().unwrap().contains("the tree beside it"));

    let place = Place::new();
    place.signed(300).await;
    Connection::open(place.ledger()).unwrap().execute("UPDATE events SET payload = '{}' WHERE id = 7", []).unwrap();
    let (_ledger, log) = place.open();
    assert!(matches!(log.prove(7), Err(LogError::Diverged(_))));
    assert!(log.prove(8).is_ok());
}

#[tokio::test]
async fn a_new_key_signs_anew_and_the_old_one_stays_out_of_sight() {
    let place = Place::new();
    let note = place.signed(10).await;
    std::fs::remove_file(place.0.path().join("checkpoint.key")).unwrap();
    let (_ledger, log) = place.open();
    let new = log.checkpoint().unwrap();
    let opened = Checkpoint::open(&new, log.key()).unwrap();
    let old = Checkpoint::unverified(&note).unwrap();
    assert_eq!((opened.size, opened.root), (old.size, old.root));
    assert_ne!(opened.origin, old.origin);
}

/// The log of an unclean end, cut after every byte: each cut that loses an event that was signed is found.
#[tokio::test]
async fn the_logs_tail_cut_at_every_byte_is_found() {
    let place = Place::new();
    // Small pages make a small log.
    let small = Connection::open(place.ledger()).unwrap();
    small.execute_batch("PRAGMA page_size = 512; VACUUM;").unwrap();
    drop(small);
    let (ledger, log) = place.open();
    append(&ledger, 3, "a").await;
    let note = log.sign_now().unwrap().to_string();
    // As a power cut leaves it: the file, and beside it the log that was not folded in.
    let cut = place.0.path().join("cut.db");
    let beside = place.0.path().join("cut.db-wal");
    let main = std::fs::read(place.ledger()).unwrap();
    let wal = std::fs::read(place.0.path().join("ledger.db-wal")).unwrap();
    let checkpoint = Checkpoint::open(&note, log.key()).unwrap();
    drop((ledger, log));
    let verify = |length: usize| {
        let _ = std::fs::remove_file(place.0.path().join("cut.db-shm"));
        std::fs::write(&cut, &main).unwrap();
        std::fs::write(&beside, &wal[..length]).unwrap();
        verify_against(&cut, Some(&checkpoint), &AtomicU64::new(0)).is_ok_and(|verification| verification.ok)
    };
    assert!(verify(wal.len()));
    assert!(wal.len() > 2000, "the log holds every commit: {} bytes", wal.len());
    for length in 0..wal.len() {
        assert!(!verify(length), "cut after {length} of {} bytes", wal.len());
    }
}
