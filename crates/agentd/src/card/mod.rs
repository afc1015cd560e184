//! The agent card: who this machine's agent is, what it can do, and a signature over it.

mod content;
mod key;
mod skills;

pub(crate) use self::{
    content::card,
    key::{CardKey, KeyError},
};
