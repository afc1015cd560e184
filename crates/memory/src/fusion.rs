//! One order from two legs.
//!
//! Both legs are brought to numbers that mean the same for every query: words to the share of the query's rarity that a text
//! answers, meaning to the cosine; and the query's words that stand in the text as they were written, not only by their stem.
//! They are added with weights. A long question is about a matter, and then the first texts are asked what they have in common
//! (pseudo relevance feedback): their direction goes into the query's vector, their telling words into its words, and every
//! candidate is measured again. In the end texts of one conversation share in the best of them. The weights were found on one
//! half of each evaluation's queries; docs/memory.md has the results of the other half.

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
    recall::Look,
    text::{Counted, Weighted, is_stop_word},
};

/// What words give.
const KEYWORD: f64 = 0.28;
/// What words give that are written as they were asked for.
const WRITTEN: f64 = 0.06;
/// What meaning gives.
const MEANING: f64 = 0.66;
/// What is measured again with feedback counts so much at most, and what was asked the rest.
const FEEDBACK: f64 = 0.7;
/// How many words a question has: a few name a thing, many tell of a matter, where feedback counts whole.
const WORDS_ASKED: Range<f64> = 4.0..8.0;
/// What the best text of the same conversation gives to each of it.
const SESSION: f64 = 0.3;
/// How many first texts feed back.
const FEEDBACK_TEXTS: usize = 5;
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
    let weight = feedback_weight(look.words.len());
    if weight <= 0.0 {
        return Ok(None);
    }
    let rarity = total_rarity(indexes, &look.words)?;
    let mut first: Vec<(f64, u64)> =
        candidates.iter().map(|candidate| (asked(candidate, rarity), candidate.row)).collect();
    first.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
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
        *number = QUERY_STAYS * asked + (1.0 - QUERY_STAYS) * *number;
    }
    embed::normalise(&mut direction);
    let words = common_words(indexes, look, rows.iter().map(|row| &texts.of(*row).counted))?;
    Ok(Some(Feedback { weight, direction, words }))
}

/// How much feedback counts where so many words were asked for.
fn feedback_weight(words: usize) -> f64 {
    let share = (words as f64 - WORDS_ASKED.start) / (WORDS_ASKED.end - WORDS_ASKED.start);
    FEEDBACK * share.clamp(0.0, 1.0)
}

/// The query's words and the telling words of texts, each side with its share of the weight.
fn common_words<'a>(
    indexes: &Indexes,
    look: &Look,
    texts: impl Iterator<Item = &'a Counted>,
) -> Result<Vec<Weighted>, MemoryError> {
    let mut shares: HashMap<String, f32> = HashMap::new();
    for text in texts {
        for (word, count) in text.counts.iter().filter(|(word, _)| word.len() > 1 && !is_stop_word(word)) {
            *shares.entry(word.clone()).or_default() += *count as f32 / text.length as f32;
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
        + WRITTEN * candidate.written
        + MEANING * f64::from(candidate.cosine.unwrap_or_default())
}

/// What a text of average length would score that has each word once.
fn total_rarity(indexes: &Indexes, words: &[Weighted]) -> Result<f64, MemoryError> {
    let rarity = indexes.text.rarity(words)?;
    let total: f32 = rarity.iter().zip(words).map(|(rarity, (_, weight))| rarity * weight).sum();
    Ok(f64::from(total.max(f32::MIN_POSITIVE)))
}

/// The candidates by their scores, best first; `feedback` is how much that counts. `texts` are known in hybrid recall alone.
pub(crate) fn score(
    indexes: &Indexes,
    look: &Look,
    candidates: &[Candidate],
    feedback: f64,
    texts: &Texts,
) -> Result<Vec<Scored>, MemoryError> {
    let rarity = total_rarity(indexes, &look.words)?;
    let (keyword, vector, feedback) = match look.mode {
        MemoryMode::Keyword => (1.0, 0.0, 0.0),
        MemoryMode::Semantic => (0.0, 1.0, 0.0),
        MemoryMode::Hybrid => ((1.0 - feedback) * KEYWORD, (1.0 - feedback) * MEANING, feedback),
    };
    let is_hybrid = look.mode == MemoryMode::Hybrid;
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
            let keyword_part = keyword * share + if is_hybrid { WRITTEN * candidate.written } else { 0.0 };
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
                session_part: 0.0,
                recency_factor: 1.0,
                keyword_rank: candidate.keyword_rank,
                vector_rank: candidate.vector_rank,
            }
        })
        .collect();
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
    fn feedback_counts_where_much_was_asked() {
        for (words, expected) in [(0, 0.0), (4, 0.0), (6, 0.35), (8, 0.7), (32, 0.7)] {
            assert!((feedback_weight(words) - expected).abs() < 1e-9, "{words}");
        }
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
