//! A backup of a suite against SQLite's own `VACUUM INTO` of the same database: until its archive is on disk, and until
//! it was unpacked again, summed and checked too.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use osmoda_backup::Shelf;
use osmoda_ipc::daemon::Dirs;
use rusqlite::Connection;

use super::{
    ledger,
    row::{Goal, Row},
    sample::{Rounds, alternate, whole},
    suite::programs,
};
use crate::Failure;

const ROUNDS: usize = 5;
const EVENTS: usize = 200_000;

pub(super) fn run() -> Result<Vec<Row>, Failure> {
    let folder = tempfile::tempdir_in(programs()?).map_err(Failure::bench)?;
    let dirs = Dirs::under(folder.path());
    dirs.prepare().map_err(Failure::bench)?;
    let state = dirs.state().join("agentd");
    std::fs::create_dir_all(&state).map_err(Failure::bench)?;
    let database = state.join("ledger.db");
    ledger::fill(&database, EVENTS)?;
    let megabytes = (std::fs::metadata(&database).map_err(Failure::bench)?.len() >> 20).max(1);
    let megabytes = usize::try_from(megabytes).map_err(Failure::bench)?;
    let shelf = Shelf::new(dirs.state());
    let [packed, taken, vacuum]: [Rounds; 3] = alternate(ROUNDS, |contender| {
        let into = emptied(&folder.path().join("copy"))?;
        whole(megabytes, || match contender {
            0 => shelf.pack(&into).map(drop).map_err(Failure::bench),
            1 => shelf.take(None, Duration::ZERO).map(drop).map_err(Failure::bench),
            _ => vacuum_into(&database, &into.join("ledger.db")),
        })
    })?;
    let row = |name, what, ours: &Rounds, goal| Row {
        name,
        ours: (what, ours.figures()),
        peer: ("VACUUM INTO", vacuum.figures()),
        unit: "us a MiB",
        ratio: ours.ratio_to(&vacuum),
        goal: Goal::AtMost(goal),
    };
    Ok(vec![
        row("backup", "Shelf::pack: copied, summed, archived", &packed, 1.5),
        row("backup-checked", "Shelf::take: unpacked and checked too", &taken, 3.0),
    ])
}

/// An empty folder in this place.
fn emptied(folder: &Path) -> Result<PathBuf, Failure> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(Failure::bench)?;
    }
    std::fs::create_dir(folder).map_err(Failure::bench)?;
    Ok(folder.to_owned())
}

fn vacuum_into(from: &Path, to: &Path) -> Result<(), Failure> {
    let connection = Connection::open(from).map_err(Failure::bench)?;
    connection.execute("VACUUM INTO ?1", [to.to_string_lossy()]).map(drop).map_err(Failure::bench)
}
