//! Backups of the suite's state: taken while everything runs, verified by restoring them, and restored whole or not
//! at all.
//!
//! A backup is a tar archive, compressed with Zstandard, optionally encrypted to an age recipient. Its last entry is a
//! manifest with the SHA-256 of every file. Compression is `structured-zstd`'s: in Rust alone, as fast as half of the C
//! library, and held to be read by it. It is young: no backup counts before it was decoded and every file summed again.

mod archive;
mod collect;
mod error;
mod frames;
mod manifest;
mod restore;
mod shelf;
mod unpack;

pub use self::{
    error::BackupError,
    restore::{Restored, restore},
    shelf::{Shelf, Taken},
};
