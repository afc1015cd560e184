//! Recall by meaning, with the smallest model there is: each word it knows has a direction of its own.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::{fs, path::Path};

use osmoda_api::agentd::{MemoryMode, MemoryNew, MemoryQuery};
use osmoda_memory::Memories;

const WORDS: [&str; 16] = [
    "[UNK]", "web", "server", "port", "birthday", "may", "red", "green", "blue", "white", "black", "grey", "pink",
    "brown", "orange", "gold",
];

/// A static model in the layout of Hugging Face.
fn make_model(folder: &Path) {
    fs::create_dir(folder).unwrap();
    fs::write(folder.join("config.json"), r#"{"model_type": "model2vec", "normalize": true}"#).unwrap();
    let words: Vec<String> = WORDS.iter().enumerate().map(|(id, word)| format!("{word:?}: {id}")).collect();
    let tokenizer = format!(
        r#"{{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": {{"type": "Lowercase"}},
        "pre_tokenizer": {{"type": "Whitespace"}}, "post_processor": null, "decoder": null,
        "model": {{"type": "WordLevel", "unk_token": "[UNK]", "vocab": {{{}}}}}}}"#,
        words.join(", ")
    );
    fs::write(folder.join("tokenizer.json"), tokenizer).unwrap();
    let size = WORDS.len();
    let numbers = (0..size * size).map(|at| if at / size == at % size { 1.0_f32 } else { 0.0 });
    let numbers: Vec<u8> = numbers.flat_map(f32::to_le_bytes).collect();
    let header = format!(
        r#"{{"embeddings": {{"dtype": "F32", "shape": [{size}, {size}], "data_offsets": [0, {}]}}}}"#,
        numbers.len()
    );
    let weights = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &numbers].concat();
    fs::write(folder.join("model.safetensors"), weights).unwrap();
}

fn store(memories: &Memories, summary: &str) -> String {
    memories.store(MemoryNew { summary: summary.into(), ..MemoryNew::default() }).unwrap().id
}

fn recall(memories: &Memories, query: &str, mode: MemoryMode) -> Vec<String> {
    let query = MemoryQuery { query: query.into(), mode: Some(mode), max_results: Some(50), ..MemoryQuery::default() };
    memories.recall(&query, 0.0).unwrap().results.into_iter().map(|result| result.id).collect()
}

/// Nothing computes vectors in the background here, as on a machine that has no time for it.
#[test]
fn what_was_stored_a_moment_ago_is_found_by_its_meaning_too() {
    let folder = tempfile::tempdir().unwrap();
    make_model(&folder.path().join("model"));
    let memories = Memories::open(&folder.path().join("memory")).unwrap();
    memories.install_model(&folder.path().join("model")).unwrap();
    for colour in &WORDS[6..] {
        let id = store(&memories, &format!("a {colour} wall"));
        assert_eq!(recall(&memories, colour, MemoryMode::Semantic).first(), Some(&id), "{colour}");
    }
}

#[test]
fn where_many_wait_for_their_vectors_they_are_found_by_their_words_without_delay() {
    let folder = tempfile::tempdir().unwrap();
    make_model(&folder.path().join("model"));
    let memories = Memories::open(&folder.path().join("memory")).unwrap();
    memories.install_model(&folder.path().join("model")).unwrap();
    let ids: Vec<String> = (0..20).map(|number| store(&memories, &format!("wall {number} is red"))).collect();
    assert!(recall(&memories, "red", MemoryMode::Semantic).is_empty());
    assert!(recall(&memories, "wall 7", MemoryMode::Hybrid).contains(&ids[7]));
    while memories.embed_some().unwrap() {}
    assert_eq!(recall(&memories, "red", MemoryMode::Semantic).len(), 20);
}
