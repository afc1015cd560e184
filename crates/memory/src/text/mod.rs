//! The text leg: BM25 over Tantivy, with what was stored since its last commit searched beside it, so that a memory is found
//! as soon as it is stored and a store waits for no commit.

mod bulk;
mod fresh;
mod words;

use std::{
    collections::HashSet,
    fs,
    ops::Bound,
    path::Path,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use tantivy::{
    DocAddress, Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, Term,
    collector::TopDocs,
    directory::MmapDirectory,
    query::{BooleanQuery, BoostQuery, ConstScoreQuery, Occur, Query, RangeQuery, TermQuery},
    schema::{FAST, Field, INDEXED, IndexRecordOption, STRING, Schema, TextFieldIndexing, TextOptions},
};

use self::fresh::{Fresh, Statistics};
pub(crate) use self::{
    bulk::Bulk,
    fresh::Counted,
    words::{Asked, Known, Words, is_stop_word},
};
use crate::{MemoryError, filter::Filter};

const WRITER_BYTES: usize = 48 << 20;
const ANALYZER: &str = "words";

/// What is indexed of one row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) row: u64,
    pub(crate) text: String,
    /// Milliseconds since 1970.
    pub(crate) time: i64,
    pub(crate) kind: &'static str,
    pub(crate) category: Option<String>,
    pub(crate) tags: Vec<String>,
}

/// A word to look for, and how much it counts.
pub(crate) type Weighted = (String, f32);

#[derive(Clone, Copy, Debug)]
struct Fields {
    row: Field,
    body: Field,
    time: Field,
    kind: Field,
    category: Field,
    tag: Field,
}

/// The index.
pub(crate) struct TextIndex {
    fields: Fields,
    writer: Mutex<IndexWriter>,
    reader: IndexReader,
    pending: RwLock<Pending>,
    words: Words,
}

/// What no commit holds yet.
#[derive(Debug, Default)]
struct Pending {
    fresh: Vec<Arc<Fresh>>,
    gone: HashSet<u64>,
}

impl TextIndex {
    /// Opens the index of this folder, or makes it; one that can't be opened is made anew, and `true` says so.
    pub(crate) fn open(folder: &Path) -> Result<(Self, bool), MemoryError> {
        match Self::open_there(folder) {
            Ok(opened) => Ok(opened),
            Err(error) => {
                tracing::warn!(%error, "the text index can't be opened and is made anew");
                fs::remove_dir_all(folder).map_err(MemoryError::io(folder))?;
                Ok((Self::open_there(folder)?.0, true))
            }
        }
    }

    fn open_there(folder: &Path) -> Result<(Self, bool), MemoryError> {
        let (index, fields, words, is_new) = index(folder)?;
        let writer = index.writer_with_num_threads(1, WRITER_BYTES)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let pending = RwLock::default();
        Ok((Self { fields, writer: Mutex::new(writer), reader, pending, words }, is_new))
    }

    /// The words of texts.
    pub(crate) fn words(&self) -> &Words {
        &self.words
    }

    /// What is looked for of a query.
    pub(crate) fn query_words(&self, query: &str) -> Result<Asked, MemoryError> {
        let mut asked = self.words.of_query(query);
        if asked.telling.len() > Words::MOST {
            let rarity = self.rarity(&asked.telling)?;
            asked.telling = Words::rarest(asked.telling, &rarity);
        }
        asked.common.truncate(Words::MOST - asked.telling.len());
        Ok(asked)
    }

    /// Adds an entry; it is found from now on.
    pub(crate) fn add(&self, entry: Entry) {
        let fresh = Arc::new(Fresh::new(entry, &self.words));
        self.pending.write().unwrap_or_else(PoisonError::into_inner).fresh.push(fresh);
    }

    /// Removes a row; it is not found from now on.
    pub(crate) fn remove(&self, row: u64) {
        let mut pending = self.pending.write().unwrap_or_else(PoisonError::into_inner);
        pending.fresh.retain(|fresh| fresh.entry.row != row);
        pending.gone.insert(row);
    }

    /// How much waits for a commit.
    pub(crate) fn pending(&self) -> usize {
        let pending = self.pending.read().unwrap_or_else(PoisonError::into_inner);
        pending.fresh.len() + pending.gone.len()
    }

    /// Writes what is pending to disk. Whoever stores or searches meanwhile does not wait for it.
    pub(crate) fn commit(&self) -> Result<(), MemoryError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let (fresh, gone) = {
            let pending = self.pending.read().unwrap_or_else(PoisonError::into_inner);
            (pending.fresh.clone(), pending.gone.clone())
        };
        if fresh.is_empty() && gone.is_empty() {
            return Ok(());
        }
        for row in &gone {
            writer.delete_term(Term::from_field_u64(self.fields.row, *row));
        }
        for fresh in &fresh {
            writer.add_document(self.fields.document(&fresh.entry))?;
        }
        writer.commit()?;
        let mut pending = self.pending.write().unwrap_or_else(PoisonError::into_inner);
        self.reader.reload()?;
        let committed: HashSet<u64> = fresh.iter().map(|fresh| fresh.entry.row).collect();
        // A row that was removed during the commit is in the index now, and must still go.
        pending.fresh.retain(|fresh| !committed.contains(&fresh.entry.row));
        pending.gone.retain(|row| !gone.contains(row) || committed.contains(row));
        Ok(())
    }

    /// Merges what is left after removals, and gives the space of it back.
    pub(crate) fn compact(&self) -> Result<(), MemoryError> {
        self.commit()?;
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let segments = writer.index().searchable_segment_ids()?;
        if !segments.is_empty() {
            writer.merge(&segments).wait()?;
        }
        writer.garbage_collect_files().wait()?;
        self.reader.reload()?;
        Ok(())
    }

    /// The rows that the index on disk holds.
    pub(crate) fn rows(&self) -> Result<Vec<u64>, MemoryError> {
        let searcher = self.reader.searcher();
        let mut rows = Vec::new();
        for segment in searcher.segment_readers() {
            let column = segment.fast_fields().u64("row")?;
            rows.extend(segment.doc_ids_alive().filter_map(|doc| column.first(doc)));
        }
        Ok(rows)
    }

    /// The best rows for these words, best first.
    pub(crate) fn search(
        &self,
        words: &[Weighted],
        filter: &Filter,
        most: usize,
    ) -> Result<Vec<(u64, f32)>, MemoryError> {
        if words.is_empty() || most == 0 {
            return Ok(Vec::new());
        }
        // One view of both, or a memory could be in neither while a commit ends.
        let (searcher, fresh, gone) = self.view();
        let statistics = Statistics::new(&searcher, &fresh, self.fields.body, words)?;
        let mut found: Vec<(u64, f32)> = Vec::new();
        if searcher.num_docs() > 0 {
            let query = self.query(words, filter);
            let collector = TopDocs::with_limit(most + gone.len()).order_by_score();
            let hits = searcher.search_with_statistics_provider(&query, &collector, &statistics)?;
            found.extend(self.rows_of(&searcher, hits)?.into_iter().filter(|(row, _)| !gone.contains(row)));
        }
        let fresh = fresh.iter().filter(|fresh| fresh.passes(filter));
        found.extend(
            fresh.map(|fresh| (fresh.entry.row, fresh.score(&statistics, words))).filter(|(_, score)| *score > 0.0),
        );
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
        found.truncate(most);
        Ok(found)
    }

    /// The BM25 scores that texts would have for these words.
    pub(crate) fn score<'a>(
        &self,
        words: &[Weighted],
        texts: impl Iterator<Item = &'a Counted>,
    ) -> Result<Vec<f32>, MemoryError> {
        let (searcher, fresh, _) = self.view();
        let statistics = Statistics::new(&searcher, &fresh, self.fields.body, words)?;
        Ok(texts.map(|text| statistics.score(text, words)).collect())
    }

    /// How rare words are: their inverse document frequencies.
    pub(crate) fn rarity(&self, words: &[Weighted]) -> Result<Vec<f32>, MemoryError> {
        let (searcher, fresh, _) = self.view();
        Ok(Statistics::new(&searcher, &fresh, self.fields.body, words)?.rarity)
    }

    fn view(&self) -> (Searcher, Vec<Arc<Fresh>>, HashSet<u64>) {
        let pending = self.pending.read().unwrap_or_else(PoisonError::into_inner);
        (self.reader.searcher(), pending.fresh.clone(), pending.gone.clone())
    }

    fn rows_of(&self, searcher: &Searcher, hits: Vec<(f32, DocAddress)>) -> Result<Vec<(u64, f32)>, MemoryError> {
        let columns: Result<Vec<_>, _> =
            searcher.segment_readers().iter().map(|segment| segment.fast_fields().u64("row")).collect();
        let columns = columns?;
        let row = |address: DocAddress| columns.get(address.segment_ord as usize)?.first(address.doc_id);
        Ok(hits.into_iter().filter_map(|(score, address)| Some((row(address)?, score))).collect())
    }

    fn query(&self, words: &[Weighted], filter: &Filter) -> Box<dyn Query> {
        let body = self.fields.body;
        let word = |(word, weight): &Weighted| -> Box<dyn Query> {
            let term = TermQuery::new(Term::from_field_text(body, word), IndexRecordOption::WithFreqs);
            if (*weight - 1.0).abs() < f32::EPSILON {
                Box::new(term)
            } else {
                Box::new(BoostQuery::new(Box::new(term), *weight))
            }
        };
        let mut words: Vec<(Occur, Box<dyn Query>)> = words.iter().map(|one| (Occur::Should, word(one))).collect();
        let words: Box<dyn Query> = match (words.len(), words.pop()) {
            (1, Some((_, only))) => only,
            (_, last) => Box::new(BooleanQuery::new(words.into_iter().chain(last).collect())),
        };
        let filters = self.filters(filter);
        if filters.is_empty() {
            return words;
        }
        let filters =
            filters.into_iter().map(|one| (Occur::Must, Box::new(ConstScoreQuery::new(one, 0.0)) as Box<dyn Query>));
        Box::new(BooleanQuery::new(filters.chain([(Occur::Must, words)]).collect()))
    }

    fn filters(&self, filter: &Filter) -> Vec<Box<dyn Query>> {
        let exact = |field, text: &str| -> Box<dyn Query> {
            Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic))
        };
        let mut filters: Vec<Box<dyn Query>> = Vec::new();
        filters.extend(filter.kind.map(|kind| exact(self.fields.kind, kind)));
        filters.extend(filter.category.as_deref().map(|category| exact(self.fields.category, category)));
        filters.extend(filter.tags.iter().map(|tag| exact(self.fields.tag, tag)));
        if filter.from.is_some() || filter.until.is_some() {
            let term = |time| Term::from_field_i64(self.fields.time, time);
            let from = filter.from.map_or(Bound::Unbounded, |time| Bound::Included(term(time)));
            let until = filter.until.map_or(Bound::Unbounded, |time| Bound::Excluded(term(time)));
            filters.push(Box::new(RangeQuery::new(from, until)));
        }
        filters
    }
}

/// The index of this folder; `true` where it was made now.
fn index(folder: &Path) -> Result<(Index, Fields, Words, bool), MemoryError> {
    fs::create_dir_all(folder).map_err(MemoryError::io(folder))?;
    let mut schema = Schema::builder();
    let indexing = TextFieldIndexing::default().set_tokenizer(ANALYZER).set_index_option(IndexRecordOption::WithFreqs);
    let fields = Fields {
        row: schema.add_u64_field("row", FAST | INDEXED),
        body: schema.add_text_field("body", TextOptions::default().set_indexing_options(indexing)),
        time: schema.add_i64_field("time", FAST | INDEXED),
        kind: schema.add_text_field("kind", STRING),
        category: schema.add_text_field("category", STRING),
        tag: schema.add_text_field("tag", STRING),
    };
    let directory = MmapDirectory::open(folder).map_err(|error| MemoryError::Text(error.into()))?;
    let is_new = !Index::exists(&directory).map_err(|error| MemoryError::Text(error.into()))?;
    let index = Index::builder().schema(schema.build()).settings(IndexSettings::default()).open_or_create(directory)?;
    let words = Words::default();
    index.tokenizers().register(ANALYZER, words.analyzer());
    Ok((index, fields, words, is_new))
}

impl Fields {
    fn document(&self, entry: &Entry) -> TantivyDocument {
        let mut document = TantivyDocument::default();
        document.add_u64(self.row, entry.row);
        document.add_text(self.body, &entry.text);
        document.add_i64(self.time, entry.time);
        document.add_text(self.kind, entry.kind);
        if let Some(category) = &entry.category {
            document.add_text(self.category, category);
        }
        for tag in &entry.tags {
            document.add_text(self.tag, tag);
        }
        document
    }
}
