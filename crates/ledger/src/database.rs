//! The ledger's SQLite file: its schema, and how it is opened for writing and for reading.

use std::{path::Path, time::Duration};

use osmoda_ipc::daemon::keep_private;
use rusqlite::{Connection, OpenFlags};

/// The table of the chain. STRICT keeps every column what it says; ids are given by the writer, without gaps.
pub(crate) const EVENTS: &str = "CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    ts TEXT NOT NULL,
    type TEXT NOT NULL,
    actor TEXT NOT NULL,
    payload TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT";

/// Redo records: what acts wrote, until it is on disk where it belongs. Nothing of the chain; empty most of the time.
pub(crate) const REDO: &str = "CREATE TABLE redo (
    name TEXT PRIMARY KEY,
    content BLOB NOT NULL
) STRICT, WITHOUT ROWID";

/// What brings a database of the version that is its index to the next one.
const MIGRATIONS: [&str; 2] = [EVENTS, REDO];

/// Opens for writing, makes or migrates the schema. WAL with `synchronous=FULL`: a commit that returned is on disk.
pub(crate) fn open_for_writing(path: &Path) -> rusqlite::Result<Connection> {
    keep_private(path);
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // Events are never deleted; what a redo record held may be forgotten later, and must not stay behind in a free page.
    connection.pragma_update(None, "secure_delete", "ON")?;
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (from, migration) in (0_u32..).zip(MIGRATIONS).skip(version as usize) {
        let step = connection.transaction()?;
        step.execute_batch(migration)?;
        step.pragma_update(None, "user_version", from + 1)?;
        step.commit()?;
    }
    Ok(connection)
}

/// Opens for reading alone.
pub(crate) fn open_for_reading(path: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "mmap_size", 1_i64 << 36)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}
