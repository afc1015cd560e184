//! One order from two legs.
//!
//! Both legs are brought to numbers that mean the same for every query: words to the share of the query's rarity that a text
//! answers, meaning to the cosine. They are added with weights, and the first results' common direction is asked once more
//! (pseudo relevance feedback). The weights were found on one half of each evaluation's queries; docs/memory.md has the
//! results of the other half.

use osmoda_api::agentd::MemoryMode;

use crate::{MemoryError, embed, indexes::Indexes, recall::Look, text::Weighted};

/// What words, meaning and feedback give.
const WEIGHTS: Weights = Weights { keyword: 0.3, vector: 0.45, feedback: 0.25 };
/// How many first results feed back, and how much of the query stays in the direction that they give.
const FEEDBACK_TEXTS: usize = 5;
const FEEDBACK_QUERY: f32 = 0.5;
/// After so long a memory is half as recent.
const HALF_LIFE_DAYS: f64 = 30.0;

#[derive(Clone, Copy, Debug)]
struct Weights {
    keyword: f64,
    vector: f64,
    feedback: f64,
}

/// What is known of a row before it is scored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidate {
    pub(crate) row: u64,
    pub(crate) bm25: f32,
    /// Whether `bm25` is known: a leg says nothing of rows that it did not bring.
    has_bm25: bool,
    pub(crate) cosine: Option<f32>,
    pub(crate) feedback: Option<f32>,
    pub(crate) keyword_rank: Option<u32>,
    pub(crate) vector_rank: Option<u32>,
}

/// What a row's score is made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scored {
    pub(crate) row: u64,
    pub(crate) score: f64,
    pub(crate) bm25: f32,
    pub(crate) cosine: f32,
    pub(crate) keyword_part: f64,
    pub(crate) vector_part: f64,
    pub(crate) feedback_part: f64,
    pub(crate) recency_factor: f64,
    pub(crate) keyword_rank: Option<u32>,
    pub(crate) vector_rank: Option<u32>,
}

impl Candidate {
    pub(crate) fn of(row: u64) -> Self {
        Self { row, ..Self::default() }
    }
}

/// Measures what a leg did not bring, so that no candidate is judged by one leg alone.
pub(crate) fn complete(
    indexes: &Indexes,
    vector: &[f32],
    feedback: Option<&[f32]>,
    candidates: &mut [Candidate],
    words: &[Weighted],
) -> Result<(), MemoryError> {
    let rows: Vec<u64> = candidates.iter().map(|candidate| candidate.row).collect();
    for (candidate, cosine) in candidates.iter_mut().zip(indexes.vectors.cosines(vector, &rows)) {
        candidate.cosine = candidate.cosine.or(cosine);
    }
    if let Some(feedback) = feedback {
        for (candidate, cosine) in candidates.iter_mut().zip(indexes.vectors.cosines(feedback, &rows)) {
            candidate.feedback = cosine;
        }
    }
    let unknown: Vec<usize> =
        (0..candidates.len()).filter(|at| !candidates[*at].has_bm25 && candidates[*at].keyword_rank.is_none()).collect();
    let rows: Vec<u64> = unknown.iter().map(|at| candidates[*at].row).collect();
    let texts: std::collections::HashMap<u64, String> =
        indexes.catalog.rows(&rows)?.into_iter().map(|row| (row.row, row.text())).collect();
    let given: Vec<&str> = rows.iter().map(|row| texts.get(row).map_or("", String::as_str)).collect();
    for (at, score) in unknown.into_iter().zip(indexes.text.score(words, &given)?) {
        candidates[at].bm25 = score;
        candidates[at].has_bm25 = true;
    }
    Ok(())
}

/// The direction of the query and of what it finds first; `None` where nothing found has a vector.
pub(crate) fn feedback(
    indexes: &Indexes,
    vector: &[f32],
    candidates: &mut [Candidate],
    words: &[Weighted],
) -> Result<Option<Vec<f32>>, MemoryError> {
    complete(indexes, vector, None, candidates, words)?;
    let rarity = total_rarity(indexes, words)?;
    let mut first: Vec<(f64, u64)> = candidates
        .iter()
        .map(|candidate| {
            let keyword = f64::from(candidate.bm25) / rarity;
            (WEIGHTS.keyword * keyword + WEIGHTS.vector * f64::from(candidate.cosine.unwrap_or_default()), candidate.row)
        })
        .collect();
    first.sort_by(|a, b| b.0.total_cmp(&a.0));
    let rows: Vec<u64> = first.iter().take(FEEDBACK_TEXTS).map(|(_, row)| *row).collect();
    let found: Vec<Vec<f32>> = indexes.vectors.of(&rows).into_iter().flatten().collect();
    if found.is_empty() {
        return Ok(None);
    }
    let mut direction = vec![0.0; vector.len()];
    for text in &found {
        for (sum, number) in direction.iter_mut().zip(text) {
            *sum += number;
        }
    }
    embed::normalise(&mut direction);
    for (number, asked) in direction.iter_mut().zip(vector) {
        *number = FEEDBACK_QUERY * asked + (1.0 - FEEDBACK_QUERY) * *number;
    }
    embed::normalise(&mut direction);
    Ok(Some(direction))
}

/// What a text of average length would score that has each word once.
fn total_rarity(indexes: &Indexes, words: &[Weighted]) -> Result<f64, MemoryError> {
    let rarity = indexes.text.rarity(words)?;
    let total: f32 = rarity.iter().zip(words).map(|(rarity, (_, weight))| rarity * weight).sum();
    Ok(f64::from(total.max(f32::MIN_POSITIVE)))
}

/// The candidates by their scores, best first.
pub(crate) fn score(indexes: &Indexes, look: &Look, candidates: &[Candidate]) -> Result<Vec<Scored>, MemoryError> {
    let rarity = total_rarity(indexes, &look.words)?;
    let weights = match look.mode {
        MemoryMode::Keyword => Weights { keyword: 1.0, vector: 0.0, feedback: 0.0 },
        MemoryMode::Semantic => Weights { keyword: 0.0, vector: 1.0, feedback: 0.0 },
        MemoryMode::Hybrid => WEIGHTS,
    };
    let mut scored: Vec<Scored> = candidates
        .iter()
        .map(|candidate| {
            let cosine = candidate.cosine.unwrap_or_default();
            let keyword_part = weights.keyword * f64::from(candidate.bm25) / rarity;
            let vector_part = weights.vector * f64::from(cosine);
            let feedback_part = weights.feedback * f64::from(candidate.feedback.unwrap_or_default());
            Scored {
                row: candidate.row,
                score: keyword_part + vector_part + feedback_part,
                bm25: candidate.bm25,
                cosine,
                keyword_part,
                vector_part,
                feedback_part,
                recency_factor: 1.0,
                keyword_rank: candidate.keyword_rank,
                vector_rank: candidate.vector_rank,
            }
        })
        .collect();
    scored.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.row.cmp(&a.row)));
    Ok(scored)
}

/// Lets newer ones count more, and brings the score between 0 and 1.
pub(crate) fn age(scored: &mut Scored, milliseconds: i64, recency: f64) {
    let days = milliseconds.max(0) as f64 / 86_400_000.0;
    let freshness = 0.5_f64.powf(days / HALF_LIFE_DAYS);
    scored.recency_factor = 1.0 - recency + recency * freshness;
    scored.score = (scored.score * scored.recency_factor).clamp(0.0, 1.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_counts_more_only_where_it_is_asked_for() {
        for (days, recency, expected) in [(0, 1.0, 0.8), (30, 0.0, 0.8), (30, 1.0, 0.4), (30, 0.5, 0.6), (-5, 1.0, 0.8)] {
            let mut scored = Scored { score: 0.8, ..Scored::default() };
            age(&mut scored, days * 86_400_000, recency);
            assert!((scored.score - expected).abs() < 1e-9, "{days} {recency}: {}", scored.score);
        }
    }
}
