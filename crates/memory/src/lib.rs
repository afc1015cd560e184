//! Memories: one markdown file each, found by words and by meaning.
//!
//! The files are the truth. The catalogue (SQLite), the text index (Tantivy) and the vectors are derived from them and can
//! be thrown away at any time. Nothing here knows of sockets. Begin at `memories.rs`, then `recall.rs`.

mod build;
mod candidates;
mod catalog;
mod documents;
mod embed;
mod error;
mod filter;
mod folder;
mod front_matter;
mod fusion;
mod indexes;
mod junk;
mod keeper;
mod memories;
mod neighbours;
mod note;
mod recall;
mod snippet;
mod text;
mod unflushed;
mod vectors;
mod watch;

pub use crate::{
    embed::{Engine, Model},
    error::MemoryError,
    keeper::Keeper,
    memories::Memories,
    note::Note,
    unflushed::RedoLog,
    vectors::Vectors,
};
