//! How agentd's own SQLite files are opened: durable, private to one process, migrated by number.

use std::{path::Path, time::Duration};

use osmoda_ipc::daemon::keep_private;
use rusqlite::Connection;

/// Opens the database, or makes it. Migration `n` brings a file of version `n` to the next one.
pub(crate) fn open(path: &Path, migrations: &[&str]) -> rusqlite::Result<Connection> {
    keep_private(path);
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (from, migration) in (0_u32..).zip(migrations).skip(version as usize) {
        let step = connection.transaction()?;
        step.execute_batch(migration)?;
        step.pragma_update(None, "user_version", from + 1)?;
        step.commit()?;
    }
    Ok(connection)
}
