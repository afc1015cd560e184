//! What recall knows of the rows that either leg brought: their measures, and what their texts say.

use std::collections::HashMap;

use crate::{
    MemoryError,
    catalog::Row,
    indexes::Indexes,
    note::SESSION,
    recall::Look,
    text::{Counted, Known},
};

/// So many words are a text's beginning: its summary, or the title of a part.
const BEGINNING: u32 = 30;
/// Shorter words (in bytes) stand in others by chance.
const SHORTEST_PART: usize = 4;

/// What is known of a row before it is scored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidate {
    pub(crate) row: u64,
    pub(crate) bm25: f32,
    pub(crate) cosine: Option<f32>,
    /// The share of the query's rarity that stands in the text as it was written in the query, or as a part of longer words.
    pub(crate) written: f64,
    /// The share of the query's rarity that stands at the text's beginning.
    pub(crate) beginning: f64,
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
    beginning: f64,
    session: Option<String>,
}

/// A word of the candidates' texts.
#[derive(Debug)]
struct Word {
    indexed: String,
    /// Which of the query's words it is, as they are indexed.
    asked: Option<usize>,
    /// Which of the query's words it is like, as they are written, and how much.
    like: Vec<(usize, f64)>,
}

/// The texts of candidates.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    /// The query's words as they are written, with their rarity.
    written: Vec<(Spelled, f64)>,
    /// The place and the rarity of each of the query's words, as they are indexed.
    indexed: HashMap<String, (usize, f64)>,
    words: Known<Word>,
    known: HashMap<u64, Text>,
    nothing: Text,
}

impl Texts {
    pub(crate) fn new(indexes: &Indexes, look: &Look) -> Result<Self, MemoryError> {
        let rarity = indexes.text.rarity(&look.words)?;
        let rarity = look.words.iter().zip(rarity).enumerate();
        let indexed: HashMap<String, (usize, f64)> =
            rarity.map(|(place, ((word, _), rarity))| (word.clone(), (place, f64::from(rarity)))).collect();
        let mut written: HashMap<String, f64> = HashMap::new();
        let find_out = |word: &str, stem: String| {
            if let Some((_, rarity)) = indexed.get(&stem) {
                written.insert(word.to_owned(), *rarity);
            }
        };
        indexes.text.words().each_known(&look.asked, &mut Known::default(), find_out, |()| ());
        let written = written.iter().map(|(word, rarity)| (Spelled::of(word), *rarity)).collect();
        Ok(Self { written, indexed, ..Self::default() })
    }

    /// Reads the texts of candidates that are not known yet.
    pub(crate) fn read(&mut self, indexes: &Indexes, candidates: &mut [Candidate]) -> Result<(), MemoryError> {
        let unread: Vec<u64> =
            candidates.iter().map(|candidate| candidate.row).filter(|row| !self.known.contains_key(row)).collect();
        let total = |rarity: &mut dyn Iterator<Item = f64>| rarity.sum::<f64>().max(f64::MIN_POSITIVE);
        let total_written = total(&mut self.written.iter().map(|(_, rarity)| *rarity));
        let total_indexed = total(&mut self.indexed.values().map(|(_, rarity)| *rarity));
        let (written, indexed) = (&self.written, &self.indexed);
        for row in indexes.catalog.rows(&unread)? {
            let mut counted = Counted::default();
            let mut best = vec![0.0_f64; written.len()];
            let mut begins = vec![false; indexed.len()];
            let find_out = |word: &str, stem: String| {
                let (asked, word) = (indexed.get(&stem).map(|(place, _)| *place), Spelled::of(word));
                let like = written.iter().enumerate();
                let like = like.filter_map(|(place, (asked, _))| Some((place, asked.likeness(&word)?))).collect();
                Word { indexed: stem, asked, like }
            };
            indexes.text.words().each_known(&row.text(), &mut self.words, find_out, |word| {
                if let Some(begins) =
                    word.asked.filter(|_| counted.length < BEGINNING).and_then(|at| begins.get_mut(at))
                {
                    *begins = true;
                }
                counted.add(&word.indexed);
                for (place, likeness) in &word.like {
                    best[*place] = best[*place].max(*likeness);
                }
            });
            let stands = written.iter().zip(best).map(|((_, rarity), likeness)| rarity * likeness).sum::<f64>();
            let first = indexed.values().filter(|(place, _)| begins[*place]).map(|(_, rarity)| rarity).sum::<f64>();
            let (written, beginning) = (stands / total_written, first / total_indexed);
            self.known.insert(row.row, Text { counted, written, beginning, session: session(&row) });
        }
        for candidate in candidates {
            let text = self.known.get(&candidate.row).unwrap_or(&self.nothing);
            candidate.written = text.written;
            candidate.beginning = text.beginning;
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

/// A word as it is written.
#[derive(Debug)]
struct Spelled {
    word: String,
    /// A bit for every byte that it has, so that most words need not be compared.
    letters: u64,
}

impl Spelled {
    fn of(word: &str) -> Self {
        Self { word: word.to_owned(), letters: word.bytes().fold(0, |letters, byte| letters | 1 << (byte % 64)) }
    }

    /// How much of one word the other is, where one stands in the other: `socket` is no stranger to `websockets`.
    fn likeness(&self, other: &Self) -> Option<f64> {
        let (short, long) = if self.word.len() < other.word.len() { (self, other) } else { (other, self) };
        if short.letters & !long.letters != 0 {
            return None;
        }
        let lengths = (short.word.len(), long.word.len());
        match lengths.0 == lengths.1 {
            true => (short.word == long.word).then_some(1.0),
            false if lengths.0 < SHORTEST_PART || !long.word.contains(&short.word) => None,
            false => Some(lengths.0 as f64 / lengths.1 as f64),
        }
    }
}

/// The conversation that a row says it is from.
fn session(row: &Row) -> Option<String> {
    row.tags.iter().find(|tag| tag.starts_with(SESSION)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_like_one_that_it_stands_in() {
        for (a, b, expected) in [
            ("port", "port", Some(1.0)),
            ("d", "d", Some(1.0)),
            ("port", "ports", Some(0.8)),
            ("websocket", "socket", Some(6.0 / 9.0)),
            ("port", "sort", None),
            ("web", "website", None),
            ("", "port", None),
        ] {
            for (a, b) in [(a, b), (b, a)] {
                assert_eq!(Spelled::of(a).likeness(&Spelled::of(b)), expected, "{a} {b}");
            }
        }
    }
}
