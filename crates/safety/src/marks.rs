//! What is remembered between two uses: that the suite was stopped, and the last rollback.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use osmoda_api::agentd::{FailedRollback, LastRollback};
use osmoda_ipc::daemon::Dirs;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The file in the run folder that says that the suite was stopped on purpose. A supervisor starts nothing while it is
/// there.
pub const PANIC_MARK: &str = "panic.json";

/// What was stopped, and when.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct PanicMark {
    pub(crate) at: String,
    /// systemd units that ran.
    pub(crate) units: Vec<String>,
    /// Daemons that ran without systemd.
    pub(crate) daemons: Vec<String>,
}

/// The mark, where the suite is stopped. One that can't be read says that much.
pub(crate) fn panic(dirs: &Dirs) -> Option<PanicMark> {
    let file = dirs.run().join(PANIC_MARK);
    file.exists().then(|| read(&file).unwrap_or_default())
}

/// Marks the suite as stopped. What an earlier mark names is kept: it does not run now, and did.
pub(crate) fn mark_panic(dirs: &Dirs, units: &[String], daemons: &[String]) -> io::Result<()> {
    let mut mark = panic(dirs).unwrap_or_default();
    mark.at = now();
    for (all, new) in [(&mut mark.units, units), (&mut mark.daemons, daemons)] {
        all.extend_from_slice(new);
        all.sort();
        all.dedup();
    }
    write(&dirs.run().join(PANIC_MARK), &mark)
}

/// The suite may start again.
pub(crate) fn clear_panic(dirs: &Dirs) {
    let _ = fs::remove_file(dirs.run().join(PANIC_MARK));
}

fn rollback_file(dirs: &Dirs) -> PathBuf {
    dirs.state().join("last-rollback.json")
}

pub(crate) fn last_rollback(dirs: &Dirs) -> Option<LastRollback> {
    read(&rollback_file(dirs))
}

pub(crate) fn mark_rollback(dirs: &Dirs, from: u64, to: u64) -> io::Result<()> {
    write(&rollback_file(dirs), &LastRollback { at: now(), from, to })
}

/// What watch writes down of changes that it could not undo: read from its file, since watch may be down.
pub(crate) fn failed_rollbacks(dirs: &Dirs) -> Vec<FailedRollback> {
    read(&dirs.state().join("watch/trouble.json")).unwrap_or_default()
}

fn now() -> String {
    Timestamp::now().to_string()
}

fn read<T: DeserializeOwned>(file: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

/// Whole or not at all.
fn write<T: Serialize>(file: &Path, value: &T) -> io::Result<()> {
    let unready = file.with_extension("new");
    fs::write(&unready, serde_json::to_vec(value)?)?;
    fs::File::open(&unready)?.sync_all()?;
    fs::rename(&unready, file)
}
