//! keyd shuts itself in: no network, no program, no core, no swap. What is said of it is found out by trying.

mod filter;
mod probe;

use nix::{
    sys::{
        mman::{MlockAllFlags, mlockall},
        prctl::set_dumpable,
        resource::{Resource, getrlimit, setrlimit},
    },
    unistd::Uid,
};

pub(crate) use self::probe::{core_dumps_off, try_everything};

/// keyd can't be shut in, and does not start.
#[derive(Debug, thiserror::Error)]
pub enum NotShutIn {
    /// The filter.
    #[error("the system call filter can't be installed: {0}")]
    Filter(String),
    /// Cores.
    #[error("core dumps can't be turned off: {0}")]
    Cores(#[source] nix::Error),
}

/// What of the memory can't be swapped out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockedMemory {
    All,
    Keys,
}

/// Shuts this process in, with all its threads, for as long as it lives.
pub(crate) fn shut_in() -> Result<LockedMemory, NotShutIn> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(NotShutIn::Cores)?;
    set_dumpable(false).map_err(NotShutIn::Cores)?;
    let locked = lock_memory();
    filter::install().map_err(NotShutIn::Filter)?;
    Ok(locked)
}

/// All of the memory where no limit stands against it: with a limit, memory that is asked for later would not be given.
fn lock_memory() -> LockedMemory {
    let free = Uid::effective().is_root()
        && setrlimit(Resource::RLIMIT_MEMLOCK, libc::RLIM_INFINITY, libc::RLIM_INFINITY).is_ok()
        || getrlimit(Resource::RLIMIT_MEMLOCK).is_ok_and(|(soft, _)| soft == libc::RLIM_INFINITY);
    // Each page when it is used: threads' stacks are asked for whole, and locked whole they would all lie in memory.
    let when_used = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT);
    let flags = MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | when_used;
    if free && mlockall(flags).is_ok() { LockedMemory::All } else { LockedMemory::Keys }
}
