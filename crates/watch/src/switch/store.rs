//! Sessions on disk: SQLite in WAL with `synchronous=FULL`. A move is on disk before it is made.
//!
//! Two programs write here: the daemon, and `osmoda-watch rollback`, which ends a session when the daemon can't. Each
//! move names the state that it leaves, so that neither undoes what the other did.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use osmoda_api::watch::{CheckResult, Quarantined, SwitchMove, SwitchState};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{
    error::SwitchError,
    session::Session,
    state::{Cause, may_move},
};

const MIGRATIONS: [&str; 1] = ["
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    stranded INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_by_state ON sessions (state);
CREATE TABLE things (
    thing TEXT PRIMARY KEY,
    session TEXT NOT NULL
) STRICT;
CREATE TABLE moves (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL,
    at TEXT NOT NULL,
    was TEXT,
    became TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    checks TEXT NOT NULL,
    told INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX moves_of_session ON moves (session, place);
CREATE INDEX moves_untold ON moves (place) WHERE told = 0;
CREATE TABLE quarantine (
    key TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    why TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE TABLE watchers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;
"];

/// Who moves a session, and why.
#[derive(Clone, Debug)]
pub(crate) struct Reason {
    pub(crate) who: String,
    pub(crate) why: String,
}

impl Reason {
    /// watch itself.
    pub(crate) fn own(why: impl Into<String>) -> Self {
        Self { who: "daemon:watch".into(), why: why.into() }
    }
}

/// A move that the ledger has not been told of.
#[derive(Clone, Debug)]
pub(crate) struct Untold {
    pub(crate) place: i64,
    pub(crate) session: String,
    pub(crate) one: SwitchMove,
}

/// The sessions, and everything else that watch keeps.
#[derive(Clone, Debug)]
pub(crate) struct Store(Arc<Mutex<Connection>>);

impl Store {
    /// Opens or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self, SwitchError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        for (number, sql) in (1_i64..).zip(MIGRATIONS) {
            if number > version {
                transaction.execute_batch(sql)?;
                transaction.pragma_update(None, "user_version", number)?;
            }
        }
        transaction.commit()?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Works on the database, on a thread that may block.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, SwitchError> + Send + 'static,
    ) -> Result<T, SwitchError> {
        let connection = self.0.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = work(&transaction)?;
            transaction.commit()?;
            Ok(answer)
        });
        done.await?
    }

    /// A new session, unless another open one changes the same thing.
    pub(crate) async fn begin(&self, session: Session, reason: Reason, most: usize) -> Result<(), SwitchError> {
        self.with(move |db| {
            let open: i64 = db.query_row("SELECT COUNT(DISTINCT session) FROM things", [], |row| row.get(0))?;
            if usize::try_from(open).unwrap_or(0) >= most {
                return Err(SwitchError::TooMany { most });
            }
            for thing in &session.things {
                let by = db
                    .query_row("SELECT session FROM things WHERE thing = ?1", [thing], |row| row.get::<_, String>(0))
                    .optional()?;
                if let Some(by) = by {
                    return Err(SwitchError::InTheWay { by, thing: thing.clone() });
                }
                db.execute("INSERT INTO things (thing, session) VALUES (?1, ?2)", [thing, &session.id])?;
            }
            let body = serde_json::to_string(&session)?;
            let state = session.state.as_str();
            let mut insert =
                db.prepare_cached("INSERT INTO sessions (id, state, stranded, body) VALUES (?1, ?2, 0, ?3)")?;
            insert.execute(params![session.id, state, body])?;
            note(db, &session, None, &reason)
        })
        .await
    }

    /// Moves a session; `session` holds what it is in the new state. Refused where it is not in `from` any more.
    pub(crate) async fn advance(
        &self,
        session: &mut Session,
        to: SwitchState,
        reason: Reason,
    ) -> Result<(), SwitchError> {
        let from = session.state;
        let mut next = session.clone();
        next.state = to;
        next.why = Some(reason.why.clone());
        let written = next.clone();
        self.with(move |db| {
            let wrong = |state| SwitchError::WrongState {
                id: next.id.clone(),
                state,
                hint: "somebody else moved it: see agentctl switch status",
            };
            if !may_move(from, to) {
                return Err(wrong(from));
            }
            if update(db, &next, from)? == 0 {
                return Err(wrong(read(db, &next.id)?.state));
            }
            note(db, &next, Some(from), &reason)?;
            if to.is_over() && !next.stranded {
                db.execute("DELETE FROM things WHERE session = ?1", [&next.id])?;
            }
            let blamed = to == SwitchState::RollingBack && next.cause.is_some_and(Cause::blames_the_change);
            if let (true, Some(key)) = (blamed, next.facts.as_ref().and_then(|facts| facts.key.as_ref())) {
                let at = Timestamp::now().to_string();
                db.execute(
                    "INSERT OR REPLACE INTO quarantine (key, session, why, at) VALUES (?1, ?2, ?3, ?4)",
                    params![key, next.id, reason.why, at],
                )?;
            }
            Ok(())
        })
        .await?;
        *session = written;
        Ok(())
    }

    /// Writes what is known of a session anew, in the state in which it is.
    pub(crate) async fn keep(&self, session: &Session) -> Result<(), SwitchError> {
        let session = session.clone();
        self.with(move |db| match update(db, &session, session.state)? {
            0 => Err(SwitchError::WrongState {
                id: session.id.clone(),
                state: read(db, &session.id)?.state,
                hint: "somebody else moved it: see agentctl switch status",
            }),
            _ => Ok(()),
        })
        .await
    }

    /// One session.
    pub(crate) async fn session(&self, id: &str) -> Result<Session, SwitchError> {
        let id = id.to_owned();
        self.with(move |db| read(db, &id)).await
    }

    /// The newest sessions.
    pub(crate) async fn newest(&self, limit: u32) -> Result<Vec<Session>, SwitchError> {
        self.with(move |db| {
            let mut select = db.prepare_cached("SELECT body FROM sessions ORDER BY id DESC LIMIT ?1")?;
            let bodies = select.query_map([limit], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
            bodies.iter().map(|body| Ok(serde_json::from_str(body)?)).collect()
        })
        .await
    }

    /// Every session that is not over.
    pub(crate) async fn open_sessions(&self) -> Result<Vec<Session>, SwitchError> {
        self.with(|db| sessions(db, "state NOT IN ('committed', 'rolled_back', 'failed')")).await
    }

    /// Every session whose rollback failed, or fails.
    pub(crate) async fn troubled(&self) -> Result<Vec<Session>, SwitchError> {
        self.with(|db| {
            let mut all = sessions(db, "stranded = 1 OR state = 'rolling_back'")?;
            all.retain(|session| session.stranded || session.failed_rollbacks > 0);
            Ok(all)
        })
        .await
    }

    /// Every move of a session, oldest first.
    pub(crate) async fn history(&self, id: &str) -> Result<Vec<SwitchMove>, SwitchError> {
        let id = id.to_owned();
        self.with(move |db| {
            let mut select = db.prepare_cached(
                "SELECT place, session, at, was, became, who, why, checks FROM moves WHERE session = ?1 ORDER BY place",
            )?;
            let rows = select.query_map([id], a_move)?.collect::<Result<Vec<_>, _>>()?;
            rows.into_iter().map(|row| Ok(row?.one)).collect()
        })
        .await
    }

    /// The oldest moves that the ledger was not told of.
    pub(crate) async fn untold(&self) -> Result<Vec<Untold>, SwitchError> {
        self.with(|db| {
            let mut select = db.prepare_cached(
                "SELECT place, session, at, was, became, who, why, checks FROM moves WHERE told = 0 ORDER BY place LIMIT 64",
            )?;
            let rows = select.query_map([], a_move)?.collect::<Result<Vec<_>, _>>()?;
            rows.into_iter().collect()
        })
        .await
    }

    /// The ledger has this move.
    pub(crate) async fn told(&self, place: i64) -> Result<(), SwitchError> {
        self.with(move |db| {
            db.execute("UPDATE moves SET told = 1 WHERE place = ?1", [place])?;
            Ok(())
        })
        .await
    }

    /// What failed and is not to come again by itself, newest first.
    pub(crate) async fn quarantine(&self) -> Result<Vec<Quarantined>, SwitchError> {
        self.with(|db| {
            let mut select =
                db.prepare_cached("SELECT key, session, why, at FROM quarantine ORDER BY at DESC LIMIT 1000")?;
            let rows = select.query_map([], |row| {
                Ok(Quarantined { key: row.get(0)?, session: row.get(1)?, why: row.get(2)?, at: row.get(3)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Refuses what failed before.
    pub(crate) async fn refuse_quarantined(&self, key: &str) -> Result<(), SwitchError> {
        let found = self.quarantine().await?.into_iter().find(|one| one.key == key);
        match found {
            Some(Quarantined { key, session, why, .. }) => Err(SwitchError::Quarantined { key, session, why }),
            None => Ok(()),
        }
    }

    /// Lets what failed be tried again.
    pub(crate) async fn release(&self, key: &str) -> Result<(), SwitchError> {
        let key = key.to_owned();
        self.with(move |db| match db.execute("DELETE FROM quarantine WHERE key = ?1", [&key])? {
            0 => Err(SwitchError::NotQuarantined(key)),
            _ => Ok(()),
        })
        .await
    }
}

fn update(db: &Transaction<'_>, session: &Session, from: SwitchState) -> Result<usize, SwitchError> {
    let mut update =
        db.prepare_cached("UPDATE sessions SET state = ?2, stranded = ?3, body = ?4 WHERE id = ?1 AND state = ?5")?;
    let body = serde_json::to_string(session)?;
    Ok(update.execute(params![session.id, session.state.as_str(), session.stranded, body, from.as_str()])?)
}

fn note(
    db: &Transaction<'_>,
    session: &Session,
    from: Option<SwitchState>,
    reason: &Reason,
) -> Result<(), SwitchError> {
    let mut insert = db.prepare_cached(
        "INSERT INTO moves (session, at, was, became, who, why, checks) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    insert.execute(params![
        session.id,
        Timestamp::now().to_string(),
        from.map(|from| serde_json::to_string(&from)).transpose()?,
        serde_json::to_string(&session.state)?,
        reason.who,
        reason.why,
        serde_json::to_string(&session.results)?,
    ])?;
    Ok(())
}

fn read(db: &Transaction<'_>, id: &str) -> Result<Session, SwitchError> {
    let mut select = db.prepare_cached("SELECT body FROM sessions WHERE id = ?1")?;
    let body = select.query_row([id], |row| row.get::<_, String>(0)).optional()?;
    Ok(serde_json::from_str(&body.ok_or_else(|| SwitchError::Unknown(id.to_owned()))?)?)
}

fn sessions(db: &Transaction<'_>, which: &str) -> Result<Vec<Session>, SwitchError> {
    let mut select = db.prepare(&format!("SELECT body FROM sessions WHERE {which} ORDER BY id"))?;
    let bodies = select.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    bodies.iter().map(|body| Ok(serde_json::from_str(body)?)).collect()
}

fn a_move(row: &rusqlite::Row<'_>) -> rusqlite::Result<Result<Untold, SwitchError>> {
    let (was, became, checks): (Option<String>, String, String) = (row.get(3)?, row.get(4)?, row.get(7)?);
    let one = SwitchMove { at: row.get(2)?, who: row.get(5)?, why: row.get(6)?, ..SwitchMove::default() };
    let (place, session) = (row.get(0)?, row.get(1)?);
    Ok((|| {
        let from = was.map(|was| serde_json::from_str(&was)).transpose()?;
        let (to, checks): (_, Vec<CheckResult>) = (serde_json::from_str(&became)?, serde_json::from_str(&checks)?);
        Ok(Untold { place, session, one: SwitchMove { from, to, checks, ..one } })
    })())
}
