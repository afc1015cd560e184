//! What hybrid recall knows of the rows that either leg brought: their measures, and what their texts say.

use std::collections::HashMap;

use crate::{
    MemoryError,
    catalog::Row,
    indexes::Indexes,
    note::SESSION,
    recall::Look,
    text::{Counted, Stems},
};

/// What is known of a row before it is scored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidate {
    pub(crate) row: u64,
    pub(crate) bm25: f32,
    pub(crate) cosine: Option<f32>,
    /// The share of the query's rarity that stands in the text as it was written in the query.
    pub(crate) written: f64,
    /// The share of the rarity of the query's and the feedback's words.
    pub(crate) feedback_words: f64,
    /// The cosine to the query with feedback.
    pub(crate) feedback_cosine: Option<f32>,
    pub(crate) keyword_rank: Option<u32>,
    pub(crate) vector_rank: Option<u32>,
}

impl Candidate {
    pub(crate) fn of(row: u64) -> Self {
        Self { row, ..Self::default() }
    }
}

/// A candidate's text, read once.
#[derive(Debug, Default)]
pub(crate) struct Text {
    pub(crate) counted: Counted,
    written: f64,
    session: Option<String>,
}

/// The texts of candidates.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    /// The query's words as they are written, with their rarity.
    asked: HashMap<String, f64>,
    stems: Stems,
    known: HashMap<u64, Text>,
    nothing: Text,
}

impl Texts {
    pub(crate) fn new(indexes: &Indexes, look: &Look) -> Result<Self, MemoryError> {
        let rarity = indexes.text.rarity(&look.words)?;
        let rarity: HashMap<&str, f32> = look.words.iter().map(|(word, _)| word.as_str()).zip(rarity).collect();
        let mut asked = HashMap::new();
        let mut stems = Stems::default();
        indexes.text.words().each_spelled(&look.asked, &mut stems, |written, indexed| {
            if let Some(rarity) = rarity.get(indexed) {
                asked.insert(written.to_owned(), f64::from(*rarity));
            }
        });
        Ok(Self { asked, stems, ..Self::default() })
    }

    /// Reads the texts of candidates that are not known yet.
    pub(crate) fn read(&mut self, indexes: &Indexes, candidates: &mut [Candidate]) -> Result<(), MemoryError> {
        let unread: Vec<u64> =
            candidates.iter().map(|candidate| candidate.row).filter(|row| !self.known.contains_key(row)).collect();
        let total = self.asked.values().sum::<f64>().max(f64::MIN_POSITIVE);
        for row in indexes.catalog.rows(&unread)? {
            let mut counted = Counted::default();
            let mut found: HashMap<&str, f64> = HashMap::new();
            let asked = &self.asked;
            indexes.text.words().each_spelled(&row.text(), &mut self.stems, |written, indexed| {
                counted.add(indexed);
                if let Some((word, rarity)) = asked.get_key_value(written) {
                    found.insert(word, *rarity);
                }
            });
            let written = found.values().sum::<f64>() / total;
            self.known.insert(row.row, Text { counted, written, session: session(&row) });
        }
        for candidate in candidates {
            candidate.written = self.of(candidate.row).written;
        }
        Ok(())
    }

    /// The text of a row; an empty one where the row is gone.
    pub(crate) fn of(&self, row: u64) -> &Text {
        self.known.get(&row).unwrap_or(&self.nothing)
    }

    /// The conversation that a row's text is from.
    pub(crate) fn session(&self, row: u64) -> Option<&str> {
        self.of(row).session.as_deref()
    }
}

/// The conversation that a row says it is from.
fn session(row: &Row) -> Option<String> {
    row.tags.iter().find(|tag| tag.starts_with(SESSION)).cloned()
}
