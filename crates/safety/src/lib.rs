//! What an operator in a hurry needs: how the suite stands, stop it, restart it, and back to the system generation
//! before. agentd serves it, and agentctl does it itself where agentd can't. Nothing here waits for another daemon's
//! answer, and every wait has a deadline.

mod error;
mod generations;
mod marks;
mod processes;
mod rollback;
mod suite;

use std::path::{Path, PathBuf};

use osmoda_api::agentd::Safety as Status;
use osmoda_ipc::daemon::Dirs;

pub use self::{error::SafetyError, marks::PANIC_MARK};

/// Where NixOS keeps the system's generations.
pub const PROFILES: &str = "/nix/var/nix/profiles";

/// The safety tools of one suite.
#[derive(Clone, Debug)]
pub struct Safety {
    dirs: Dirs,
    profiles: PathBuf,
    /// Whether systemd may be asked: a suite in a folder of its own is none of systemd's.
    by_systemd: bool,
}

impl Safety {
    /// For the suite in these folders, on the system whose generations are at `profiles`.
    pub fn new(dirs: Dirs, profiles: &Path) -> Self {
        let by_systemd = dirs == Dirs::default() && osmoda_systemd::is_here();
        Self { dirs, profiles: profiles.to_owned(), by_systemd }
    }

    /// How everything stands. Never fails: what can't be told is left out.
    pub async fn status(&self) -> Status {
        let generations = generations::all(&self.profiles);
        Status {
            generation: generations.iter().find(|one| one.current).map(|one| one.number),
            generations,
            services: self.services().await,
            last_rollback: marks::last_rollback(&self.dirs),
            panicked_at: marks::panic(&self.dirs).map(|mark| mark.at),
            failed_rollbacks: marks::failed_rollbacks(&self.dirs),
        }
    }
}
