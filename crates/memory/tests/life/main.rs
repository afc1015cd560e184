//! The life of memories without a model: stored, found, repeated, corrected, edited by hand, forgotten, rebuilt.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use osmoda_api::agentd::{
    MemoryJunkReason, MemoryJunkRequest, MemoryListRequest, MemoryMode, MemoryNew, MemoryQuery, MemoryResults,
    MemoryStatus,
};
use osmoda_memory::{Keeper, Memories, MemoryError};

mod redo;

fn new(summary: &str) -> MemoryNew {
    MemoryNew { summary: summary.into(), ..MemoryNew::default() }
}

fn keyed(summary: &str, key: &str) -> MemoryNew {
    MemoryNew { key: Some(key.into()), ..new(summary) }
}

fn ask(memories: &Memories, query: &str) -> MemoryResults {
    memories.recall(&MemoryQuery { query: query.into(), ..MemoryQuery::default() }, 0.0).unwrap()
}

fn found(memories: &Memories, query: &str) -> Vec<String> {
    ask(memories, query).results.into_iter().map(|result| result.summary).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder.join("notes"))
        .unwrap()
        .flat_map(|month| fs::read_dir(month.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn what_is_stored_is_found_at_once_and_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let memories = Memories::open(folder.path()).unwrap();
    for number in 0..40 {
        let summary = format!("Machine {number} is called planet{number}.");
        memories.store(new(&summary)).unwrap();
        assert_eq!(found(&memories, &format!("planet{number}")), [summary]);
    }
    drop(memories);
    // Nothing was committed to the text index: the catalogue brings it back.
    let memories = Memories::open(folder.path()).unwrap();
    for number in 0..40 {
        assert_eq!(
            found(&memories, &format!("planet{number}?")),
            [format!("Machine {number} is called planet{number}.")]
        );
    }
    let result = ask(&memories, "planet7 machine");
    assert_eq!(result.mode, MemoryMode::Keyword);
    assert!(result.note.unwrap().contains("none is installed"));
    assert!(result.results[0].score > result.results[1].score && result.results[0].score <= 1.0);
    assert_eq!(result.results[0].snippet, "**Machine** 7 is called **planet7**.");
}

#[test]
fn the_same_fact_again_is_one_memory_with_a_count() {
    let folder = tempfile::tempdir().unwrap();
    let memories = Memories::open(folder.path()).unwrap();
    let first = memories.store(new("The backup runs at three.")).unwrap();
    assert_eq!((first.status, first.count), (MemoryStatus::Stored, 1));
    for count in 2..=9 {
        let again = memories.store(new("the backup runs at  three")).unwrap();
        assert_eq!((again.id.as_str(), again.status, again.count), (first.id.as_str(), MemoryStatus::Repeated, count));
    }
    assert_eq!(files(folder.path()).len(), 1);
    let results = ask(&memories, "when does the backup run").results;
    assert_eq!((results.len(), results[0].count), (1, Some(9)));
    assert_eq!(memories.store(new("The backup runs at four.")).unwrap().status, MemoryStatus::Stored);
}

#[test]
fn the_same_fact_stored_by_many_at_once_is_one_memory() {
    let folder = tempfile::tempdir().unwrap();
    let memories = Memories::open(folder.path()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..5).for_each(|_| drop(memories.store(new("One fact.")).unwrap())));
        }
    });
    let page = memories.list(&MemoryListRequest::default()).unwrap().memories;
    assert_eq!((page.len(), page[0].count), (1, 40));
}

#[test]
fn an_old_value_is_never_served_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut memories = Memories::open(folder.path()).unwrap();
    for scenario in 0..100 {
        let key = format!("service{scenario}.port");
        let mut last = memories.store(keyed(&format!("service{scenario} listens on port 1000"), &key)).unwrap().id;
        for value in 1..5 {
            let summary = format!("service{scenario} listens on port 100{value}");
            // By key, and by the id of the one before.
            let stored = if scenario % 2 == 0 {
                memories.store(keyed(&summary, &key)).unwrap()
            } else {
                memories.store(MemoryNew { supersedes: Some(last.clone()), ..new(&summary) }).unwrap()
            };
            assert_eq!((stored.status, stored.superseded.as_deref()), (MemoryStatus::Superseded, Some(last.as_str())));
            last = stored.id;
            assert_eq!(
                found(&memories, &format!("which port does service{scenario} have"))
                    .iter()
                    .filter(|text| text.starts_with(&format!("service{scenario} ")))
                    .collect::<Vec<_>>(),
                [&summary]
            );
        }
    }
    memories.reindex(false).unwrap();
    drop(memories);
    memories = Memories::open(folder.path()).unwrap();
    for scenario in 0..100 {
        let texts = found(&memories, &format!("service{scenario} port"));
        assert_eq!(
            texts.iter().filter(|text| text.starts_with(&format!("service{scenario} "))).collect::<Vec<_>>(),
            [&format!("service{scenario} listens on port 1004")]
        );
    }
    assert!(matches!(
        memories.store(MemoryNew { supersedes: Some("mem_none".into()), ..new("x y") }),
        Err(MemoryError::Unknown(_))
    ));
}

#[test]
fn what_a_person_does_to_the_files_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let memories = Memories::open(folder.path()).unwrap();
    let keeper = Keeper::start(&memories).unwrap();
    memories.store(new("The printer is in the cellar.")).unwrap();
    memories.store(new("The scanner is upstairs.")).unwrap();
    let [printer, scanner] = &files(folder.path())[..] else { panic!("two files") };
    eventually("the start is over", || !memories.health().unwrap().is_indexing);
    // An edit is served at once, also before anybody noticed it.
    fs::write(printer, fs::read_to_string(printer).unwrap().replace("cellar", "attic")).unwrap();
    assert_eq!(found(&memories, "where is the printer"), ["The printer is in the attic."]);
    fs::remove_file(scanner).unwrap();
    assert_eq!(found(&memories, "scanner"), [""; 0]);
    eventually("the edit's words are found", || {
        found(&memories, "attic").len() == 1 && found(&memories, "cellar").is_empty()
    });
    // A file without any front matter, in a folder that was not there, and a torn one.
    let month = folder.path().join("notes/mine");
    fs::create_dir(&month).unwrap();
    fs::write(month.join("door.md"), "The door code is kept by Anna.\n").unwrap();
    fs::write(month.join("torn.md"), "---\nid: x\n").unwrap();
    eventually("the new file is found", || found(&memories, "door code").len() == 1);
    eventually("the torn file is told", || memories.health().unwrap().damaged == ["notes/mine/torn.md"]);
    assert_eq!(memories.get("door").unwrap().file, "notes/mine/door.md");
    fs::write(month.join("copy.md"), fs::read(printer).unwrap()).unwrap();
    eventually("a copy is told", || memories.health().unwrap().damaged.len() == 2);
    assert_eq!(found(&memories, "attic").len(), 1);
    drop(keeper);
    // While nothing runs.
    fs::remove_file(month.join("copy.md")).unwrap();
    fs::rename(month.join("door.md"), folder.path().join("notes/door.md")).unwrap();
    drop(memories);
    let memories = Memories::open(folder.path()).unwrap();
    let _keeper = Keeper::start(&memories).unwrap();
    eventually("the start is over", || !memories.health().unwrap().is_indexing);
    assert_eq!(found(&memories, "door code"), ["The door code is kept by Anna."]);
    assert_eq!(memories.health().unwrap().damaged, ["notes/mine/torn.md"]);
}

#[test]
fn a_reindex_loses_nothing_that_is_stored_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let memories = Memories::open(folder.path()).unwrap();
    (0..200).for_each(|number| drop(memories.store(new(&format!("before{number} was here"))).unwrap()));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (0..3).for_each(|_| {
                memories.reindex(false).unwrap();
            });
        });
        for number in 0..200 {
            memories.store(new(&format!("during{number} was here"))).unwrap();
            assert_eq!(found(&memories, &format!("during{number}")).len(), 1, "during{number}");
            assert_eq!(found(&memories, &format!("before{number}")).len(), 1, "before{number}");
        }
    });
    let done = memories.reindex(true).unwrap();
    assert_eq!((done.memories, done.damaged), (400, 0));
    for number in 0..200 {
        assert_eq!(found(&memories, &format!("before{number}")).len(), 1);
        assert_eq!(found(&memories, &format!("during{number}")).len(), 1);
    }
}

#[test]
fn filters_narrow_what_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let memories = Memories::open(folder.path()).unwrap();
    let tagged = |tags: &[&str]| Some(tags.iter().map(|tag| (*tag).to_owned()).collect());
    memories
        .store(MemoryNew { category: Some("fact".into()), tags: tagged(&["web", "prod"]), ..new("nginx port 80") })
        .unwrap();
    memories
        .store(MemoryNew { category: Some("decision".into()), tags: tagged(&["web"]), ..new("nginx port 81") })
        .unwrap();
    let old = "---\nid: mem_old\ncreated: \"2020-05-01T00:00:00Z\"\n---\n# nginx port 82\n";
    fs::create_dir_all(folder.path().join("notes/2020-05")).unwrap();
    fs::write(folder.path().join("notes/2020-05/mem_old.md"), old).unwrap();
    memories.reindex(false).unwrap();
    for committed in [false, true] {
        let query = |query: MemoryQuery| {
            let query = MemoryQuery { query: "nginx port".into(), ..query };
            let mut found: Vec<String> =
                memories.recall(&query, 0.0).unwrap().results.into_iter().map(|one| one.summary).collect();
            found.sort();
            found.join(" ").replace("nginx port ", "")
        };
        let case = |change: &dyn Fn(&mut MemoryQuery)| {
            let mut asked = MemoryQuery::default();
            change(&mut asked);
            query(asked)
        };
        assert_eq!(case(&|_| {}), "80 81 82", "{committed}");
        assert_eq!(case(&|asked| asked.category = Some("fact".into())), "80");
        assert_eq!(case(&|asked| asked.tags = tagged(&["web"])), "80 81");
        assert_eq!(case(&|asked| asked.tags = tagged(&["web", "prod"])), "80");
        assert_eq!(case(&|asked| asked.timeframe = Some("2020".into())), "82");
        assert_eq!(case(&|asked| asked.timeframe = Some("1h".into())), "80 81");
        assert_eq!(case(&|asked| asked.category = Some("none".into())), "");
        memories.give_space_back().unwrap();
    }
    let newest_first = MemoryQuery { query: "nginx port".into(), recency: Some(1.0), ..MemoryQuery::default() };
    assert_eq!(memories.recall(&newest_first, 0.0).unwrap().results.last().unwrap().summary, "nginx port 82");
}

#[test]
fn queries_of_every_odd_kind_give_results_or_a_clear_fault() {
    let folder = tempfile::tempdir().unwrap();
    let memories = Memories::open(folder.path()).unwrap();
    memories.store(new("The caf\u{e9} is called \u{5e9}\u{5dc}\u{5d5}\u{5dd} x and NEAR.")).unwrap();
    let long = "caf\u{e9} word ".repeat(5000);
    let many: String = (0..10_000).map(|number| format!("w{number} ")).collect();
    let finds = [
        "x",
        "NEAR",
        "caf\u{e9}",
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
        "\"caf\u{e9}\"",
        "caf\u{e9} AND NOT",
        "body:caf\u{e9}",
        "caf\u{e9}\0",
        "'; DROP TABLE rows; caf\u{e9}",
        "\u{202e}caf\u{e9}",
        "(caf\u{e9}",
        "caf\u{e9}*",
        &long,
        "is the",
    ];
    for query in finds {
        assert_eq!(ask(&memories, query).results.len(), 1, "{query:.40}");
    }
    for query in [many.as_str(), "\u{1f600}a", "^", "caf"] {
        match memories.recall(&MemoryQuery { query: query.into(), ..MemoryQuery::default() }, 0.0) {
            Ok(results) => assert!(results.results.is_empty(), "{query:.40}"),
            Err(error) => assert!(matches!(error, MemoryError::EmptyQuery), "{error}"),
        }
    }
    for query in ["", " ", "?!", "\"\"", "\0", "\u{1f600}", "***", "\u{200f}"] {
        let error = memories.recall(&MemoryQuery { query: query.into(), ..MemoryQuery::default() }, 0.0).unwrap_err();
        assert!(matches!(error, MemoryError::EmptyQuery), "{query:?}: {error}");
    }
    let long = "x".repeat(100_001);
    for query in [
        MemoryQuery { query: long, ..MemoryQuery::default() },
        MemoryQuery { query: "x".into(), max_results: Some(0), ..MemoryQuery::default() },
        MemoryQuery { query: "x".into(), max_results: Some(101), ..MemoryQuery::default() },
        MemoryQuery { query: "x".into(), recency: Some(f64::NAN), ..MemoryQuery::default() },
        MemoryQuery { query: "x".into(), timeframe: Some("soon".into()), ..MemoryQuery::default() },
    ] {
        assert!(matches!(memories.recall(&query, 0.0), Err(MemoryError::Field { .. })));
    }
    let semantic = MemoryQuery { query: "x".into(), mode: Some(MemoryMode::Semantic), ..MemoryQuery::default() };
    assert!(matches!(memories.recall(&semantic, 0.0), Err(MemoryError::NoModel(_))));
}

#[test]
fn junk_is_found_and_its_space_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let memories = Memories::open(folder.path()).unwrap();
    memories.store(new("ok")).unwrap();
    memories.store(new("The disk of host nine is full")).unwrap();
    memories.store(new("full is the disk of the host nine")).unwrap();
    memories.store(keyed("The gateway is 10.0.0.1", "gateway")).unwrap();
    memories.store(keyed("The gateway is 10.0.0.2", "gateway")).unwrap();
    memories.store(MemoryNew { expires_at: Some("2020-01-01T00:00:00Z".into()), ..new("The sale ends soon") }).unwrap();
    assert!(found(&memories, "sale").is_empty());
    let junk = memories.junk(&MemoryJunkRequest::default()).unwrap().junk;
    let mut reasons: Vec<_> = junk.iter().map(|item| (item.summary.as_str(), item.reason)).collect();
    reasons.sort_by_key(|(summary, _)| *summary);
    let expected = [
        ("The disk of host nine is full", MemoryJunkReason::NearlyTheSame),
        ("The gateway is 10.0.0.1", MemoryJunkReason::Superseded),
        ("The sale ends soon", MemoryJunkReason::Expired),
        ("ok", MemoryJunkReason::SaysNothing),
    ];
    assert_eq!(reasons, expected);
    let ids: Vec<String> = junk.into_iter().map(|item| item.id).collect();
    assert_eq!(memories.prune(&ids).unwrap(), 4);
    assert_eq!(files(folder.path()).len(), 2);
    assert_eq!(found(&memories, "gateway disk"), ["The gateway is 10.0.0.2", "full is the disk of the host nine"]);
}

#[test]
fn nine_tenths_forgotten_leave_little_behind() {
    let folder = tempfile::tempdir().unwrap();
    let memories = Memories::open(folder.path()).unwrap();
    let store = |number: u32| {
        let detail = (0..80).map(|word| format!("word{} ", (number * 31 + word * 7919) % 4001)).collect();
        memories.store(MemoryNew { detail: Some(detail), ..new(&format!("memory number {number}")) }).unwrap().id
    };
    let kept: Vec<String> = (0..100).map(store).collect();
    memories.give_space_back().unwrap();
    let alone = memories.health().unwrap().index_bytes;
    let more: Vec<String> = (100..1000).map(store).collect();
    memories.give_space_back().unwrap();
    assert!(memories.health().unwrap().index_bytes > 3 * alone);
    assert_eq!(memories.prune(&more).unwrap(), 900);
    let left = memories.health().unwrap().index_bytes;
    assert!(left * 10 <= alone * 13, "{left} bytes are left of what was {alone}");
    assert_eq!(
        memories.list(&MemoryListRequest { limit: Some(1000), ..MemoryListRequest::default() }).unwrap().memories.len(),
        kept.len()
    );
}

#[test]
fn forgetting_a_correction_does_not_bring_the_mistake_back() {
    let folder = tempfile::tempdir().unwrap();
    let memories = Memories::open(folder.path()).unwrap();
    for number in 1..=3 {
        memories.store(keyed(&format!("The gateway is 10.0.0.{number}"), "gateway")).unwrap();
    }
    let last = ask(&memories, "gateway").results[0].id.clone();
    assert_eq!(memories.get(&last).unwrap().summary, "The gateway is 10.0.0.3");
    assert_eq!(memories.forget(&last).unwrap(), 3);
    assert!(found(&memories, "gateway").is_empty() && files(folder.path()).is_empty());
    assert!(matches!(memories.forget(&last), Err(MemoryError::Unknown(_))));
}

#[test]
fn damaged_derived_files_are_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let memories = Memories::open(folder.path()).unwrap();
    (0..20).for_each(|number| drop(memories.store(new(&format!("fact{number} holds"))).unwrap()));
    memories.give_space_back().unwrap();
    drop(memories);
    let generation = folder.path().join("index/g0");
    for damage in ["catalog.db", "text/meta.json", "text", "../../vectors.db", ""] {
        let path = generation.join(damage);
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap();
        } else {
            fs::write(&path, vec![0x55; 8192]).unwrap();
        }
        let memories = Memories::open(folder.path()).unwrap();
        let _keeper = Keeper::start(&memories).unwrap();
        eventually("the start is over", || !memories.health().unwrap().is_indexing);
        for number in 0..20 {
            assert_eq!(found(&memories, &format!("fact{number}")).len(), 1, "{damage}");
        }
        memories.give_space_back().unwrap();
    }
}

#[test]
fn words_that_stand_in_every_text_help_others_and_find_nothing_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let memories = Memories::open(folder.path()).unwrap();
    let wait = "Wait until the backup of the house is over";
    for summary in ["The backup of the house is daily", wait, "It rains on most of the days of the year"] {
        memories.store(new(summary)).unwrap();
    }
    assert_eq!(found(&memories, "until when is the backup").first().map(String::as_str), Some(wait));
    assert_eq!(found(&memories, "the backup of the year").len(), 3);
    assert!(found(&memories, "the zebra of the most").is_empty());
    assert_eq!(found(&memories, "of the").len(), 3);
}
