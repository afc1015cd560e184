//! What was stored since the last commit, scored as Tantivy would score it: with BM25 over both together.

use std::collections::HashMap;

use tantivy::{Searcher, Term, query::Bm25StatisticsProvider, schema::Field};

use super::{Entry, Weighted, Words};
use crate::{MemoryError, filter::Filter};

const K1: f32 = 1.2;
const B: f32 = 0.75;

/// The words of a text, counted once and scored as often as needed.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) counts: HashMap<String, u32>,
    pub(crate) length: u32,
}

impl Counted {
    fn of(text: &str, words: &Words) -> Self {
        let mut counted = Self::default();
        words.each(text, |word| counted.add(word));
        counted
    }

    /// Counts one more word, as it is indexed.
    pub(crate) fn add(&mut self, word: &str) {
        self.length += 1;
        match self.counts.get_mut(word) {
            Some(count) => *count += 1,
            None => drop(self.counts.insert(word.to_owned(), 1)),
        }
    }
}

/// An entry with its words counted.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) entry: Entry,
    counted: Counted,
}

impl Fresh {
    pub(super) fn new(entry: Entry, words: &Words) -> Self {
        Self { counted: Counted::of(&entry.text, words), entry }
    }

    pub(super) fn score(&self, statistics: &Statistics, words: &[Weighted]) -> f32 {
        statistics.score(&self.counted, words)
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
    /// The inverse document frequency of each of the query's words.
    pub(super) rarity: Vec<f32>,
}

impl Statistics {
    pub(super) fn new(
        searcher: &Searcher,
        fresh: &[std::sync::Arc<Fresh>],
        body: Field,
        words: &[Weighted],
    ) -> Result<Self, MemoryError> {
        let fresh_words: u64 = fresh.iter().map(|fresh| u64::from(fresh.counted.length)).sum();
        let frequencies = words.iter().map(|(word, _)| {
            let term = Term::from_field_text(body, word);
            let there = searcher.doc_freq(&term)?;
            let new = fresh.iter().filter(|fresh| fresh.counted.counts.contains_key(word)).count() as u64;
            Ok((term, there + new))
        });
        let frequencies = frequencies.collect::<Result<Vec<_>, MemoryError>>()?;
        let texts = Bm25StatisticsProvider::total_num_docs(searcher)? + fresh.len() as u64;
        let rarity = |count: u64| (1.0 + (texts as f32 - count as f32 + 0.5) / (count as f32 + 0.5)).ln();
        Ok(Self {
            texts,
            words: searcher.total_num_tokens(body)? + fresh_words,
            rarity: frequencies.iter().map(|(_, count)| rarity(*count)).collect(),
            frequencies,
        })
    }

    /// The BM25 score of a text.
    pub(super) fn score(&self, counted: &Counted, words: &[Weighted]) -> f32 {
        let average = self.words as f32 / self.texts.max(1) as f32;
        let norm = K1 * (1.0 - B + B * counted.length as f32 / average.max(1.0));
        let each = words.iter().zip(&self.rarity).filter_map(|((word, weight), rarity)| {
            let count = *counted.counts.get(word)? as f32;
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
