//! A backup of a suite's state, taken and verified, against SQLite's own `VACUUM INTO` of the same databases.

use std::{path::Path, time::Duration};

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
    let [ours, vacuum]: [Rounds; 2] = alternate(ROUNDS, |contender| {
        whole(megabytes, || match contender {
            // All before are thrown away: none is kept for longer than no time.
            0 => shelf.take(None, Duration::ZERO).map(drop).map_err(Failure::bench),
            _ => vacuum_into(&database, &folder.path().join("vacuumed.db")),
        })
    })?;
    Ok(vec![Row {
        name: "backup",
        ours: ("Shelf::take: copy, archive, verify", ours.figures()),
        peer: ("VACUUM INTO", vacuum.figures()),
        unit: "us a MiB",
        ratio: ours.ratio_to(&vacuum),
        goal: Goal::AtMost(1.5),
    }])
}

fn vacuum_into(from: &Path, to: &Path) -> Result<(), Failure> {
    if to.exists() {
        std::fs::remove_file(to).map_err(Failure::bench)?;
    }
    let connection = Connection::open(from).map_err(Failure::bench)?;
    connection.execute("VACUUM INTO ?1", [to.to_string_lossy()]).map(drop).map_err(Failure::bench)
}
