//! The catalogue: what each file says, in SQLite. Derived from the files; a damaged one is made anew.

mod bulk;
mod counts;
mod documents;
mod ready;
mod rows;

use std::{
    fs,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::Connection;

pub(crate) use self::{
    bulk::Bulk,
    documents::{DocumentRow, PartRow},
    ready::Ready,
    rows::{Indexed, Row},
};
use crate::MemoryError;

/// A catalogue of another version is made anew.
const VERSION: u32 = 2;

const TABLES: &str = "
CREATE TABLE rows (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind INTEGER NOT NULL,
    file TEXT NOT NULL,
    modified INTEGER NOT NULL,
    size INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    created INTEGER NOT NULL,
    time INTEGER NOT NULL,
    retired_by TEXT,
    category TEXT,
    tags TEXT NOT NULL,
    key TEXT,
    supersedes TEXT,
    expires INTEGER,
    source TEXT,
    count INTEGER NOT NULL,
    summary TEXT NOT NULL,
    detail TEXT,
    print BLOB NOT NULL,
    text BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX by_file ON rows (file) WHERE kind = 0;
CREATE INDEX by_document ON rows (file) WHERE kind = 1;
CREATE INDEX by_key ON rows (key) WHERE key IS NOT NULL;
CREATE INDEX by_superseded ON rows (supersedes) WHERE supersedes IS NOT NULL;
CREATE INDEX by_source ON rows (source) WHERE source IS NOT NULL;
CREATE INDEX by_expiry ON rows (expires) WHERE expires IS NOT NULL;
-- How many rows there are and what their files weigh, kept so that nobody has to count a million of them.
CREATE TABLE counts (
    kind INTEGER NOT NULL,
    retired INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (kind, retired)
) STRICT, WITHOUT ROWID;
INSERT INTO counts VALUES (0, 0, 0, 0), (0, 1, 0, 0), (1, 0, 0, 0), (1, 1, 0, 0);
CREATE TABLE documents (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    source TEXT,
    tags TEXT NOT NULL,
    added INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    modified INTEGER NOT NULL,
    size INTEGER NOT NULL,
    inode INTEGER NOT NULL
) STRICT;
CREATE TABLE damaged (
    file TEXT PRIMARY KEY,
    modified INTEGER NOT NULL,
    size INTEGER NOT NULL,
    inode INTEGER NOT NULL
) STRICT;
";

/// Hashes come in any order: an index of many of them is made faster from all at once.
const LATE_INDEXES: &str = "
CREATE INDEX by_print ON rows (print) WHERE kind = 0;
CREATE INDEX by_text ON rows (text);
";

/// Keeps `counts`.
const COUNTING: &str = "
CREATE TRIGGER counts_new AFTER INSERT ON rows BEGIN
    UPDATE counts SET rows = rows + 1, bytes = bytes + NEW.size WHERE kind = NEW.kind AND retired = (NEW.retired_by IS NOT NULL);
END;
CREATE TRIGGER counts_gone AFTER DELETE ON rows BEGIN
    UPDATE counts SET rows = rows - 1, bytes = bytes - OLD.size WHERE kind = OLD.kind AND retired = (OLD.retired_by IS NOT NULL);
END;
CREATE TRIGGER counts_moved AFTER UPDATE OF retired_by ON rows WHEN (OLD.retired_by IS NULL) != (NEW.retired_by IS NULL) BEGIN
    UPDATE counts SET rows = rows - 1, bytes = bytes - OLD.size WHERE kind = OLD.kind AND retired = (OLD.retired_by IS NOT NULL);
    UPDATE counts SET rows = rows + 1, bytes = bytes + NEW.size WHERE kind = NEW.kind AND retired = (NEW.retired_by IS NOT NULL);
END;
";

/// The catalogue's database.
#[derive(Debug)]
pub(crate) struct Catalog {
    connection: Mutex<Connection>,
}

impl Catalog {
    /// Opens the catalogue; `true` where it is new or had to be made anew.
    pub(crate) fn open(path: &Path) -> Result<(Self, bool), MemoryError> {
        let (connection, is_new) = match connect(path) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::warn!(%error, "the memory catalogue can't be read and is made anew");
                discard(path)?;
                (connect(path)?.0, true)
            }
        };
        Ok((Self { connection: Mutex::new(connection) }, is_new))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs many changes in one transaction. Only for a catalogue that nobody else uses.
    pub(crate) fn in_bulk(&self, work: impl FnOnce() -> Result<(), MemoryError>) -> Result<(), MemoryError> {
        self.lock().execute_batch("BEGIN")?;
        work()?;
        Ok(self.lock().execute_batch("COMMIT")?)
    }

    /// Gives the space of what was forgotten back.
    pub(crate) fn compact(&self) -> Result<(), MemoryError> {
        give_space_back(&self.lock())
    }
}

/// What holds for every catalogue.
fn bare(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    Ok(connection)
}

fn connect(path: &Path) -> rusqlite::Result<(Connection, bool)> {
    let connection = bare(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What the files say can be read again; a flush a memory would double the time of a store.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == VERSION {
        return Ok((connection, false));
    }
    if version != 0 {
        return Err(rusqlite::Error::InvalidQuery);
    }
    let mut connection = connection;
    let step = connection.transaction()?;
    for part in [TABLES, LATE_INDEXES, COUNTING] {
        step.execute_batch(part)?;
    }
    step.pragma_update(None, "user_version", VERSION)?;
    step.commit()?;
    Ok((connection, true))
}

/// Removes a database with what SQLite keeps beside it.
pub(crate) fn discard(path: &Path) -> Result<(), MemoryError> {
    for ending in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(ending);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(MemoryError::io(path)(error)),
            _ => {}
        }
    }
    Ok(())
}

pub(crate) fn give_space_back(connection: &Connection) -> Result<(), MemoryError> {
    // Each step of the statement frees one page.
    let mut vacuum = connection.prepare("PRAGMA incremental_vacuum")?;
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}
