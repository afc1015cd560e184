//! A suite without systemd: a folder with sockets, state and logs, and one supervisor that keeps its daemons up.

pub(crate) mod backoff;
pub(crate) mod detach;
mod error;
mod installed;
mod lock;
pub(crate) mod logs;
mod place;
mod process;
mod program;
mod running;
mod stop;
pub(crate) mod supervisor;

pub(crate) use self::{
    error::SuiteError,
    installed::installed,
    place::{Choice, Suite, check_length},
    program::{Program, find},
    stop::{down, is_up},
};
