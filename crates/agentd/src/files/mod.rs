//! Files and folders: read, written whole and durably, listed.

mod error;
mod list;
mod place;
mod read;
mod write;

pub(crate) use self::{error::FileError, list::list, read::read, write::write};
