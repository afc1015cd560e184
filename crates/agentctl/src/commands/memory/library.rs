//! The library: documents added, listed, taken apart anew, removed and exported.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::Subcommand;
use osmoda_api::agentd::{
    MemoryDocumentAdd, MemoryDocumentAdded, MemoryDocumentExport, MemoryDocumentId, MemoryDocumentList,
    MemoryDocumentNew, MemoryDocumentReindex, MemoryDocumentRemove, MemoryDocuments, MemoryStatus,
};
use osmoda_ipc::Nothing;

use super::show;
use crate::{context::Context, failure::Failure};

/// The endings that are looked for in folders.
const ENDINGS: [&str; 11] = ["md", "markdown", "txt", "text", "rst", "org", "adoc", "html", "htm", "xhtml", "pdf"];
const MOST_FILES: usize = 10_000;
const DEEPEST: usize = 16;

#[derive(Debug, Default, Subcommand)]
pub(super) enum Action {
    /// What is in it.
    #[default]
    List,
    /// Take a document's original apart anew.
    Reindex {
        /// The document's id.
        id: String,
    },
    /// Remove a document.
    Remove {
        /// The document's id.
        id: String,
    },
    /// Write a document's original into a file.
    Export {
        /// The document's id.
        id: String,
        /// The file; its own name by default. Nothing is overwritten.
        #[arg(value_hint = clap::ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// The text that was read from it, not the original.
        #[arg(long)]
        text: bool,
    },
}

pub(super) async fn run(context: &Context, action: Action) -> Result<(), Failure> {
    match action {
        Action::List => show::documents(context, &context.agentd::<MemoryDocumentList>(&Nothing {}).await?),
        Action::Reindex { id } => {
            let document = context.agentd::<MemoryDocumentReindex>(&MemoryDocumentId { id }).await?;
            show::documents(context, &MemoryDocuments { documents: vec![document] })
        }
        Action::Remove { id } => {
            show::forgotten(context, &context.agentd::<MemoryDocumentRemove>(&MemoryDocumentId { id }).await?)
        }
        Action::Export { id, file, text } => export(context, id, file, text).await,
    }
}

/// Adds every file; one that can't be read keeps no other one out, and is told at the end.
pub(super) async fn add(context: &Context, paths: &[PathBuf], tags: &[String]) -> Result<(), Failure> {
    let mut files = Vec::new();
    for path in paths {
        let facts = fs::metadata(path).map_err(unreadable(path))?;
        if facts.is_dir() {
            collect(path, 0, &mut files)?;
        } else {
            files.push(path.clone());
        }
    }
    if files.is_empty() {
        return Err(Failure::NotFound(format!("there is no file there that ends in one of {}", ENDINGS.join(", "))));
    }
    let client = context.client("agentd")?;
    let mut added: Vec<MemoryDocumentAdded> = Vec::new();
    let mut failed = Vec::new();
    for file in files {
        let content = fs::read(&file).map_err(unreadable(&file))?;
        let source = std::path::absolute(&file).map_err(unreadable(&file))?;
        let new = MemoryDocumentNew {
            name: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            content_base64: BASE64_STANDARD.encode(content),
            source: Some(source.to_string_lossy().into_owned()),
            tags: Some(tags.to_vec()).filter(|tags| !tags.is_empty()),
        };
        match context.call::<MemoryDocumentAdd>(&client, &new).await {
            Ok(one) => added.push(one),
            Err(Failure::Fault(fault)) if fault.code() == "document_unreadable" => failed.push(fault),
            Err(failure) => return Err(failure),
        }
    }
    show::added(context, &added)?;
    let known = added.iter().filter(|one| one.status == MemoryStatus::Repeated).count();
    if !context.output.is_json() {
        context.output.line(&format!("{} added, {known} known, {} not readable", added.len() - known, failed.len()))?;
    }
    match failed.into_iter().next() {
        Some(fault) => Err(Failure::Fault(fault)),
        None => Ok(()),
    }
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let mut entries: Vec<_> =
        fs::read_dir(folder).and_then(Iterator::collect::<Result<_, _>>).map_err(unreadable(folder))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type().map_err(unreadable(&path))?;
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        if kind.is_dir() && depth < DEEPEST {
            collect(&path, depth + 1, files)?;
        } else if kind.is_file() && ENDINGS.contains(&ending.as_str()) && files.len() < MOST_FILES {
            files.push(path);
        }
    }
    Ok(())
}

async fn export(context: &Context, id: String, file: Option<PathBuf>, text: bool) -> Result<(), Failure> {
    let content = context.agentd::<MemoryDocumentExport>(&MemoryDocumentId { id }).await?;
    if context.output.is_json() {
        return context.output.json(&content);
    }
    let path = file.unwrap_or_else(|| PathBuf::from(&content.document.name));
    let bytes = if text {
        content.text.into_bytes()
    } else {
        BASE64_STANDARD
            .decode(&content.content_base64)
            .map_err(|error| Failure::NotFound(format!("agentd's answer is damaged: {error}")))?
    };
    let written = fs::OpenOptions::new().write(true).create_new(true).open(&path);
    let written = written.and_then(|mut out| std::io::Write::write_all(&mut out, &bytes));
    written.map_err(|source| Failure::System { what: "the document can't be written", source })?;
    context.output.line(&format!("{} bytes written to {}", bytes.len(), path.display()))
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    let path = path.to_owned();
    move |source| Failure::Unreadable { path, source }
}
