//! Shell commands: run in a group of their own, killed whole, their output bounded.

mod account;
mod argv;
mod output;
mod pace;
mod run;
mod tree;

pub(crate) use self::{
    account::Account,
    argv::run_program,
    pace::Pace,
    run::{Command, DEFAULT_CWD, Ends, path, run},
    tree::{Awaited, adopt_orphans, kill_whole},
};
