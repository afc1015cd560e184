//! Signed notes, checkpoints and proof files, as C2SP writes them down: what leaves the machine.

mod checkpoint;
mod key;
mod proof_file;
mod signed;

pub use self::{
    checkpoint::{Checkpoint, CheckpointError},
    key::{KeyError, SigningKey, VerifyingKey},
    proof_file::{ProofFile, ProofFileError},
    signed::{NoteError, open, sign},
};
