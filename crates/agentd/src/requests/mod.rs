//! Receipts of calls that must not be lost or done twice.

mod derived;
mod desk;
mod failure;
mod store;

pub(crate) use self::{
    derived::from_ledger,
    desk::RequestDesk,
    failure::failure,
    store::{RequestStore, RequestStoreError},
};
