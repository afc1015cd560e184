//! Retrieval quality on real data: `evaluate WORK MODEL NAME DATA`, where DATA holds docs.jsonl, queries.jsonl and qrels.tsv as
//! scripts/memory/prepare.py writes them. Vectors stay in WORK, so that a second run computes none. Every other query is the
//! half that weights were found on; the other half is what is reported.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, reason = "a tool for developers")]

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
};

use osmoda_api::agentd::{MemoryMode, MemoryQuery};
use osmoda_memory::Memories;
use serde_json::Value;
use tantivy::{
    Index, TantivyDocument,
    collector::TopDocs,
    doc,
    query::QueryParser,
    schema::{IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value as _},
};

const DEPTH: u32 = 100;

/// A text with its id, and the conversation that it is from.
struct Doc {
    id: String,
    text: String,
    session: Option<String>,
}

type Ranking = Vec<String>;
type Judged = HashMap<String, u32>;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, work, model, name, data] = &arguments[..] else { panic!("evaluate WORK MODEL NAME DATA") };
    let data = Path::new(data);
    let docs = lines(&data.join("docs.jsonl"));
    let queries: Vec<(String, String)> =
        lines(&data.join("queries.jsonl")).into_iter().map(|query| (query.id, query.text)).collect();
    let mut judged: HashMap<String, Judged> = HashMap::new();
    for line in fs::read_to_string(data.join("qrels.tsv")).unwrap().lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        judged.entry(fields[0].into()).or_default().insert(fields[1].into(), fields[2].parse().unwrap());
    }
    let memories = remember(&Path::new(work).join(name), Path::new(model), &docs);
    let tantivy = Tantivy::new(&docs);
    let mut rows: Vec<(&str, Vec<Ranking>)> = Vec::new();
    rows.push(("Tantivy BM25", queries.iter().map(|(_, text)| tantivy.search(text)).collect()));
    let recall = |mode| queries.iter().map(|(_, text)| ask(&memories, text, mode)).collect::<Vec<_>>();
    let (keyword, semantic) = (recall(MemoryMode::Keyword), recall(MemoryMode::Semantic));
    let fused = keyword.iter().zip(&semantic).map(|(a, b)| reciprocal(a, b)).collect();
    rows.push(("keyword", keyword));
    rows.push(("semantic", semantic));
    rows.push(("plain rank fusion", fused));
    rows.push(("hybrid", recall(MemoryMode::Hybrid)));
    for half in ["tuned on", "held out"] {
        let chosen: Vec<usize> = (0..queries.len())
            .filter(|at| (at % 2 == 1) == (half == "held out"))
            .filter(|at| judged.contains_key(&queries[*at].0))
            .collect();
        println!(
            "\n{name}: {} texts, {} queries {half}\n\n| | nDCG@10 | recall@10 | MRR@10 |\n|---|---|---|---|",
            docs.len(),
            chosen.len()
        );
        for (row, rankings) in &rows {
            let sums = chosen
                .iter()
                .map(|at| measures(&rankings[*at], &judged[&queries[*at].0]))
                .fold([0.0; 3], |sum, one| [sum[0] + one[0], sum[1] + one[1], sum[2] + one[2]]);
            let [gain, recall, rank] = sums.map(|sum| sum / chosen.len() as f64);
            println!("| {row} | {gain:.3} | {recall:.3} | {rank:.3} |");
        }
    }
}

fn lines(path: &Path) -> Vec<Doc> {
    let text = fs::read_to_string(path).unwrap();
    let read = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        let word = |key: &str| value[key].as_str().map(str::to_owned);
        Doc { id: word("id").unwrap(), text: word("text").unwrap(), session: word("session") }
    };
    text.lines().map(read).collect()
}

/// Every text as a memory's file, indexed and embedded as agentd would.
fn remember(folder: &Path, model: &Path, docs: &[Doc]) -> Memories {
    let notes = folder.join("notes/evaluation");
    let _ = fs::remove_dir_all(folder.join("notes"));
    fs::create_dir_all(&notes).unwrap();
    for Doc { id, text, session } in docs {
        // The first words are the summary; all of it is searched.
        let text = text.replace('\n', " ");
        let cut = text
            .char_indices()
            .filter(|(at, letter)| *at > 60 && *letter == ' ')
            .map(|(at, _)| at)
            .next()
            .unwrap_or(text.len());
        fs::write(
            notes.join(format!("{id}.md")),
            format!(
                "---\nid: {id}\ncreated: \"2026-01-01T00:00:00Z\"\n{}---\n# {}\n\n{}\n",
                session.as_ref().map(|session| format!("tags: [\"session:{session}\"]\n")).unwrap_or_default(),
                &text[..cut],
                &text[cut..]
            ),
        )
        .unwrap();
    }
    let memories = Memories::open(folder).unwrap();
    memories.reindex(false).unwrap();
    memories.install_model(model).unwrap();
    while memories.embed_some().unwrap() {
        eprint!("\r{} texts have no vector yet      ", memories.health().unwrap().to_embed);
    }
    memories
}

fn ask(memories: &Memories, text: &str, mode: MemoryMode) -> Ranking {
    let query =
        MemoryQuery { query: text.into(), mode: Some(mode), max_results: Some(DEPTH), ..MemoryQuery::default() };
    let results = memories.recall(&query, 0.0).unwrap().results;
    // What says nearly the same is found too, right behind.
    results.into_iter().flat_map(|result| [vec![result.id], result.duplicates].concat()).collect()
}

fn reciprocal(a: &Ranking, b: &Ranking) -> Ranking {
    let mut scores: HashMap<&String, f64> = HashMap::new();
    for ranking in [a, b] {
        for (place, id) in ranking.iter().enumerate() {
            *scores.entry(id).or_default() += 1.0 / (60.0 + place as f64 + 1.0);
        }
    }
    let mut ranked: Vec<(&String, f64)> = scores.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    ranked.into_iter().map(|(id, _)| id.clone()).collect()
}

/// nDCG@10 with gains 2^grade - 1, recall@10, and the reciprocal of the first relevant one's place among ten.
fn measures(ranking: &Ranking, judged: &Judged) -> [f64; 3] {
    let gain = |grade: u32, place: usize| (2_f64.powi(grade as i32) - 1.0) / (place as f64 + 2.0).log2();
    let first: Vec<u32> = ranking.iter().take(10).map(|id| judged.get(id).copied().unwrap_or_default()).collect();
    let mut best: Vec<u32> = judged.values().copied().collect();
    best.sort_unstable_by(|a, b| b.cmp(a));
    let sum =
        |grades: &[u32]| grades.iter().take(10).enumerate().map(|(place, grade)| gain(*grade, place)).sum::<f64>();
    let relevant = judged.values().filter(|grade| **grade > 0).count();
    let found: HashSet<usize> = (0..first.len()).filter(|place| first[*place] > 0).collect();
    let rank = found.iter().min().map_or(0.0, |place| 1.0 / (*place as f64 + 1.0));
    [sum(&first) / sum(&best).max(f64::MIN_POSITIVE), found.len() as f64 / relevant.max(1) as f64, rank]
}

/// Tantivy as it comes: its English analyzer, its query parser, its BM25.
struct Tantivy {
    index: Index,
    parser: QueryParser,
    id: tantivy::schema::Field,
}

impl Tantivy {
    fn new(docs: &[Doc]) -> Self {
        let mut schema = Schema::builder();
        let id = schema.add_text_field("id", STRING | STORED);
        let indexing = TextFieldIndexing::default()
            .set_tokenizer("en_stem")
            .set_index_option(IndexRecordOption::WithFreqsAndPositions);
        let body = schema.add_text_field("body", TextOptions::default().set_indexing_options(indexing));
        let index = Index::create_in_ram(schema.build());
        let mut writer = index.writer_with_num_threads(1, 50 << 20).unwrap();
        for Doc { id: name, text, .. } in docs {
            writer.add_document(doc!(id => name.as_str(), body => text.as_str())).unwrap();
        }
        writer.commit().unwrap();
        let parser = QueryParser::for_index(&index, vec![body]);
        Self { index, parser, id }
    }

    fn search(&self, text: &str) -> Ranking {
        let plain: String = text.chars().map(|letter| if letter.is_alphanumeric() { letter } else { ' ' }).collect();
        let (query, _) = self.parser.parse_query_lenient(&plain.to_lowercase());
        let searcher = self.index.reader().unwrap().searcher();
        let hits = searcher.search(&query, &TopDocs::with_limit(DEPTH as usize).order_by_score()).unwrap();
        let name = |address| {
            searcher.doc::<TantivyDocument>(address).unwrap().get_first(self.id).unwrap().as_str().unwrap().to_owned()
        };
        hits.into_iter().map(|(_, address)| name(address)).collect()
    }
}
