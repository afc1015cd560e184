//! Who is told of every event as it happens.

mod frame;
mod hub;
mod kinds;
mod subscriber;

pub(crate) use self::{hub::Hub, kinds::Kinds, subscriber::subscribe};
