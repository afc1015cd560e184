//! The ledger: append-only SQLite, each event bound to the one before by its hash.
//!
//! `hash = SHA-256(id|ts|type|actor|payload|prev_hash)`, joined by `|`, the first event's `prev_hash` being 64 zeros.
//! Type and actor never hold `|`, the id and the time have forms of their own and the previous hash has a fixed length,
//! so that no two different events are hashed from the same bytes.
//!
//! agentd is the one writer. Readers and the verifier open the file read-only, also without agentd.

mod chain;
mod database;
mod ledger;
mod log;
mod note;
mod reader;
mod receipts;
pub mod tree;
mod verify;
mod writer;

pub use self::{
    chain::{GENESIS, Hash, event_hash},
    ledger::{AppendError, Commit, Committed, Ledger, OpenError},
    log::{Log, LogError, load_or_make_key},
    note::{
        Checkpoint, CheckpointError, KeyError, NoteError, ProofFile, ProofFileError, SigningKey, VerifyingKey,
        open as open_note, sign as sign_note,
    },
    reader::{Query, ReadError, Reader},
    verify::{VerifyError, verify_against, verify_file},
};
