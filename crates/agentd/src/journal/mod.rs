//! The journal of systemd, entry by entry.

mod entry;
mod error;
mod read;

pub(crate) use self::{
    error::JournalError,
    read::{Question, read},
};
