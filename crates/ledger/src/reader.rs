//! Reading the ledger: pages of events, receipts, acts that were cut off.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::{Timestamp, civil};
use osmoda_api::agentd::{Event, EventLogRequest, Events, Receipt, ReceiptListRequest};
use osmoda_ipc::{Fault, chain};
use rusqlite::{Connection, Row, ToSql};
use serde_json::Value;

use crate::{database, receipts};

/// How long one read may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads a ledger's file; any number may do so while agentd writes.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

/// Which events, as the ledger's columns know them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// A type, or a prefix ending in `.` or `*`.
    pub kind: Option<String>,
    /// Exactly this actor.
    pub actor: Option<String>,
    /// Not before this time, in the ledger's form.
    pub since: Option<String>,
    /// Below this id.
    pub before: Option<i64>,
    /// Above this id; turns the order to oldest first.
    pub after: Option<i64>,
    /// Of this act.
    pub request_id: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// The ledger can't be read, or not for this question.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// SQLite says no.
    #[error("the ledger can't be read")]
    Database(#[from] rusqlite::Error),
    /// The time has no form that is known.
    #[error("{0:?} is no time; use RFC 3339 such as 2026-01-02T03:04:05Z, or a date")]
    BadTime(String),
    /// Outside what one page may hold.
    #[error("a page holds 1 to 1000, not {0}")]
    BadLimit(u32),
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        match &error {
            ReadError::Database(rusqlite::Error::SqliteFailure(failure, _))
                if failure.code == rusqlite::ErrorCode::OperationInterrupted =>
            {
                Self::timeout(
                    "query_too_slow",
                    "the ledger is too large for this question; add since, cursor or a type",
                )
            }
            ReadError::Database(_) => Self::unavailable(
                "ledger_unavailable",
                "the ledger can't be read; check it with agentctl verify-ledger",
            )
            .with_private(chain(&error)),
            ReadError::BadTime(_) => Self::bad_request("invalid_time", error.to_string()),
            ReadError::BadLimit(_) => Self::bad_request("invalid_request", error.to_string()),
        }
    }
}

impl Query {
    /// What a caller of `event_log` asks for.
    pub fn from_request(request: EventLogRequest) -> Result<Self, ReadError> {
        Ok(Self {
            kind: request.kind,
            actor: request.actor,
            since: request.since.as_deref().map(ledger_time).transpose()?,
            before: request.cursor,
            after: request.after,
            request_id: request.request_id,
            limit: page(request.limit)?,
        })
    }

    /// Whether the answer is a few neighbouring rows: as soon found as another thread would be woken for it.
    pub fn is_at_hand(&self) -> bool {
        let filters = [&self.kind, &self.actor, &self.since, &self.request_id];
        self.limit <= 50 && filters.iter().all(|filter| filter.is_none())
    }

    /// The condition and what is bound to it.
    fn condition(&self) -> (String, Vec<Box<dyn ToSql>>) {
        let mut parts: Vec<String> = vec!["1".into()];
        let mut values: Vec<Box<dyn ToSql>> = Vec::new();
        let mut add = |part: &str, value: Box<dyn ToSql>| {
            values.push(value);
            parts.push(part.replace('?', &format!("?{}", values.len())));
        };
        match self.kind.as_deref() {
            None => {}
            Some(kind) => match kind.strip_suffix('*').or_else(|| kind.ends_with('.').then_some(kind)) {
                Some(prefix) => add("substr(type, 1, length(?)) = ?", Box::new(prefix.to_owned())),
                None => add("type = ?", Box::new(kind.to_owned())),
            },
        }
        if let Some(actor) = &self.actor {
            add("actor = ?", Box::new(actor.clone()));
        }
        if let Some(since) = &self.since {
            add("ts >= ?", Box::new(since.clone()));
        }
        if let Some(before) = self.before {
            add("id < ?", Box::new(before));
        }
        if let Some(after) = self.after {
            add("id > ?", Box::new(after));
        }
        if let Some(id) = &self.request_id {
            // The cheap test first: parsing every payload would take ten times as long.
            add(
                "instr(payload, ?) > 0 AND CASE WHEN json_valid(payload) THEN json_extract(payload, '$.request_id') END = ?",
                Box::new(id.clone()),
            );
        }
        (parts.join(" AND "), values)
    }
}

impl Reader {
    /// A reader of the ledger at `path`.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), idle: Mutex::default() }
    }

    /// A page of events, newest first, or oldest first after an id.
    pub fn events(&self, query: &Query) -> Result<Events, ReadError> {
        let (condition, values) = query.condition();
        let order = if query.after.is_some() { "ASC" } else { "DESC" };
        let sql = format!(
            "SELECT id, ts, type, actor, payload, prev_hash, hash FROM events WHERE {condition} ORDER BY id {order} LIMIT {}",
            i64::from(query.limit) + 1
        );
        let mut events = self.with_connection(|connection| {
            let mut select = connection.prepare_cached(&sql)?;
            let rows = select.query_map(rusqlite::params_from_iter(values.iter()), event)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let more = events.len() > query.limit as usize;
        events.truncate(query.limit as usize);
        let next_cursor = events.last().filter(|_| more).map(|last| last.id);
        Ok(Events { events, next_cursor })
    }

    /// Acts with their results, newest first.
    pub fn receipts(&self, request: &ReceiptListRequest) -> Result<Vec<Receipt>, ReadError> {
        let limit = page(request.limit)? as usize;
        let since = request.since.as_deref().map(ledger_time).transpose()?;
        let tool = request.kind.clone();
        self.with_connection(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT id, ts, type, actor, payload, prev_hash, hash FROM events
                 WHERE (?1 IS NULL OR ts >= ?1)
                   AND (?2 IS NULL AND (type LIKE '%.intent' OR type LIKE '%.outcome') OR type = ?2 || '.intent' OR type = ?2 || '.outcome')
                 ORDER BY id DESC",
            )?;
            let rows = select.query_map((since, tool), event)?;
            receipts::join(rows, limit)
        })
    }

    /// Intents of this daemon among the newest 10,000 events that have no outcome: acts that its end cut off.
    pub fn cut_off(&self, daemon: &str) -> Result<Vec<Event>, ReadError> {
        self.with_connection(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT id, ts, type, actor, payload, prev_hash, hash FROM events
                 WHERE id > (SELECT COALESCE(MAX(id), 0) FROM events) - 10000 AND (type LIKE '%.intent' OR type LIKE '%.outcome')
                   AND CASE WHEN json_valid(payload) THEN json_extract(payload, '$.daemon') END = ?1
                 ORDER BY id",
            )?;
            let rows = select.query_map([daemon], event)?;
            receipts::without_outcome(rows)
        })
    }

    /// The newest events whose payload holds this text anywhere, oldest first.
    pub fn mentions(&self, text: &str, limit: u32) -> Result<Vec<Event>, ReadError> {
        let mut events = self.with_connection(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT id, ts, type, actor, payload, prev_hash, hash FROM events
                 WHERE instr(payload, ?1) > 0 ORDER BY id DESC LIMIT ?2",
            )?;
            let rows = select.query_map((text, limit), event)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        events.reverse();
        Ok(events)
    }

    /// The newest event's id; 0 where there is none.
    pub fn newest(&self) -> Result<i64, ReadError> {
        self.with_connection(|connection| {
            connection.query_row("SELECT COALESCE(MAX(id), 0) FROM events", [], |row| row.get(0))
        })
    }

    fn with_connection<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ReadError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => database::open_for_reading(&self.path)?,
        };
        let started = Instant::now();
        connection.progress_handler(100_000, Some(move || started.elapsed() > PATIENCE))?;
        let result = read(&connection);
        if result.is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        Ok(result?)
    }
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let payload: String = row.get(4)?;
    Ok(Event {
        id: row.get(0)?,
        ts: row.get(1)?,
        kind: row.get(2)?,
        actor: row.get(3)?,
        // What is no JSON, because somebody changed it, is shown as it is.
        payload: serde_json::from_str(&payload).unwrap_or(Value::String(payload)),
        prev_hash: row.get(5)?,
        hash: row.get(6)?,
    })
}

fn page(limit: Option<u32>) -> Result<u32, ReadError> {
    match limit.unwrap_or(50) {
        limit @ 1..=1000 => Ok(limit),
        limit => Err(ReadError::BadLimit(limit)),
    }
}

/// A time as callers write it, in the ledger's form.
fn ledger_time(text: &str) -> Result<String, ReadError> {
    let parsed = text.parse::<Timestamp>().ok().or_else(|| {
        let date: civil::Date = text.parse().ok()?;
        date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    });
    let time = parsed.ok_or_else(|| ReadError::BadTime(text.chars().take(64).collect()))?;
    Ok(time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_usual_form() {
        for (text, time) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"),
            ("2026-01-02T03:04:05.6789Z", "2026-01-02T03:04:05.678Z"),
            ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05.000Z"),
            ("2026-01-02", "2026-01-02T00:00:00.000Z"),
        ] {
            assert_eq!(ledger_time(text).unwrap(), time, "{text}");
        }
        for text in ["", "yesterday", "2026-13-01", "1767322245"] {
            assert!(matches!(ledger_time(text), Err(ReadError::BadTime(_))), "{text}");
        }
    }
}
