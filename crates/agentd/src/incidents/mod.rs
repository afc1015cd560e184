//! Incidents: a trouble, the steps that were tried against it, and the ledger's events of its time.

mod error;
mod store;
mod timeline;

pub(crate) use self::{
    error::IncidentError,
    store::{Doing, Incidents},
    timeline::timeline,
};
