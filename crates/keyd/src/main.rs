//! The keyd daemon.

use std::{alloc::System, process::ExitCode};

use osmoda_ipc::daemon::Daemon;
use osmoda_keyd::{Config, start};
use zeroizing_alloc::ZeroAlloc;

/// Wipes all memory that is given back: a key that passed through a buffer of any library does not stay there.
#[global_allocator]
static WIPING: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    Daemon::<Config>::named("keyd").run(start)
}
