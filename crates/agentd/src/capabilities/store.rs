//! The list of tokens that were given, in SQLite: never their texts, which are with their holders alone.

use std::path::Path;

use osmoda_capability::{Claims, Revocations, TokenId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{CapabilityError, Revoker, Taken};
use crate::database;

const MIGRATIONS: [&str; 1] = ["
CREATE TABLE capabilities (
    id TEXT PRIMARY KEY,
    claims TEXT NOT NULL,
    expires INTEGER NOT NULL,
    minted_by TEXT NOT NULL,
    uid INTEGER NOT NULL,
    revoked_at INTEGER,
    revoked_by TEXT
) STRICT;
CREATE INDEX capabilities_alive ON capabilities (expires);
CREATE TABLE parents (
    parent TEXT NOT NULL,
    child TEXT NOT NULL REFERENCES capabilities (id) ON DELETE CASCADE,
    PRIMARY KEY (parent, child)
) STRICT, WITHOUT ROWID;
CREATE TABLE feed (sequence INTEGER NOT NULL) STRICT;
INSERT INTO feed VALUES (0);
"];

/// Seconds for which what has expired is still listed.
const KEPT_SECS: u64 = 30 * 86_400;
/// Tokens that hold at a time.
const MOST: u32 = 10_000;

/// A token of the list.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) claims: Claims,
    pub(crate) minted_by: String,
    /// When, and by whom.
    pub(crate) revoked: Option<(i64, String)>,
}

#[derive(Debug)]
pub(super) struct Store(Connection);

impl Store {
    pub(super) fn open(path: &Path, now: u64) -> Result<Self, CapabilityError> {
        let connection = database::open(path, &MIGRATIONS)?;
        connection.execute("DELETE FROM capabilities WHERE expires < ?1", [seconds(now.saturating_sub(KEPT_SECS))])?;
        Ok(Self(connection))
    }

    /// One more, on disk when this returns.
    pub(super) fn add(&mut self, claims: &Claims, by: &str, uid: u32) -> Result<(), CapabilityError> {
        let step = self.0.transaction()?;
        let alive: u32 = step.query_row(
            "SELECT COUNT(*) FROM capabilities WHERE expires > ?1 AND revoked_at IS NULL",
            [seconds(claims.issued)],
            |row| row.get(0),
        )?;
        if alive >= MOST {
            return Err(CapabilityError::TooMany(alive));
        }
        let text =
            serde_json::to_string(claims).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        step.execute(
            "INSERT INTO capabilities (id, claims, expires, minted_by, uid) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![claims.id.as_str(), text, seconds(claims.expires), by, uid],
        )?;
        for parent in &claims.parents {
            step.execute("INSERT INTO parents VALUES (?1, ?2)", [parent.id.as_str(), claims.id.as_str()])?;
        }
        Ok(step.commit()?)
    }

    /// Marks it and everything below it.
    pub(super) fn revoke(&mut self, id: &TokenId, by: &Revoker, now: u64) -> Result<Taken, CapabilityError> {
        let step = self.0.transaction()?;
        let found: Option<(u32, Option<i64>)> = step
            .query_row("SELECT uid, revoked_at FROM capabilities WHERE id = ?1", [id.as_str()], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let (uid, revoked) = found.ok_or_else(|| CapabilityError::Unknown(id.to_string()))?;
        if by.only_of_uid.is_some_and(|only| only != uid) {
            return Err(CapabilityError::NotYours(id.to_string()));
        }
        let at = revoked.unwrap_or(seconds(now));
        step.execute(
            "UPDATE capabilities SET revoked_at = ?2, revoked_by = ?3 WHERE revoked_at IS NULL
             AND (id = ?1 OR id IN (SELECT child FROM parents WHERE parent = ?1))",
            params![id.as_str(), at, by.actor],
        )?;
        let also = {
            let mut children = step.prepare("SELECT child FROM parents WHERE parent = ?1 ORDER BY child")?;
            let children = children.query_map([id.as_str()], |row| token_id(row, 0))?;
            children.collect::<rusqlite::Result<_>>()?
        };
        step.commit()?;
        Ok(Taken { id: id.clone(), at, also })
    }

    /// What was taken back and would hold otherwise.
    pub(super) fn revocations(&self, now: u64) -> Result<Revocations, CapabilityError> {
        let mut select = self
            .0
            .prepare_cached("SELECT id, expires FROM capabilities WHERE revoked_at IS NOT NULL AND expires > ?1")?;
        let rows =
            select.query_map([seconds(now)], |row| Ok((token_id(row, 0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Newest first.
    pub(super) fn list(&self, all: bool, limit: u32, now: u64) -> Result<Vec<Given>, CapabilityError> {
        let mut select = self.0.prepare_cached(
            "SELECT claims, minted_by, revoked_at, revoked_by FROM capabilities
             WHERE ?1 OR (expires > ?2 AND revoked_at IS NULL) ORDER BY rowid DESC LIMIT ?3",
        )?;
        let rows = select.query_map(params![all, seconds(now), limit], |row| {
            let claims = serde_json::from_str(&row.get::<_, String>(0)?).map_err(|error| unreadable(0, error))?;
            let revoked = row.get::<_, Option<i64>>(2)?.zip(row.get::<_, Option<String>>(3)?);
            Ok(Given { claims, minted_by: row.get(1)?, revoked })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The number of the last feed.
    pub(super) fn sequence(&self) -> Result<u64, CapabilityError> {
        Ok(self.0.query_row("SELECT sequence FROM feed", [], |row| row.get::<_, i64>(0))?.unsigned_abs())
    }

    /// The number of the next feed: greater than the last one's, and than any of a list that a backup has set back.
    pub(super) fn next_sequence(&mut self, now_ms: u64) -> Result<u64, CapabilityError> {
        let next = (self.sequence()? + 1).max(now_ms);
        self.0.execute("UPDATE feed SET sequence = ?1", [seconds(next)])?;
        Ok(next)
    }
}

fn token_id(row: &Row<'_>, column: usize) -> rusqlite::Result<TokenId> {
    row.get::<_, String>(column)?.parse().map_err(|error| unreadable(column, error))
}

fn unreadable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

/// As SQLite keeps whole numbers.
fn seconds(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
