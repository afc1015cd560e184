//! Apps: what may be deployed and as which systemd service, the registry of what was, and what else on the machine looks
//! like an app. No process is started here.

mod error;
pub mod found;
mod name;
mod registry;
mod service;
mod spec;

pub use self::{
    error::AppError,
    name::{AppName, PREFIX},
    registry::{Registered, Registry, Wanted},
    spec::{RestartPolicy, Spec},
};
