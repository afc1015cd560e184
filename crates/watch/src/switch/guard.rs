//! Where there is no systemd: a process that does nothing but wait for a session's deadline, and ends it then.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{Switches, lock::Driving};
use crate::boot;

/// How often the guard looks whether the session is over, or its deadline moved.
const LOOK: Duration = Duration::from_secs(1);
/// How often, and after which pauses, is tried whether there is another guard.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(7);

fn file(folder: &Path, id: &str) -> PathBuf {
    folder.join("locks").join(format!("{id}.deadline"))
}

/// The deadline, in milliseconds since boot: whole or not at all.
pub(super) fn write(folder: &Path, id: &str, at_ms: u64) -> io::Result<()> {
    let path = file(folder, id);
    let unready = path.with_extension("new");
    fs::write(&unready, at_ms.to_string())?;
    fs::File::open(&unready)?.sync_all()?;
    fs::rename(&unready, &path)
}

/// The guard has nothing to wait for: it goes by itself, and what a dead one left goes now.
pub(super) fn remove(folder: &Path, id: &str) {
    let _ = fs::remove_file(file(folder, id));
    if let Ok(free) = Driving::guard(folder, id) {
        free.done();
    }
}

fn read(folder: &Path, id: &str) -> Option<u64> {
    fs::read_to_string(file(folder, id)).ok()?.trim().parse().ok()
}

impl Switches {
    /// Waits for a session's deadline and ends it then. Returns when the session is over.
    pub(crate) async fn guard(self: &Arc<Self>, id: &str) -> io::Result<()> {
        let Some(held) = self.only_guard(id).await else { return Ok(()) };
        loop {
            match read(&self.folder, id) {
                None => {
                    held.done();
                    return Ok(());
                }
                Some(at) if boot::now_ms() >= at => {
                    // Nobody else keeps the promise.
                    while !self.rescue_one(id).await {
                        tokio::time::sleep(LOOK).await;
                    }
                    held.done();
                    return Ok(());
                }
                Some(at) => {
                    let left = Duration::from_millis(at.saturating_sub(boot::now_ms()));
                    tokio::time::sleep(left.min(LOOK)).await;
                }
            }
        }
    }

    /// The lock of a session's one guard. Whoever looks whether a guard lives holds it for a moment.
    async fn only_guard(&self, id: &str) -> Option<Driving> {
        for _ in 0..TRIES {
            if let Ok(held) = Driving::guard(&self.folder, id) {
                return Some(held);
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    /// Keeps the guards of all open sessions up.
    pub(crate) async fn keep_guards(&self) {
        let ids: Vec<String> = self.lock_open().keys().cloned().collect();
        for id in ids {
            if read(&self.folder, &id).is_some()
                && let Err(error) = self.rescue.keep_guard(&id).await
            {
                tracing::warn!(session = id, %error, "a guard could not be kept up");
            }
        }
    }
}
