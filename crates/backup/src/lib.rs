//! Backups of the suite's state: taken while everything runs, verified by restoring them, and restored whole or not
//! at all.
//!
//! A backup is a tar archive, compressed with Zstandard, optionally encrypted to an age recipient. Its first entry is a
//! manifest with the SHA-256 of every file. Compression is `ruzstd`'s: in Rust alone, well tested as a decoder, and
//! although its encoder knows one fast level only, no backup counts before it was decoded and compared. The crates that
//! compress better bind the C library or are young.

mod archive;
mod collect;
mod error;
mod manifest;
mod restore;
mod shelf;
mod unpack;

pub use self::{
    error::BackupError,
    restore::{Restored, restore},
    shelf::{Shelf, Taken},
};
