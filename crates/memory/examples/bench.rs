//! The speed of memory: `bench text DATA`, `bench vectors FILE`, `bench store FOLDER`, `bench recall FOLDER STATIC MODEL COUNT`.
//! scripts/memory-bench.sh runs it beside its peers and makes the table.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for developers")]

use std::{
    fs,
    hint::black_box,
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use osmoda_api::agentd::{MemoryMode, MemoryNew, MemoryQuery};
use osmoda_ipc::{NewEvent, Redo};
use osmoda_ledger::Ledger;
use osmoda_memory::{Keeper, Memories, MemoryError, Model, RedoLog, Vectors};
use serde_json::{Value, json};
use tantivy::{
    Index,
    collector::TopDocs,
    doc,
    query::QueryParser,
    schema::{IndexRecordOption, Schema, TextFieldIndexing, TextOptions},
};

const ROUNDS: usize = 5;
const VECTORS: usize = 50_000;
const DIMENSIONS: usize = 384;
const QUERIES: usize = 100;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["text", data] => text(Path::new(data)),
        ["vectors", file] => vectors(Path::new(file)),
        ["store", folder] => store(Path::new(folder)),
        ["recall", folder, quick, model, count] => {
            recall(Path::new(folder), [Path::new(quick), Path::new(model)], count.parse().unwrap());
        }
        _ => panic!("bench text DATA | vectors FILE | store FOLDER | recall FOLDER STATIC MODEL COUNT"),
    }
}

/// The median of what an operation takes for each of many things, in microseconds.
fn each<T>(things: &[T], mut operation: impl FnMut(&T)) -> f64 {
    let mut times: Vec<Duration> = things
        .iter()
        .map(|thing| {
            let started = Instant::now();
            operation(thing);
            started.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e6
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn lines(path: &Path) -> Vec<String> {
    let read = |line: &str| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned();
    fs::read_to_string(path).unwrap().lines().map(read).collect()
}

/// Our words against Tantivy as it comes, on the same texts and questions, taking turns.
fn text(data: &Path) {
    let (docs, queries) = (lines(&data.join("docs.jsonl")), lines(&data.join("queries.jsonl")));
    let folder = tempfile::tempdir().unwrap();
    write_notes(folder.path(), &docs);
    let memories = Memories::open(folder.path()).unwrap();
    let started = Instant::now();
    memories.reindex(false).unwrap();
    let rate = docs.len() as f64 / started.elapsed().as_secs_f64();
    let mut schema = Schema::builder();
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("en_stem")
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let body = schema.add_text_field("body", TextOptions::default().set_indexing_options(indexing));
    let index = Index::create_in_dir(tempfile::tempdir_in(folder.path()).unwrap().keep(), schema.build()).unwrap();
    let mut writer = index.writer_with_num_threads(1, 50 << 20).unwrap();
    for text in &docs {
        writer.add_document(doc!(body => text.as_str())).unwrap();
    }
    writer.commit().unwrap();
    let searcher = index.reader().unwrap().searcher();
    let parser = QueryParser::for_index(&index, vec![body]);
    let rounds: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|_| {
            let ours = each(&queries, |query| drop(black_box(memories.search_words(query, 10).unwrap())));
            let peer = each(&queries, |query| {
                let (query, _) = parser.parse_query_lenient(query);
                black_box(searcher.search(&query, &TopDocs::with_limit(10).order_by_score()).unwrap());
            });
            (ours, peer)
        })
        .collect();
    let ratio = median(rounds.iter().map(|(ours, peer)| ours / peer).collect());
    let (ours, peer) =
        (median(rounds.iter().map(|round| round.0).collect()), median(rounds.iter().map(|round| round.1).collect()));
    println!(
        "{}",
        json!({ "name": "text", "texts": docs.len(), "ours_us": ours, "tantivy_us": peer, "ratio": ratio, "reindex_per_s": rate })
    );
}

fn write_notes(folder: &Path, texts: &[String]) {
    for (number, text) in texts.iter().enumerate() {
        let month = folder.join(format!("notes/{:04}", number / 10_000));
        if number % 10_000 == 0 {
            fs::create_dir_all(&month).unwrap();
        }
        let text = text.replace('\n', " ");
        let cut = text
            .char_indices()
            .filter(|(at, letter)| *at > 60 && *letter == ' ')
            .map(|(at, _)| at)
            .next()
            .unwrap_or(text.len());
        fs::write(
            month.join(format!("mem_{number}.md")),
            format!(
                "---\nid: mem_{number}\ncreated: \"2026-01-01T00:00:00Z\"\n---\n# x{number} {}\n\n{}\n",
                &text[..cut],
                &text[cut..]
            ),
        )
        .unwrap();
    }
}

/// Vectors in clusters, as those of texts are: written to FILE for the peer, the queries behind them.
fn vectors(file: &Path) {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let mut vector = |around: Option<&Vec<f32>>| {
        let mut vector: Vec<f32> =
            (0..DIMENSIONS).map(|at| next() + around.map_or(0.0, |around| 12.0 * around[at])).collect();
        let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|number| *number /= length);
        vector
    };
    let centres: Vec<Vec<f32>> = (0..500).map(|_| vector(None)).collect();
    let all: Vec<Vec<f32>> = (0..VECTORS + QUERIES).map(|number| vector(Some(&centres[number % 500]))).collect();
    let bytes: Vec<u8> = all.iter().flatten().flat_map(|number| number.to_le_bytes()).collect();
    fs::File::create(file).unwrap().write_all(&bytes).unwrap();
    let (stored, queries) = all.split_at(VECTORS);
    let vectors = Vectors::default();
    let started = Instant::now();
    stored.iter().zip(0..).for_each(|(vector, row)| vectors.add(row, vector));
    let added = VECTORS as f64 / started.elapsed().as_secs_f64();
    let times: Vec<f64> =
        (0..ROUNDS).map(|_| each(queries, |query| drop(black_box(vectors.nearest(query, 10, None))))).collect();
    let mut found = 0;
    for query in queries {
        let mut exact: Vec<(f32, u64)> = stored
            .iter()
            .zip(0..)
            .map(|(vector, row)| (vector.iter().zip(query).map(|(a, b)| a * b).sum(), row))
            .collect();
        exact.sort_by(|a, b| b.0.total_cmp(&a.0));
        let best: Vec<u64> = exact[..10].iter().map(|(_, row)| *row).collect();
        found += vectors.nearest(query, 10, None).iter().filter(|(row, _)| best.contains(row)).count();
    }
    println!(
        "{}",
        json!({ "name": "vectors", "vectors": VECTORS, "ours_us": median(times), "recall_at_10": found as f64 / (10 * QUERIES) as f64, "added_per_s": added })
    );
}

struct InLedger(Arc<Ledger>);

impl RedoLog for InLedger {
    fn names(&self) -> Result<Vec<String>, MemoryError> {
        Ok(self.0.redo_names().unwrap())
    }

    fn release(&self, names: Vec<String>) {
        self.0.release(names);
    }
}

/// What a store takes with the ledger's event that agentd writes of it, against such an event alone.
fn store(folder: &Path) {
    let memories = Memories::open(&folder.join("memory")).unwrap();
    let _keeper = Keeper::start(&memories).unwrap();
    let ledger = Arc::new(Ledger::open(&folder.join("ledger.db")).unwrap());
    memories.keep_redo_in(InLedger(ledger.clone()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let append = async |redo: Option<Redo>| {
        let payload = json!({ "request_id": "req_01KAQ5E3V2Y8JX1M7N4C9TZB6W", "daemon": "agentd", "ok": true,
            "result": { "id": "mem_01KAQ5E3V2Y8JX1M7N4C9TZB6W", "status": "stored" } });
        let event = NewEvent { kind: "memory_store.outcome".into(), actor: "agent:claude".into(), payload };
        ledger.append_with(event, redo).await.unwrap();
    };
    // As agentd does it: the index is brought to the file while its event is written.
    let remember = async |number: usize| {
        let summary = format!("The machine number {number} was seen, and its fans were loud");
        let new = MemoryNew { summary, ..MemoryNew::default() };
        let (tell, told) = tokio::sync::oneshot::channel();
        let memories = memories.clone();
        let storing =
            tokio::task::spawn_blocking(move || memories.store_for_redo(new, |_, redo| tell.send(redo).unwrap()));
        append(told.await.unwrap()).await;
        storing.await.unwrap().unwrap();
    };
    let rounds: Vec<(f64, f64)> = (0..=20 * ROUNDS)
        .map(|round| {
            let numbers: Vec<usize> = (0..20).map(|number| round * 20 + number).collect();
            let ours = each(&numbers, |number| runtime.block_on(remember(*number)));
            (ours, each(&numbers, |_| runtime.block_on(append(None))))
        })
        .skip(1)
        .collect();
    println!(
        "{}",
        json!({ "name": "store", "ours_us": median(rounds.iter().map(|round| round.0).collect()),
            "append_us": median(rounds.iter().map(|round| round.1).collect()),
            "ratio": median(rounds.iter().map(|(ours, append)| ours / append).collect()) })
    );
}

/// So many memories with made-up words: what a recall, a store and a look at the health take. The vectors come from a static
/// model, to be there today, and the queries' from MODEL, which has as many dimensions; a scan takes as long for any numbers.
fn recall(folder: &Path, [quick, model]: [&Path; 2], count: usize) {
    let word = |number: usize| {
        format!("w{}", (number.wrapping_mul(2_654_435_761) >> 7) % (number % 97 + 3).pow(3).min(50_000))
    };
    let text = |number: usize| (0..24).map(|at| word(number * 31 + at * 17)).collect::<Vec<_>>().join(" ");
    let texts: Vec<String> = (0..count).map(text).collect();
    write_notes(folder, &texts);
    let memories = Memories::open(folder).unwrap();
    let done = memories.reindex(false).unwrap();
    let queries: Vec<MemoryQuery> = (0..QUERIES)
        .map(|number| MemoryQuery {
            query: format!("which {} has {} and {}", word(number * 7), word(number * 11 + 3), word(number * 13 + 5)),
            ..MemoryQuery::default()
        })
        .collect();
    let ask = |memories: &Memories, mode| {
        each(&queries, |query| {
            drop(black_box(memories.recall(&MemoryQuery { mode: Some(mode), ..query.clone() }, 0.0).unwrap()));
        })
    };
    let keyword = ask(&memories, MemoryMode::Keyword);
    memories.install_model(quick).unwrap();
    while memories.embed_some().unwrap() {}
    drop(memories);
    let computed = Model::load(model).unwrap().facts.sha256;
    let vectors = rusqlite::Connection::open(folder.join("vectors.db")).unwrap();
    vectors.execute("UPDATE model SET sha256 = ?1", [computed]).unwrap();
    drop(vectors);
    let memories = Memories::open(folder).unwrap();
    memories.install_model(model).unwrap();
    assert_eq!(memories.health().unwrap().to_embed, 0);
    let hybrid = ask(&memories, MemoryMode::Hybrid);
    let semantic = ask(&memories, MemoryMode::Semantic);
    let health = each(&queries, |_| drop(black_box(memories.health().unwrap())));
    let _keeper = Keeper::start(&memories).unwrap();
    let store = each(&(0..200).collect::<Vec<u32>>(), |number| {
        memories.store(MemoryNew { summary: format!("a new memory number {number}"), ..MemoryNew::default() }).unwrap();
    });
    println!(
        "{}",
        json!({ "name": "recall", "memories": count, "keyword_us": keyword, "semantic_us": semantic, "hybrid_us": hybrid,
            "store_us": store, "health_us": health, "reindex_per_s": count as f64 / done.seconds })
    );
}
