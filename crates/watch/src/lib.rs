//! watch: changes that undo themselves, and health checks that escalate.

pub mod alone;
mod apply;
mod boot;
mod checks;
mod config;
mod gate;
mod handlers;
mod notify;
mod routes;
mod run;
mod switch;
mod systemd;
mod watch;
mod watchers;

pub use self::{
    config::{Config, Pair},
    watch::{NotStarted, Watch, start},
};
