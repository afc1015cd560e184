//! `agentctl memory`: what is remembered, the library, and keeping both in order.

mod library;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use osmoda_api::agentd::{
    MemoryForget, MemoryGet, MemoryHealth, MemoryId, MemoryIngest, MemoryIngestRequest, MemoryIngested, MemoryJunk,
    MemoryJunkRequest, MemoryList, MemoryListRequest, MemoryMode, MemoryModelInstall, MemoryModelRequest, MemoryNew,
    MemoryPrune, MemoryPruneRequest, MemoryQuery, MemoryRecall, MemoryReindex, MemoryReindexRequest, MemorySource,
    MemoryStore,
};
use osmoda_ipc::Nothing;

use crate::{context::Context, exit::Exit, failure::Failure};

/// An ingestion goes on page by page; the bound keeps a mistake from running on.
const MOST_PAGES: usize = 100_000;

#[derive(Debug, Args)]
pub(crate) struct MemoryArgs {
    #[command(subcommand)]
    action: Action,
    /// JSON for programs instead of text for people.
    #[arg(long = "json", id = "format_json", global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Remember something.
    Store {
        /// The memory in a sentence.
        summary: String,
        /// Everything else about it.
        #[arg(long)]
        detail: Option<String>,
        /// One word for its kind.
        #[arg(long)]
        category: Option<String>,
        /// A word to filter by; may be given again.
        #[arg(long = "tag")]
        tags: Vec<String>,
        /// What it is about: a later memory of the same key takes its place.
        #[arg(long)]
        key: Option<String>,
        /// The id of the memory that it corrects.
        #[arg(long)]
        supersedes: Option<String>,
    },
    /// Find memories and documents by words and by meaning.
    Recall(Recall),
    /// The memories, the newest at the bottom.
    List {
        /// Only this category.
        #[arg(long)]
        category: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// One memory, whole.
    Show {
        /// Its id.
        id: String,
    },
    /// Forget a memory, and those whose place it had taken.
    Forget {
        /// Its id.
        id: String,
    },
    /// How memory is: how much, which model, what is still to be embedded.
    Health,
    /// Build the index again from the files.
    Reindex {
        /// Compute the vectors again too.
        #[arg(long)]
        vectors: bool,
    },
    /// Memories that look like junk, with the reason.
    Junk {
        /// At most so many.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Forget what `junk` shows, or these ids, and give the space back.
    Prune {
        /// Ids; all that looks like junk without any.
        ids: Vec<String>,
        /// Do it; without, only what would go is shown.
        #[arg(long)]
        yes: bool,
    },
    /// Remember what the machine knows already.
    Ingest {
        /// Where it is.
        from: From,
        /// Of the ledger, only events whose type begins so.
        #[arg(long, value_name = "TYPE")]
        event_type: Option<String>,
    },
    /// The embedding model.
    Model {
        #[command(subcommand)]
        action: ModelAction,
    },
    /// Add a file, or every file of a folder, to the library.
    Add {
        /// Markdown, text, HTML or PDF.
        #[arg(required = true, value_hint = clap::ValueHint::AnyPath)]
        paths: Vec<PathBuf>,
        /// A word to filter by; may be given again.
        #[arg(long = "tag")]
        tags: Vec<String>,
    },
    /// The library.
    Documents {
        #[command(subcommand)]
        action: Option<library::Action>,
    },
}

#[derive(Debug, Args)]
struct Recall {
    /// A question or words.
    #[arg(required = true)]
    query: Vec<String>,
    /// At most so many.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Only from this time: 24h, 7d, 2026-11, today, FROM..UNTIL.
    #[arg(long)]
    timeframe: Option<String>,
    /// Only this category.
    #[arg(long)]
    category: Option<String>,
    /// Only with this tag; may be given again.
    #[arg(long = "tag")]
    tags: Vec<String>,
    /// How to look.
    #[arg(long)]
    mode: Option<Mode>,
    /// How much newer counts more, from 0 to 1.
    #[arg(long)]
    recency: Option<f64>,
    /// Say how each result was ranked.
    #[arg(long)]
    why: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mode {
    Hybrid,
    Keyword,
    Semantic,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum From {
    Ledger,
    Incidents,
    Knowledge,
}

#[derive(Debug, Subcommand)]
enum ModelAction {
    /// Check a model and install it: a folder in the layout of Hugging Face, or a zip archive, wheel or tar file with one.
    Install {
        /// Where it is, on the machine of the suite.
        #[arg(value_hint = clap::ValueHint::AnyPath)]
        path: PathBuf,
    },
}

pub(crate) async fn run(context: &Context, args: MemoryArgs) -> Result<Exit, Failure> {
    match args.action {
        Action::Store { summary, detail, category, tags, key, supersedes } => {
            let tags = Some(tags).filter(|tags| !tags.is_empty());
            let new = MemoryNew { summary, detail, category, tags, key, supersedes, expires_at: None };
            show::stored(context, &context.agentd::<MemoryStore>(&new).await?)?;
        }
        Action::Recall(recall) => show::results(context, &context.agentd::<MemoryRecall>(&recall.query()).await?)?,
        Action::List { category, limit } => {
            let request = MemoryListRequest { category, limit: Some(limit), cursor: None };
            show::page(context, &context.agentd::<MemoryList>(&request).await?)?;
        }
        Action::Show { id } => show::item(context, &context.agentd::<MemoryGet>(&MemoryId { id }).await?)?,
        Action::Forget { id } => show::forgotten(context, &context.agentd::<MemoryForget>(&MemoryId { id }).await?)?,
        Action::Health => show::health(context, &context.agentd::<MemoryHealth>(&Nothing {}).await?)?,
        Action::Reindex { vectors } => {
            let request = MemoryReindexRequest { vectors: vectors.then_some(true) };
            show::reindexed(context, &context.agentd::<MemoryReindex>(&request).await?)?;
        }
        Action::Junk { limit } => {
            let request = MemoryJunkRequest { limit: Some(limit) };
            show::junk(context, &context.agentd::<MemoryJunk>(&request).await?)?;
        }
        Action::Prune { ids, yes } => prune(context, ids, yes).await?,
        Action::Ingest { from, event_type } => ingest(context, from, event_type).await?,
        Action::Model { action: ModelAction::Install { path } } => install(context, path).await?,
        Action::Add { paths, tags } => library::add(context, &paths, &tags).await?,
        Action::Documents { action } => library::run(context, action.unwrap_or_default()).await?,
    }
    Ok(Exit::Fine)
}

impl Recall {
    fn query(self) -> MemoryQuery {
        MemoryQuery {
            query: self.query.join(" "),
            max_results: Some(self.limit),
            timeframe: self.timeframe,
            category: self.category,
            tags: Some(self.tags).filter(|tags| !tags.is_empty()),
            mode: self.mode.map(|mode| match mode {
                Mode::Hybrid => MemoryMode::Hybrid,
                Mode::Keyword => MemoryMode::Keyword,
                Mode::Semantic => MemoryMode::Semantic,
            }),
            kind: None,
            recency: self.recency,
            why: self.why.then_some(true),
        }
    }
}

async fn prune(context: &Context, ids: Vec<String>, yes: bool) -> Result<(), Failure> {
    let ids = if ids.is_empty() {
        let junk = context.agentd::<MemoryJunk>(&MemoryJunkRequest { limit: Some(1000) }).await?;
        if !yes || junk.junk.is_empty() {
            return show::junk(context, &junk);
        }
        junk.junk.into_iter().map(|item| item.id).collect()
    } else if yes {
        ids
    } else {
        return Err(Failure::Usage("what is forgotten does not come back; say --yes as well".to_owned()));
    };
    show::forgotten(context, &context.agentd::<MemoryPrune>(&MemoryPruneRequest { ids }).await?)
}

async fn ingest(context: &Context, from: From, event_type: Option<String>) -> Result<(), Failure> {
    let from = match from {
        From::Ledger => MemorySource::Ledger,
        From::Incidents => MemorySource::Incidents,
        From::Knowledge => MemorySource::Knowledge,
    };
    let mut request = MemoryIngestRequest { from, event_type, cursor: None, limit: None };
    let mut all = MemoryIngested::default();
    for _ in 0..MOST_PAGES {
        let page = context.agentd::<MemoryIngest>(&request).await?;
        all.stored += page.stored;
        all.known += page.known;
        all.skipped += page.skipped;
        request.cursor = page.next_cursor;
        if request.cursor.is_none() {
            break;
        }
    }
    show::ingested(context, &all)
}

async fn install(context: &Context, path: PathBuf) -> Result<(), Failure> {
    let path = std::path::absolute(&path).map_err(|source| Failure::Unreadable { path, source })?;
    let request = MemoryModelRequest { path: path.to_string_lossy().into_owned() };
    show::model(context, &context.agentd::<MemoryModelInstall>(&request).await?)
}
