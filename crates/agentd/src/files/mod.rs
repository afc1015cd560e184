//! Files and folders: read, written whole and durably, listed.

mod error;
mod list;
mod place;
mod read;
mod roots;
mod write;

pub(crate) use self::{error::FileError, list::list, read::read, roots::Roots, write::write};
