//! kill -9 while storing, forgetting, adding documents and reindexing, a hundred times over: nothing that was answered is lost,
//! nothing that was forgotten comes back, and no row of the index lacks its file.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::{
    collections::{HashMap, HashSet},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use osmoda_api::agentd::{MemoryDocumentNew, MemoryKind, MemoryListRequest, MemoryMode, MemoryNew, MemoryQuery};
use osmoda_memory::{Keeper, Memories, MemoryError};

const ROUNDS: u64 = 100;
const TEST: &str = "what_was_answered_survives_a_hundred_kills";
/// Where it is set, this process is the one that gets killed, and its memories are there.
const FOLDER: &str = "OSMODA_TEST_MEMORIES";

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{line}").and_then(|()| out.flush()).unwrap();
}

/// Stores, forgets, adds and reindexes until it is killed; says what was answered, after it was.
fn live(folder: &Path, round: u64) {
    let memories = Memories::open(folder).unwrap();
    let _keeper = Keeper::start(&memories).unwrap();
    let store = |mark: &str| {
        let new = MemoryNew { summary: format!("{mark} was seen"), ..MemoryNew::default() };
        let id = memories.store(new).unwrap().id;
        say(&format!("stored {id} {mark}"));
        id
    };
    std::thread::scope(|scope| {
        for thread in 0..2 {
            scope.spawn(move || {
                for number in 0.. {
                    store(&format!("mark{round}x{thread}x{number}"));
                }
            });
        }
        scope.spawn(|| {
            for number in 0.. {
                let id = store(&format!("passing{round}x{number}"));
                say(&format!("forgetting {id}"));
                memories.forget(&id).unwrap();
                say(&format!("forgot {id}"));
            }
        });
        scope.spawn(|| {
            for number in 0.. {
                let mark = format!("paper{round}x{number}");
                let text = format!("# {mark}\n\nIt was written.\n");
                let new = MemoryDocumentNew {
                    name: format!("{mark}.md"),
                    content_base64: BASE64_STANDARD.encode(text),
                    ..MemoryDocumentNew::default()
                };
                say(&format!("added {} {mark}", memories.add_document(new).unwrap().document.id));
            }
        });
        if round % 2 == 1 {
            scope.spawn(|| while memories.reindex(false).is_ok() {});
        }
    });
}

/// What the processes that were killed had answered.
#[derive(Default)]
struct Answered {
    stored: HashMap<String, String>,
    forgetting: HashSet<String>,
    forgot: HashSet<String>,
    added: HashMap<String, String>,
}

impl Answered {
    /// Runs one until it is killed; answers with what was stored and added last.
    fn take_from(&mut self, mut child: Child, life: Duration) -> Vec<String> {
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut deadline: Option<Instant> = None;
        let mut marks = Vec::new();
        for line in out.lines() {
            // What was being written when it was killed may be half a line, and half a word.
            let Ok(line) = line else { break };
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["stored", id, mark] => {
                    self.stored.insert(id.into(), mark.into());
                    marks.push(mark.to_owned());
                }
                ["added", id, mark] => {
                    self.added.insert(id.into(), mark.into());
                    marks.push(mark.to_owned());
                }
                ["forgetting", id] => drop(self.forgetting.insert(id.into())),
                ["forgot", id] => drop(self.forgot.insert(id.into())),
                _ => continue,
            }
            if Instant::now() > *deadline.get_or_insert_with(|| Instant::now() + life) {
                let _ = child.kill();
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        marks.split_off(marks.len().saturating_sub(8))
    }

    /// Whether this memory must be there.
    fn lasts(&self, id: &str) -> bool {
        !self.forgetting.contains(id)
    }

    /// Right after the start, before anybody had time to look at the files.
    fn check_recall(&self, memories: &Memories, last: &[String]) {
        let found = |mark: &str| {
            let query = MemoryQuery { query: mark.into(), mode: Some(MemoryMode::Keyword), ..MemoryQuery::default() };
            memories.recall(&query, 0.0).unwrap().results
        };
        for mark in last {
            let id = self.stored.iter().chain(&self.added).find(|(_, known)| *known == mark).map(|(id, _)| id).unwrap();
            let results = found(mark);
            let there = results.iter().any(|one| one.id == *id || one.id.starts_with(&format!("{id}#")));
            assert!(there || !self.lasts(id), "{mark} is lost");
            assert!(!(there && self.forgot.contains(id)), "{mark} came back");
            let served = results.iter().filter(|one| one.kind == MemoryKind::Memory);
            for one in served {
                assert!(memories.get(&one.id).is_ok(), "{} was served without its file", one.id);
            }
        }
    }

    /// Files, rows and answers are the same, once all files were looked at.
    fn check_all(&self, folder: &Path) {
        let memories = Memories::open(folder).unwrap();
        let _keeper = Keeper::start(&memories).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while memories.health().unwrap().is_indexing {
            assert!(Instant::now() < deadline, "the start takes too long");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        for (id, mark) in &self.stored {
            match memories.get(id) {
                Ok(item) => {
                    assert!(!self.forgot.contains(id), "{mark} came back");
                    assert_eq!(item.summary, format!("{mark} was seen"));
                }
                Err(MemoryError::Unknown(_)) => assert!(!self.lasts(id), "{mark} is lost"),
                Err(error) => panic!("{mark}: {error}"),
            }
        }
        let documents: HashSet<String> =
            memories.documents().unwrap().documents.into_iter().map(|document| document.id).collect();
        assert!(self.added.keys().all(|id| documents.contains(id)), "a document is lost");
        let (mut cursor, mut listed) = (None, HashSet::new());
        loop {
            let request = MemoryListRequest { limit: Some(1000), cursor, ..MemoryListRequest::default() };
            let page = memories.list(&request).unwrap();
            listed.extend(page.memories.into_iter().map(|item| folder.join(item.file)));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let files: HashSet<_> = std::fs::read_dir(folder.join("notes"))
            .unwrap()
            .flat_map(|month| std::fs::read_dir(month.unwrap().path()).unwrap())
            .map(|file| file.unwrap().path())
            .collect();
        assert_eq!(listed, files);
        let health = memories.health().unwrap();
        assert_eq!((health.memories, health.damaged), (files.len() as u64, vec![]), "a row lacks its file");
        let bytes: u64 = files.iter().map(|file| std::fs::metadata(file).unwrap().len()).sum();
        assert!(health.file_bytes > bytes, "{} for {bytes}", health.file_bytes);
    }
}

#[test]
fn what_was_answered_survives_a_hundred_kills() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let (folder, round) = (Path::new(&folder), std::env::var("ROUND").unwrap().parse().unwrap());
        return live(folder, round);
    }
    let folder = tempfile::tempdir().unwrap();
    let mut answered = Answered::default();
    for round in 0..ROUNDS {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", TEST, "--nocapture"])
            .env(FOLDER, folder.path())
            .env("ROUND", round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let last = answered.take_from(child, Duration::from_millis((round * 13) % 60));
        // Not both: a recall mends the row of a file that it finds changed, and a start must do so by itself.
        if round % 4 == 3 {
            answered.check_all(folder.path());
        } else {
            answered.check_recall(&Memories::open(folder.path()).unwrap(), &last);
        }
    }
    let (stored, forgot, added) = (answered.stored.len(), answered.forgot.len(), answered.added.len());
    assert!(stored as u64 > ROUNDS && forgot > 10 && added > 10, "{stored} stored, {forgot} forgotten, {added} added");
}
