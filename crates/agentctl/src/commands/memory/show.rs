//! How memories are shown to people.

use osmoda_api::agentd::{
    MemoryDocument, MemoryDocumentAdded, MemoryDocuments, MemoryForgotten, MemoryHealthReport, MemoryIngested,
    MemoryItem, MemoryJunkList, MemoryJunkReason, MemoryMode, MemoryModel, MemoryPage, MemoryReindexed, MemoryResults,
    MemoryStatus, MemoryStored,
};
use serde::Serialize;

use crate::{
    context::Context,
    failure::Failure,
    output::{BAD, CARE, Cell, FAINT, GOOD, STRONG, Table, units, visible},
};

/// JSON, or a line.
fn line<T: Serialize>(context: &Context, value: &T, text: impl FnOnce() -> String) -> Result<(), Failure> {
    match context.output.is_json() {
        true => context.output.json(value),
        false => context.output.line(&text()),
    }
}

/// JSON, or a table.
fn table<T: Serialize>(context: &Context, value: &T, table: impl FnOnce() -> Table) -> Result<(), Failure> {
    match context.output.is_json() {
        true => context.output.json(value),
        false => context.output.table(&table()),
    }
}

pub(super) fn stored(context: &Context, stored: &MemoryStored) -> Result<(), Failure> {
    line(context, stored, || {
        let id = context.output.paint(STRONG, &visible(&stored.id));
        match stored.status {
            MemoryStatus::Stored => format!("{id}  remembered"),
            MemoryStatus::Repeated => format!("{id}  known already; stored {} times", stored.count),
            MemoryStatus::Superseded => {
                let old = stored.superseded.as_deref().unwrap_or_default();
                format!("{id}  remembered in place of {}", visible(old))
            }
        }
    })
}

pub(super) fn results(context: &Context, found: &MemoryResults) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.json(found);
    }
    if let Some(note) = &found.note {
        context.output.line(&context.output.paint(FAINT, &visible(note)))?;
    }
    if found.results.is_empty() {
        let mode = if found.mode == MemoryMode::Keyword { " by its words" } else { "" };
        return context.output.line(&format!("nothing was found{mode}"));
    }
    context.output.table(&ranked(found))
}

fn ranked(found: &MemoryResults) -> Table {
    let mut table = Table::new(&["SCORE", "WORDS", "MEANING", "TIME", "ID", "WHAT"]);
    let place = |rank: Option<u32>| rank.map_or_else(|| "-".to_owned(), |rank| rank.to_string());
    for one in &found.results {
        table.row([
            Cell::styled(STRONG, format!("{:.2}", one.score)),
            place(one.keyword_rank).into(),
            place(one.vector_rank).into(),
            one.ts.get(..10).unwrap_or(&one.ts).into(),
            Cell::styled(FAINT, &one.id),
            one.snippet.as_str().into(),
        ]);
        if let Some(why) = &one.why {
            let text = format!(
                "words {:.3} (BM25 {:.2}: {}), meaning {:.3} (cosine {:.3}), feedback {:.3}, neighbours {:.3}, session {:.3}, recency x{:.2}",
                why.keyword_part,
                why.bm25,
                if why.matched.is_empty() { "none".to_owned() } else { why.matched.join(" ") },
                why.vector_part,
                why.cosine,
                why.feedback_part,
                why.neighbours_part,
                why.session_part,
                why.recency_factor
            );
            table.row(["".into(), "".into(), "".into(), "".into(), "".into(), Cell::styled(FAINT, text)]);
        }
    }
    table
}

pub(super) fn page(context: &Context, page: &MemoryPage) -> Result<(), Failure> {
    table(context, page, || {
        let mut table = Table::new(&["ID", "TIME", "CATEGORY", "COUNT", "SUMMARY"]);
        for one in page.memories.iter().rev() {
            table.row([
                one.id.as_str().into(),
                one.ts.get(..19).unwrap_or(&one.ts).into(),
                one.category.as_deref().unwrap_or("-").into(),
                one.count.to_string().into(),
                one.summary.as_str().into(),
            ]);
        }
        table
    })
}

pub(super) fn item(context: &Context, item: &MemoryItem) -> Result<(), Failure> {
    table(context, item, || {
        let mut table = Table::new(&[]);
        let mut row = |name: &str, value: Option<&str>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                table.row([Cell::styled(FAINT, name), value.into()]);
            }
        };
        row("id", Some(&item.id));
        row("summary", Some(&item.summary));
        row("detail", item.detail.as_deref());
        row("category", item.category.as_deref());
        row("tags", Some(&item.tags.join(", ")));
        row("key", item.key.as_deref());
        row("created", Some(&item.created_at));
        row("stored", Some(&format!("{} ({} times)", item.ts, item.count)));
        row("supersedes", item.supersedes.as_deref());
        row("superseded by", item.superseded_by.as_deref());
        row("expires", item.expires_at.as_deref());
        row("source", item.source.as_deref());
        row("file", Some(&item.file));
        table
    })
}

pub(super) fn forgotten(context: &Context, forgotten: &MemoryForgotten) -> Result<(), Failure> {
    line(context, forgotten, || format!("{} forgotten", forgotten.forgotten))
}

pub(super) fn health(context: &Context, health: &MemoryHealthReport) -> Result<(), Failure> {
    table(context, health, || {
        let mut table = Table::new(&[]);
        let mut row = |name: &str, value: Cell| table.row([Cell::styled(FAINT, name), value]);
        row("memories", format!("{} ({} retired)", health.memories, health.retired).into());
        row("documents", format!("{} in {} parts", health.documents, health.parts).into());
        row("files", units::bytes(health.file_bytes).into());
        row("index", units::bytes(health.index_bytes).into());
        row(
            "model",
            match (&health.model, &health.model_trouble) {
                (Some(model), _) => describe(model).into(),
                (None, Some(trouble)) => Cell::styled(BAD, trouble),
                (None, None) => {
                    Cell::styled(CARE, "none: recall works on words alone; agentctl memory model install FOLDER")
                }
            },
        );
        row("to embed", health.to_embed.to_string().into());
        if health.is_indexing {
            row("state", Cell::styled(CARE, "files and index are being brought together"));
        }
        for file in &health.damaged {
            row("damaged", Cell::styled(BAD, file));
        }
        table
    })
}

fn describe(model: &MemoryModel) -> String {
    let digest = model.sha256.get(..12).unwrap_or(&model.sha256);
    format!("{} ({}, {} dimensions, sha256 {digest})", model.name, model.engine, model.dimensions)
}

pub(super) fn model(context: &Context, model: &MemoryModel) -> Result<(), Failure> {
    line(context, model, || context.output.paint(GOOD, &format!("installed: {}", visible(&describe(model)))))
}

pub(super) fn reindexed(context: &Context, done: &MemoryReindexed) -> Result<(), Failure> {
    line(context, done, || {
        format!(
            "{} memories and {} parts of documents in {:.1} s; {} damaged files",
            done.memories, done.parts, done.seconds, done.damaged
        )
    })
}

pub(super) fn ingested(context: &Context, done: &MemoryIngested) -> Result<(), Failure> {
    line(context, done, || format!("{} remembered, {} known, {} not readable", done.stored, done.known, done.skipped))
}

pub(super) fn junk(context: &Context, junk: &MemoryJunkList) -> Result<(), Failure> {
    table(context, junk, || {
        let mut table = Table::new(&["ID", "TIME", "WHY", "OTHER", "SUMMARY"]);
        for one in &junk.junk {
            let why = match one.reason {
                MemoryJunkReason::SaysNothing => "says nothing",
                MemoryJunkReason::Superseded => "superseded",
                MemoryJunkReason::Expired => "expired",
                MemoryJunkReason::NearlyTheSame => "nearly the same",
            };
            table.row([
                one.id.as_str().into(),
                one.ts.get(..10).unwrap_or(&one.ts).into(),
                why.into(),
                one.other.as_deref().unwrap_or("-").into(),
                one.summary.as_str().into(),
            ]);
        }
        table
    })
}

fn shelf<'a>(documents: impl Iterator<Item = &'a MemoryDocument>) -> Table {
    let mut table = Table::new(&["ID", "ADDED", "PARTS", "SIZE", "TITLE", "SOURCE"]);
    for one in documents {
        table.row([
            one.id.as_str().into(),
            one.added_at.get(..10).unwrap_or(&one.added_at).into(),
            one.parts.to_string().into(),
            units::bytes(one.size_bytes).into(),
            one.title.as_str().into(),
            one.source.as_deref().unwrap_or("-").into(),
        ]);
    }
    table
}

pub(super) fn documents(context: &Context, library: &MemoryDocuments) -> Result<(), Failure> {
    table(context, library, || shelf(library.documents.iter().rev()))
}

pub(super) fn added(context: &Context, added: &[MemoryDocumentAdded]) -> Result<(), Failure> {
    table(context, &added, || shelf(added.iter().map(|one| &one.document)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_result_says_how_it_was_ranked() {
        let found: MemoryResults = serde_json::from_value(json!({"mode": "hybrid", "results": [{
            "id": "mem_1", "kind": "memory", "summary": "s", "snippet": "the **port**", "ts": "2026-11-22T00:00:00Z", "score": 0.734,
            "keyword_rank": 1,
            "why": {"bm25": 2.0, "cosine": 0.5, "keyword_part": 0.1, "vector_part": 0.2, "feedback_part": 0.3, "neighbours_part": -0.1, "session_part": 0.0, "recency_factor": 1.0, "matched": ["port"]},
        }]}))
        .unwrap();
        let text = ranked(&found).render(None, false);
        assert!(text.contains("0.73   1      -        2026-11-22  mem_1  the **port**"), "{text}");
        assert!(text.contains("words 0.100 (BM25 2.00: port), meaning 0.200 (cosine 0.500)"), "{text}");
    }
}
