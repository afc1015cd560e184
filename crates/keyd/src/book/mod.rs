//! The book of decisions: every spend is on disk before its signature exists, and no crash forgets one.

mod clock;
mod store;
mod window;

pub(crate) use self::{
    clock::Clock,
    store::{Book, BookError},
};
