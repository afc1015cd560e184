//! Recall: both legs, one order, and what a caller needs to judge it.

use std::collections::{HashMap, HashSet};

use jiff::{Timestamp, Zoned};
use osmoda_api::agentd::{MemoryKind, MemoryMode, MemoryQuery, MemoryResult, MemoryResults, MemoryWhy};

use crate::{
    Memories, MemoryError,
    candidates::{Candidate, Texts},
    catalog::Row,
    embed,
    filter::Filter,
    folder::Stamp,
    fusion::{self, Scored},
    indexes::Indexes,
    keeper::embed_some,
    snippet::snippet,
    text::{Asked, Weighted, Words},
};

/// How many each leg brings.
const DEPTH: usize = 100;
/// How many texts are looked at where words are all there is: to read more of them takes longer than the search.
const LOOKED_AT: usize = 6;
const MOST_RESULTS: u32 = 100;
const LONGEST_QUERY: usize = 100_000;
/// What a model reads of a query, and what is looked for as it is written; more would only cost time.
const LONGEST_MEANING: usize = 2_000;
/// Texts nearer to each other than this say the same.
const SAME: f32 = 0.95;
/// So many times files may change under a recall.
const TRIES: usize = 3;
/// So few texts without a vector are waited for. More are found by their words until the background is through with them.
const FEW: usize = 8;

pub(crate) fn time_text(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default().to_string()
}

/// What a recall looks with.
pub(crate) struct Look {
    pub(crate) mode: MemoryMode,
    pub(crate) words: Vec<Weighted>,
    /// Words that stand in every text.
    pub(crate) common: Vec<Weighted>,
    /// The beginning of the query as it was written.
    pub(crate) asked: String,
    pub(crate) vector: Option<Vec<f32>>,
    pub(crate) filter: Filter,
    pub(crate) recency: f64,
    pub(crate) note: Option<String>,
}

impl Memories {
    /// What is meant by the query, best first. `recency` counts where the query has none.
    pub fn recall(&self, query: &MemoryQuery, recency: f64) -> Result<MemoryResults, MemoryError> {
        let most = query.max_results.unwrap_or(10);
        if !(1..=MOST_RESULTS).contains(&most) {
            return Err(MemoryError::field("max_results", "is not in 1..=100"));
        }
        let look = self.look(query, recency)?;
        let mut tries = TRIES;
        loop {
            let indexes = self.indexes();
            let results = rank(&indexes, &look, most as usize, query.why.unwrap_or(false))?;
            let changed = changed(&indexes, &results);
            tries -= 1;
            if changed.is_empty() || tries == 0 {
                let results =
                    results.into_iter().filter(|found| !changed.contains(&found.row.file)).map(|found| found.result);
                return Ok(MemoryResults { results: results.collect(), mode: look.mode, note: look.note });
            }
            // A file that a person has changed or removed since: what it said is not served again.
            let _gate = self.gate();
            changed.iter().try_for_each(|file| indexes.index_file(file))?;
        }
    }

    /// The text leg alone, as the bench measures it: the best rows for a question's words, with their BM25 scores.
    pub fn search_words(&self, query: &str, most: usize) -> Result<Vec<(u64, f32)>, MemoryError> {
        let text = &self.indexes().text;
        let Asked { telling, common } = text.query_words(query)?;
        text.search(&[telling, common].concat(), &Filter::default(), most)
    }

    fn look(&self, query: &MemoryQuery, recency: f64) -> Result<Look, MemoryError> {
        if query.query.len() > LONGEST_QUERY {
            return Err(MemoryError::field(
                "query",
                format!("has {} bytes; {LONGEST_QUERY} is the most", query.query.len()),
            ));
        }
        let recency = query.recency.unwrap_or(recency);
        if !(0.0..=1.0).contains(&recency) {
            return Err(MemoryError::field("recency", "is not in 0..=1"));
        }
        let filter = Filter::of(query, &Zoned::now())?;
        let indexes = self.indexes();
        let Asked { telling: words, common } = indexes.text.query_words(&query.query)?;
        if words.is_empty() && !query.query.chars().any(char::is_alphanumeric) {
            return Err(MemoryError::EmptyQuery);
        }
        let asked = query.mode.unwrap_or_default();
        let beginning = query.query[..query.query.floor_char_boundary(LONGEST_MEANING)].to_owned();
        let mut look = Look { mode: asked, words, common, asked: beginning, vector: None, filter, recency, note: None };
        if asked == MemoryMode::Keyword {
            return Ok(look);
        }
        let why = if self.inner().is_loading.load(std::sync::atomic::Ordering::Acquire) {
            "it is still being loaded"
        } else {
            "none is installed"
        };
        match self.model() {
            Some(model) => {
                look.vector = Some(model.embed_one(&look.asked)?);
                self.embed_few(&indexes);
            }
            None if asked == MemoryMode::Semantic => return Err(MemoryError::NoModel(why)),
            None => {
                look.mode = MemoryMode::Keyword;
                look.note = Some(format!("by words alone: an embedding model is needed for meaning, and {why}"));
            }
        }
        Ok(look)
    }

    /// What was stored a moment ago is found by its meaning too.
    fn embed_few(&self, indexes: &Indexes) {
        let mut tries = TRIES;
        while (1..=FEW).contains(&indexes.waiting()) && tries > 0 {
            if let Err(error) = embed_some(self, indexes) {
                tracing::warn!(error = osmoda_ipc::chain(&error), "memories could not be embedded");
            }
            tries -= 1;
        }
    }
}

pub(crate) struct FoundResult {
    pub(crate) row: Row,
    result: MemoryResult,
    /// Whether a telling word of the query stands in it.
    matched: bool,
}

/// Files of results that are no longer as they were read.
fn changed(indexes: &Indexes, results: &[FoundResult]) -> HashSet<String> {
    let memories = results.iter().map(|found| &found.row).filter(|row| row.kind == MemoryKind::Memory);
    let changed = memories.filter(|row| Stamp::of(&indexes.folder.root().join(&row.file)).ok() != Some(row.stamp));
    changed.map(|row| row.file.clone()).collect()
}

/// The order of rows, before anything is said about them.
pub(crate) fn order(indexes: &Indexes, look: &Look, most: usize) -> Result<Vec<(Row, Scored)>, MemoryError> {
    let depth = DEPTH.max(most);
    let by_words = match look.mode {
        MemoryMode::Semantic => Vec::new(),
        MemoryMode::Hybrid => indexes.text.search(&look.words, &look.filter, depth)?,
        MemoryMode::Keyword => {
            let words = [look.words.as_slice(), &look.common].concat();
            indexes.text.search(&words, &look.filter, depth)?
        }
    };
    let passing = match (&look.vector, look.filter.is_empty()) {
        (Some(_), false) => Some(indexes.catalog.passing(&look.filter)?),
        _ => None,
    };
    let near = |vector: &[f32]| match &passing {
        Some(passing) => indexes.vectors.nearest(vector, depth, Some(&|row| passing.contains(&row))),
        None => indexes.vectors.nearest(vector, depth, None),
    };
    let by_meaning = look.vector.as_deref().map(near).unwrap_or_default();
    let mut candidates: Vec<Candidate> = Vec::with_capacity(by_words.len() + by_meaning.len());
    let mut places: HashMap<u64, usize> = HashMap::new();
    let mut at = |row: u64, candidates: &mut Vec<Candidate>| {
        *places.entry(row).or_insert_with(|| {
            candidates.push(Candidate::of(row));
            candidates.len() - 1
        })
    };
    for (rank, (row, score)) in by_words.iter().enumerate() {
        let place = at(*row, &mut candidates);
        candidates[place].bm25 = *score;
        candidates[place].keyword_rank = u32::try_from(rank + 1).ok();
    }
    for (rank, (row, cosine)) in by_meaning.iter().enumerate() {
        let place = at(*row, &mut candidates);
        candidates[place].cosine = Some(*cosine);
        candidates[place].vector_rank = u32::try_from(rank + 1).ok();
    }
    let mut weight = 0.0;
    let mut texts = Texts::default();
    if look.mode != MemoryMode::Semantic {
        texts = Texts::new(indexes, look)?;
        let looked_at = if look.mode == MemoryMode::Keyword { LOOKED_AT } else { usize::MAX };
        let looked_at = looked_at.min(candidates.len());
        texts.read(indexes, &mut candidates[..looked_at])?;
    }
    if look.mode == MemoryMode::Hybrid
        && let Some(feedback) = fusion::feedback(indexes, look, &mut candidates, &mut texts)?
    {
        for (row, _) in near(&feedback.direction) {
            at(row, &mut candidates);
        }
        fusion::complete(indexes, look, &mut candidates, &mut texts)?;
        weight = feedback.weight;
        fusion::measure_again(indexes, &feedback, &mut candidates, &texts)?;
    }
    let scored = fusion::score(indexes, look, &candidates, weight, &texts)?;
    // Twice as many as wanted: some say the same, or are over.
    let rows: Vec<u64> = scored.iter().take(most * 2 + 20).map(|scored| scored.row).collect();
    let now = Timestamp::now().as_millisecond();
    let by_row: HashMap<u64, Scored> = scored.into_iter().map(|scored| (scored.row, scored)).collect();
    let rows = indexes.catalog.rows(&rows)?.into_iter();
    let rows = rows.filter(|row| row.retired_by.is_none() && row.expires.is_none_or(|expires| expires > now));
    let mut found: Vec<(Row, Scored)> =
        rows.filter_map(|row| Some((by_row.get(&row.row)?.clone(), row))).map(|(scored, row)| (row, scored)).collect();
    for (row, scored) in &mut found {
        fusion::age(scored, now - row.time, look.recency);
    }
    found.sort_by(|a, b| b.1.score.total_cmp(&a.1.score).then(b.0.time.cmp(&a.0.time)));
    Ok(found)
}

fn rank(indexes: &Indexes, look: &Look, most: usize, with_why: bool) -> Result<Vec<FoundResult>, MemoryError> {
    let ordered = order(indexes, look, most)?;
    let rows: Vec<u64> = ordered.iter().map(|(row, _)| row.row).collect();
    let vectors = indexes.vectors.of(&rows);
    let wanted: HashSet<&str> = look.words.iter().map(|(word, _)| word.as_str()).collect();
    let mut kept: Vec<(usize, FoundResult)> = Vec::with_capacity(most);
    for (place, (row, scored)) in ordered.into_iter().enumerate() {
        let same = kept.iter_mut().find(|(other, found)| {
            let near = match (&vectors[place], &vectors[*other]) {
                (Some(a), Some(b)) => embed::dot(a, b) > SAME,
                _ => false,
            };
            near && same_words(indexes.text.words(), &row, &found.row)
        });
        if let Some((_, found)) = same {
            found.result.duplicates.push(row.id);
            continue;
        }
        if kept.len() < most {
            let found = tell(indexes, row, &scored, &wanted, with_why);
            // Words that stand in every text find nothing by themselves.
            if look.mode != MemoryMode::Keyword || found.matched {
                kept.push((place, found));
            }
        }
    }
    Ok(kept.into_iter().map(|(_, found)| found).collect())
}

/// Nearly the same words; the same numbers, or two ports would be one.
fn same_words(words: &Words, a: &Row, b: &Row) -> bool {
    let set = |row: &Row| {
        let mut set = HashSet::new();
        words.each(&row.text(), |word| {
            set.insert(word.to_owned());
        });
        set
    };
    let (a, b) = (set(a), set(b));
    let both = a.intersection(&b).count();
    let differ = a.symmetric_difference(&b).any(|word| word.bytes().any(|byte| byte.is_ascii_digit()));
    !differ && both * 10 >= a.union(&b).count() * 8
}

fn tell(indexes: &Indexes, row: Row, scored: &Scored, wanted: &HashSet<&str>, with_why: bool) -> FoundResult {
    let text = match &row.detail {
        Some(detail) => format!("{}\n{detail}", row.summary),
        None => row.summary.clone(),
    };
    let (snippet, matched) = snippet(indexes.text.words(), &text, wanted);
    let is_matched = !matched.is_empty();
    let why = with_why.then(|| MemoryWhy {
        bm25: f64::from(scored.bm25),
        cosine: f64::from(scored.cosine),
        keyword_part: scored.keyword_part,
        vector_part: scored.vector_part,
        feedback_part: scored.feedback_part,
        neighbours_part: scored.neighbours_part,
        session_part: scored.session_part,
        recency_factor: scored.recency_factor,
        matched,
    });
    let result = MemoryResult {
        id: row.id.clone(),
        kind: row.kind,
        summary: row.summary.clone(),
        detail: row.detail.clone(),
        snippet,
        category: row.category.clone(),
        tags: row.tags.clone(),
        ts: time_text(row.time),
        score: scored.score.clamp(0.0, 1.0),
        keyword_rank: scored.keyword_rank,
        vector_rank: scored.vector_rank,
        count: (row.count > 1).then_some(row.count),
        source: row.source.clone(),
        duplicates: Vec::new(),
        why,
    };
    FoundResult { row, result, matched: is_matched }
}
