//! The tree's SQLite file: tiles by place, and the newest checkpoint with them.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    edge::{Edge, Tile},
    error::LogError,
};
use crate::{
    database,
    tree::{Node, Tiles, partial_width},
};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS tiles (place INTEGER PRIMARY KEY, hashes BLOB NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS head (
        one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, checkpoint TEXT NOT NULL
    ) STRICT;";

/// Level and index in one number: 2^56 tiles a level are more than ids can fill.
fn place(level: u8, index: u64) -> i64 {
    i64::try_from(index & ((1 << 56) - 1)).unwrap_or(i64::MAX) | (i64::from(level & 63) << 56)
}

/// The tree's file, open for writing. It is derived from the events, so that a power cut may cost its newest part
/// (`synchronous=NORMAL`), never its order.
#[derive(Debug)]
pub(crate) struct Store(Connection);

impl Store {
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        osmoda_ipc::daemon::keep_private(path);
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self(connection))
    }

    /// The edge of the tree that is stored, and the checkpoint with it.
    pub(crate) fn load(&self) -> Result<(Edge, String), LogError> {
        let head =
            self.0.query_row("SELECT size, checkpoint FROM head", [], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)));
        let Some((size, checkpoint)) = head.optional()? else { return Ok((Edge::default(), String::new())) };
        let size = u64::try_from(size).unwrap_or_default();
        let mut rows = Vec::new();
        for level in 0_u8..8 {
            if size >> (8 * u32::from(level)) == 0 {
                break;
            }
            let width = usize::try_from(partial_width(size, level)).unwrap_or_default();
            let index = size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
            let hashes = if width == 0 { Vec::new() } else { tile(&self.0, level, index)? };
            let row: Vec<Node> = hashes.chunks_exact(32).take(width).filter_map(Node::from_slice).collect();
            if row.len() < width {
                return Err(LogError::NoTile);
            }
            rows.push(row);
        }
        Ok((Edge::new(size, rows), checkpoint))
    }

    /// All of it or nothing: the full tiles, the edge, and the checkpoint over it.
    pub(crate) fn save(&mut self, full: &[Tile], edge: &Edge, checkpoint: &str) -> rusqlite::Result<()> {
        let step = self.0.transaction()?;
        {
            let mut insert = step.prepare_cached("INSERT OR REPLACE INTO tiles VALUES (?1, ?2)")?;
            for tile in full.iter().cloned().chain(edge.partial()) {
                insert.execute(params![place(tile.level, tile.index), tile.hashes])?;
            }
            step.prepare_cached("INSERT OR REPLACE INTO head VALUES (1, ?1, ?2)")?
                .execute(params![i64::try_from(edge.size()).unwrap_or(i64::MAX), checkpoint])?;
        }
        step.commit()
    }
}

fn tile(connection: &Connection, level: u8, index: u64) -> rusqlite::Result<Vec<u8>> {
    let mut select = connection.prepare_cached("SELECT hashes FROM tiles WHERE place = ?1")?;
    Ok(select.query_row([place(level, index)], |row| row.get(0)).optional()?.unwrap_or_default())
}

/// Reads tiles while the keeper writes.
#[derive(Debug)]
pub(crate) struct TreeReader {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl TreeReader {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), idle: Mutex::default() }
    }
}

impl Tiles for TreeReader {
    type Error = LogError;

    fn tile(&self, level: u8, index: u64) -> Result<Vec<u8>, LogError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => database::open_for_reading(&self.path)?,
        };
        let hashes = tile(&connection, level, index)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(hashes)
    }
}
