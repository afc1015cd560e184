//! What was stored since the last commit, scored as Tantivy would score it: with BM25 over both together.

use std::collections::HashMap;

use tantivy::{Searcher, Term, query::Bm25StatisticsProvider, schema::Field};

use super::{Entry, Weighted, Words};
use crate::{MemoryError, filter::Filter};

const K1: f32 = 1.2;
const B: f32 = 0.75;

/// An entry with its words counted.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) entry: Entry,
    counts: HashMap<String, u32>,
    length: u32,
}

impl Fresh {
    pub(super) fn new(entry: Entry, words: &Words) -> Self {
        let mut counts = HashMap::new();
        let mut length = 0;
        words.each(&entry.text, |word| {
            length += 1;
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(counts.insert(word.to_owned(), 1)),
            }
        });
        Self { entry, counts, length }
    }

    pub(super) fn passes(&self, filter: &Filter) -> bool {
        filter.passes(self.entry.kind, self.entry.time, self.entry.category.as_deref(), &self.entry.tags)
    }
}

/// Counts over the index and what is fresh.
pub(super) struct Statistics {
    texts: u64,
    words: u64,
    /// In how many texts each word of the query is, in the query's order.
    frequencies: Vec<(Term, u64)>,
}

impl Statistics {
    pub(super) fn new(
        searcher: &Searcher,
        fresh: &[std::sync::Arc<Fresh>],
        body: Field,
        words: &[Weighted],
    ) -> Result<Self, MemoryError> {
        let fresh_words: u64 = fresh.iter().map(|fresh| u64::from(fresh.length)).sum();
        let frequencies = words.iter().map(|(word, _)| {
            let term = Term::from_field_text(body, word);
            let there = searcher.doc_freq(&term)?;
            let new = fresh.iter().filter(|fresh| fresh.counts.contains_key(word)).count() as u64;
            Ok((term, there + new))
        });
        Ok(Self {
            texts: Bm25StatisticsProvider::total_num_docs(searcher)? + fresh.len() as u64,
            words: searcher.total_num_tokens(body)? + fresh_words,
            frequencies: frequencies.collect::<Result<_, MemoryError>>()?,
        })
    }

    /// The inverse document frequency of each of the query's words.
    pub(super) fn rarity(&self) -> Vec<f32> {
        let texts = self.texts as f32;
        self.frequencies
            .iter()
            .map(|(_, count)| (1.0 + (texts - *count as f32 + 0.5) / (*count as f32 + 0.5)).ln())
            .collect()
    }

    pub(super) fn score(&self, fresh: &Fresh, words: &[Weighted]) -> f32 {
        let average = self.words as f32 / self.texts.max(1) as f32;
        let norm = K1 * (1.0 - B + B * fresh.length as f32 / average.max(1.0));
        let each = words.iter().zip(self.rarity()).filter_map(|((word, weight), rarity)| {
            let count = *fresh.counts.get(word)? as f32;
            Some(weight * rarity * (1.0 + K1) * count / (count + norm))
        });
        each.sum()
    }
}

impl Bm25StatisticsProvider for Statistics {
    fn total_num_tokens(&self, _field: Field) -> tantivy::Result<u64> {
        Ok(self.words)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.texts)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        // Filters ask too; what they find has no score.
        Ok(self.frequencies.iter().find(|(known, _)| known == term).map_or(1, |(_, count)| *count).min(self.texts))
    }
}
