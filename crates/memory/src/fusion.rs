//! One order from two legs.
//!
//! Both legs are brought to numbers that mean the same for every query: words to the share of the query's rarity that a text
//! answers, meaning to the cosine; and the query's words that stand in the text as they were written, not only by their stem,
//! and those at its beginning. They are added with weights. A long question is about a matter, and then the first texts are
//! asked what they have in common (pseudo relevance feedback, each by how near it is to the best of them): their direction goes
//! into the query's vector, their telling words into its words, and every candidate is measured again; and what says nearly the
//! same shares its scores (`neighbours.rs`). In the end texts of one conversation share in the best of them. The weights were
//! found on one half of each evaluation's queries; docs/memory.md has the results of the other half.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use osmoda_api::agentd::MemoryMode;

use crate::{
    MemoryError,
    candidates::{Candidate, Texts},
    embed,
    indexes::Indexes,
    neighbours,
    recall::Look,
    text::{Counted, Weighted, is_stop_word},
};

/// What words give.
const KEYWORD: f64 = 0.2;
/// What words give that are written as they were asked for.
const WRITTEN: f64 = 0.21;
/// What words at a text's beginning give.
const BEGINNING: f64 = 0.035;
/// What meaning gives.
const MEANING: f64 = 0.555;
/// What is measured again with feedback counts so much at most, and what was asked the rest.
const FEEDBACK: f64 = 0.7;
/// What its neighbours' scores count of a text's at most.
const NEIGHBOURS: f64 = 0.4;
/// How many words a question has: a few name a thing, many tell of a matter, where feedback and neighbours count whole.
const WORDS_ASKED: Range<f64> = 5.0..10.0;
/// What the best text of the same conversation gives to each of it.
const SESSION: f64 = 0.3;
/// How many first texts feed back.
const FEEDBACK_TEXTS: usize = 5;
/// A text whose score is so far below the best one's feeds back with 1/e of its weight.
const FEEDBACK_SCALE: f64 = 0.01;
/// How many of their words.
const FEEDBACK_WORDS: usize = 30;
/// What of the query stays in its words and in its vector.
const QUERY_STAYS: f32 = 0.5;
/// After so long a memory is half as recent.
const HALF_LIFE_DAYS: f64 = 30.0;

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
    pub(crate) neighbours_part: f64,
    pub(crate) session_part: f64,
    pub(crate) recency_factor: f64,
    pub(crate) keyword_rank: Option<u32>,
    pub(crate) vector_rank: Option<u32>,
}

/// A query with what its first results have in common.
pub(crate) struct Feedback {
    /// How much it counts.
    pub(crate) weight: f64,
    pub(crate) direction: Vec<f32>,
    words: Vec<Weighted>,
}

/// Measures what a leg did not bring, so that no candidate is judged by one leg alone.
pub(crate) fn complete(
    indexes: &Indexes,
    look: &Look,
    candidates: &mut [Candidate],
    texts: &mut Texts,
) -> Result<(), MemoryError> {
    let Some(vector) = &look.vector else { return Ok(()) };
    texts.read(indexes, candidates)?;
    let rows: Vec<u64> = candidates.iter().map(|candidate| candidate.row).collect();
    for (candidate, cosine) in candidates.iter_mut().zip(indexes.vectors.cosines(vector, &rows)) {
        candidate.cosine = candidate.cosine.or(cosine);
    }
    let unknown: Vec<usize> = (0..candidates.len()).filter(|at| candidates[*at].keyword_rank.is_none()).collect();
    let scores = indexes.text.score(&look.words, unknown.iter().map(|at| &texts.of(candidates[*at].row).counted))?;
    for (at, score) in unknown.into_iter().zip(scores) {
        candidates[at].bm25 = score;
    }
    Ok(())
}

/// What the first candidates have in common; `None` where the question is short, or none has a vector.
pub(crate) fn feedback(
    indexes: &Indexes,
    look: &Look,
    candidates: &mut [Candidate],
    texts: &mut Texts,
) -> Result<Option<Feedback>, MemoryError> {
    let Some(vector) = &look.vector else { return Ok(None) };
    complete(indexes, look, candidates, texts)?;
    let weight = FEEDBACK * matter(look.words.len());
    if weight <= 0.0 {
        return Ok(None);
    }
    let rarity = total_rarity(indexes, &look.words)?;
    let mut first: Vec<(f64, u64)> =
        candidates.iter().map(|candidate| (asked(candidate, rarity), candidate.row)).collect();
    first.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
    first.truncate(FEEDBACK_TEXTS);
    let weights = feedback_weights(&first.iter().map(|(score, _)| *score).collect::<Vec<_>>());
    let rows: Vec<u64> = first.iter().map(|(_, row)| *row).collect();
    let mut direction = vec![0.0; vector.len()];
    for (text, weight) in indexes.vectors.of(&rows).iter().zip(&weights) {
        for (sum, number) in direction.iter_mut().zip(text.iter().flatten()) {
            *sum += weight * number;
        }
    }
    if direction.iter().all(|number| *number == 0.0) {
        return Ok(None);
    }
    embed::normalise(&mut direction);
    for (number, asked) in direction.iter_mut().zip(vector) {
        *number = QUERY_STAYS * asked + (1.0 - QUERY_STAYS) * *number;
    }
    embed::normalise(&mut direction);
    let words = common_words(indexes, look, rows.iter().map(|row| &texts.of(*row).counted).zip(weights))?;
    Ok(Some(Feedback { weight, direction, words }))
}

/// From 0 to 1: how far so many words tell of a matter, and don't name a thing.
fn matter(words: usize) -> f64 {
    ((words as f64 - WORDS_ASKED.start) / (WORDS_ASKED.end - WORDS_ASKED.start)).clamp(0.0, 1.0)
}

/// How much each of the first texts feeds back, given their scores from the best on.
fn feedback_weights(scores: &[f64]) -> Vec<f32> {
    let best = scores.first().copied().unwrap_or_default();
    scores.iter().map(|score| ((score - best) / FEEDBACK_SCALE).exp() as f32).collect()
}

/// The query's words and the telling words of texts, each side with its share of the weight.
fn common_words<'a>(
    indexes: &Indexes,
    look: &Look,
    texts: impl Iterator<Item = (&'a Counted, f32)>,
) -> Result<Vec<Weighted>, MemoryError> {
    let mut shares: HashMap<String, f32> = HashMap::new();
    for (text, weight) in texts {
        for (word, count) in text.counts.iter().filter(|(word, _)| word.len() > 1 && !is_stop_word(word)) {
            *shares.entry(word.clone()).or_default() += weight * *count as f32 / text.length as f32;
        }
    }
    let shares: Vec<Weighted> = shares.into_iter().collect();
    let rarity = indexes.text.rarity(&shares)?;
    let mut telling: Vec<Weighted> =
        shares.into_iter().zip(rarity).map(|((word, share), rarity)| (word, share * rarity)).collect();
    telling.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    telling.truncate(FEEDBACK_WORDS);
    let sum = |words: &[Weighted]| words.iter().map(|(_, weight)| weight).sum::<f32>().max(f32::MIN_POSITIVE);
    let (of_query, of_texts) = (sum(&look.words), sum(&telling));
    let mut words: HashMap<String, f32> =
        look.words.iter().map(|(word, weight)| (word.clone(), QUERY_STAYS * weight / of_query)).collect();
    for (word, weight) in telling {
        *words.entry(word).or_default() += (1.0 - QUERY_STAYS) * weight / of_texts;
    }
    let mut words: Vec<Weighted> = words.into_iter().collect();
    words.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(words)
}

/// Measures every candidate again, with feedback.
pub(crate) fn measure_again(
    indexes: &Indexes,
    feedback: &Feedback,
    candidates: &mut [Candidate],
    texts: &Texts,
) -> Result<(), MemoryError> {
    let rows: Vec<u64> = candidates.iter().map(|candidate| candidate.row).collect();
    let scores = indexes.text.score(&feedback.words, rows.iter().map(|row| &texts.of(*row).counted))?;
    let rarity = total_rarity(indexes, &feedback.words)?;
    let cosines = indexes.vectors.cosines(&feedback.direction, &rows);
    for ((candidate, score), cosine) in candidates.iter_mut().zip(scores).zip(cosines) {
        candidate.feedback_words = f64::from(score) / rarity;
        candidate.feedback_cosine = cosine;
    }
    Ok(())
}

/// The score of what was asked, before any feedback.
fn asked(candidate: &Candidate, rarity: f64) -> f64 {
    KEYWORD * f64::from(candidate.bm25) / rarity
        + as_written(candidate)
        + MEANING * f64::from(candidate.cosine.unwrap_or_default())
}

/// What the query's words give as they stand in the text.
fn as_written(candidate: &Candidate) -> f64 {
    WRITTEN * candidate.written + BEGINNING * candidate.beginning
}

/// What a text of average length would score that has each word once.
fn total_rarity(indexes: &Indexes, words: &[Weighted]) -> Result<f64, MemoryError> {
    let rarity = indexes.text.rarity(words)?;
    let total: f32 = rarity.iter().zip(words).map(|(rarity, (_, weight))| rarity * weight).sum();
    Ok(f64::from(total.max(f32::MIN_POSITIVE)))
}

/// The candidates by their scores, best first; `feedback` is how much that counts. `texts` are those that were looked at.
pub(crate) fn score(
    indexes: &Indexes,
    look: &Look,
    candidates: &[Candidate],
    feedback: f64,
    texts: &Texts,
) -> Result<Vec<Scored>, MemoryError> {
    let rarity = total_rarity(indexes, &look.words)?;
    let (keyword, vector, feedback) = match look.mode {
        MemoryMode::Keyword => (KEYWORD, 0.0, 0.0),
        MemoryMode::Semantic => (0.0, 1.0, 0.0),
        MemoryMode::Hybrid => ((1.0 - feedback) * KEYWORD, (1.0 - feedback) * MEANING, feedback),
    };
    let is_hybrid = look.mode == MemoryMode::Hybrid;
    // By words alone, it counts how a question is written where it names a thing.
    let (written, scale) = match look.mode {
        MemoryMode::Keyword => {
            let written = 1.0 - matter(look.words.len());
            (written, 1.0 / (KEYWORD + written * (WRITTEN + BEGINNING)))
        }
        MemoryMode::Semantic => (0.0, 1.0),
        MemoryMode::Hybrid => (1.0, 1.0),
    };
    let best = |cosine: fn(&Candidate) -> Option<f32>| candidates.iter().filter_map(cosine).fold(0.0, f32::max);
    let (best_cosine, best_again) = (best(|one| one.cosine), best(|one| one.feedback_cosine));
    // What was stored a moment ago has no vector yet: it is taken to mean as much as its words say.
    let guess = |share: f64, best: f32| share.min(1.0) * f64::from(best);
    let mut known = HashSet::with_capacity(candidates.len());
    let mut scored: Vec<Scored> = candidates
        .iter()
        .filter(|candidate| known.insert(candidate.row))
        .map(|candidate| {
            let share = f64::from(candidate.bm25) / rarity;
            let cosine = candidate.cosine.map_or_else(|| guess(share, best_cosine), f64::from);
            let again_cosine = candidate
                .feedback_cosine
                .map_or_else(|| guess(candidate.feedback_words.max(share), best_again), f64::from);
            let keyword_part = (keyword * share + written * as_written(candidate)) * scale;
            let vector_part = vector * cosine;
            let again = KEYWORD * candidate.feedback_words + MEANING * again_cosine;
            let feedback_part = feedback * again;
            Scored {
                row: candidate.row,
                score: keyword_part + vector_part + feedback_part,
                bm25: candidate.bm25,
                cosine: candidate.cosine.unwrap_or_default(),
                keyword_part,
                vector_part,
                feedback_part,
                neighbours_part: 0.0,
                session_part: 0.0,
                recency_factor: 1.0,
                keyword_rank: candidate.keyword_rank,
                vector_rank: candidate.vector_rank,
            }
        })
        .collect();
    if is_hybrid {
        neighbours::share(indexes, &mut scored, NEIGHBOURS * matter(look.words.len()));
    }
    share_in_sessions(&mut scored, texts);
    scored.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.row.cmp(&a.row)));
    Ok(scored)
}

/// Lets each text share in the best one of its conversation: what was said around an answer belongs to it.
fn share_in_sessions(scored: &mut [Scored], texts: &Texts) {
    let mut best: HashMap<&str, f64> = HashMap::new();
    for one in scored.iter() {
        if let Some(session) = texts.session(one.row) {
            let best = best.entry(session).or_default();
            *best = best.max(one.score);
        }
    }
    for one in scored {
        if let Some(best) = texts.session(one.row).and_then(|session| best.get(session)) {
            one.session_part = SESSION * (best - one.score);
            one.score += one.session_part;
        }
    }
}

/// Lets newer ones count more.
pub(crate) fn age(scored: &mut Scored, milliseconds: i64, recency: f64) {
    let days = milliseconds.max(0) as f64 / 86_400_000.0;
    let freshness = 0.5_f64.powf(days / HALF_LIFE_DAYS);
    scored.recency_factor = 1.0 - recency + recency * freshness;
    scored.score *= scored.recency_factor;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_words_tell_of_a_matter() {
        for (words, expected) in [(0, 0.0), (5, 0.0), (6, 0.2), (8, 0.6), (10, 1.0), (32, 1.0)] {
            assert!((matter(words) - expected).abs() < 1e-9, "{words}");
        }
    }

    #[test]
    fn what_is_far_from_the_best_feeds_nothing_back() {
        for (scores, expected) in [
            (vec![], vec![]),
            (vec![0.4], vec![1.0]),
            (vec![0.9, 0.9, 0.89], vec![1.0, 1.0, 0.3679]),
            (vec![0.9, 0.7, -0.1], vec![1.0, 0.0, 0.0]),
        ] {
            let weights = feedback_weights(&scores);
            assert_eq!(weights.len(), expected.len());
            assert!(weights.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4), "{scores:?}: {weights:?}");
        }
    }

    #[test]
    fn the_weights_make_a_whole() {
        assert!((KEYWORD + WRITTEN + BEGINNING + MEANING - 1.0).abs() < 1e-9);
    }

    #[test]
    fn newer_counts_more_only_where_it_is_asked_for() {
        for (days, recency, expected) in [(0, 1.0, 0.8), (30, 0.0, 0.8), (30, 1.0, 0.4), (30, 0.5, 0.6), (-5, 1.0, 0.8)]
        {
            let mut scored = Scored { score: 0.8, ..Scored::default() };
            age(&mut scored, days * 86_400_000, recency);
            assert!((scored.score - expected).abs() < 1e-9, "{days} {recency}: {}", scored.score);
        }
    }
}
