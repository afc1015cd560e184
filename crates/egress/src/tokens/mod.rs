//! Tokens: what agentd says of them, those that were shown, and how much was done with each.

mod credentials;
mod feed;
mod shown;
mod usage;

pub(crate) use self::{
    credentials::credentials,
    feed::{FeedFile, watch},
    shown::ShownTokens,
    usage::{Allowance, Meter, Slots, UsageBook},
};
