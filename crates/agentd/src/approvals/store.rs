//! Where approvals are kept: each step is on disk before it is told to anybody.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use osmoda_api::agentd::{Approval, ApprovalStatus, Challenge};
use osmoda_ipc::{Fault, Role, chain, visible};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde_json::Value;

use super::{ApprovalError, Principal, Question};
use crate::{config::ApprovalConfig, database};

const MIGRATIONS: [&str; 1] = ["
CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    tool TEXT NOT NULL,
    command TEXT NOT NULL,
    why TEXT NOT NULL,
    reason TEXT,
    arguments TEXT NOT NULL,
    hash TEXT NOT NULL,
    principal TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    decided_by TEXT,
    decided_at INTEGER,
    request_id TEXT NOT NULL,
    nonce TEXT
) STRICT;
CREATE INDEX approvals_waiting ON approvals (status, principal);
"];

/// Answered and expired approvals are kept so long, for those who ask how one stands.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// The approvals' database can't be used.
#[derive(Debug, thiserror::Error)]
#[error("the approvals' database can't be used")]
pub struct StoreError(#[from] rusqlite::Error);

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::unavailable(
            "approvals_unavailable",
            "approvals can't be kept now, and nothing that needs one is done; check the disk of the state folder",
        )
        .with_private(chain(&error))
    }
}

/// A question as it was stored, or as it already stood.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) approval: Approval,
    pub(crate) is_new: bool,
}

/// Every approval of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Approvals(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    connection: Connection,
    /// When each expires by the clock that nobody can set back; those of an earlier process have the wall clock alone.
    deadlines: HashMap<String, Instant>,
}

/// Done inside a transaction; the inner result decides between commit and rollback.
type Step<T> = rusqlite::Result<Result<T, ApprovalError>>;

impl Approvals {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = database::open(path, &MIGRATIONS)?;
        let oldest = Timestamp::now().as_millisecond() - i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
        connection.execute("DELETE FROM approvals WHERE expires_at < ?1", [oldest])?;
        Ok(Self(Arc::new(Mutex::new(Inner { connection, deadlines: HashMap::new() }))))
    }

    /// Stores the question, unless the same principal's same question waits already.
    pub(crate) async fn ask(
        &self,
        question: Question,
        principal: &Principal,
        config: &ApprovalConfig,
    ) -> Result<Asked, Fault> {
        let (principal, most, ttl) =
            (principal.clone(), config.most_pending, Duration::from_secs(config.ttl_secs.into()));
        self.step(move |step, now, deadlines| {
            let waiting: Option<String> = step
                .query_row("SELECT id FROM approvals WHERE status = 'pending' AND principal = ?1 AND hash = ?2", params![principal.key(), question.hash], |row| row.get(0))
                .optional()?;
            if let Some(id) = waiting {
                return Ok(load(step, &id)?.map(|row| Asked { approval: row.approval, is_new: false }));
            }
            let count: u32 = step.query_row("SELECT COUNT(*) FROM approvals WHERE status = 'pending' AND principal = ?1", [principal.key()], |row| row.get(0))?;
            if count >= most {
                return Ok(Err(ApprovalError::TooMany(count)));
            }
            let id = format!("apr_{}", ulid::Ulid::generate());
            let expires = now + i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
            step.execute(
                "INSERT INTO approvals (id, status, tool, command, why, reason, arguments, hash, principal, requested_by, requested_at, expires_at, request_id)
                 VALUES (?1, 'pending', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                params![
                    id, question.tool, question.command, question.why, question.reason, question.arguments.to_string(), question.hash,
                    principal.key(), principal.actor(), now, expires, question.request_id
                ],
            )?;
            deadlines.insert(id.clone(), Instant::now() + ttl);
            Ok(load(step, &id)?.map(|row| Asked { approval: row.approval, is_new: true }))
        })
        .await
    }

    /// What waits for an answer, newest first.
    pub(crate) async fn pending(&self) -> Result<Vec<Approval>, Fault> {
        self.step(|step, _, _| {
            let mut select = step.prepare_cached(
                "SELECT * FROM approvals WHERE status = 'pending' ORDER BY requested_at DESC, id DESC",
            )?;
            let rows = select.query_map([], |row| Ok(stored(row)?.approval))?;
            Ok(Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?))
        })
        .await
    }

    /// How one stands.
    pub(crate) async fn check(&self, id: String) -> Result<Approval, Fault> {
        self.step(move |step, _, _| Ok(load(step, &id)?.map(|row| row.approval))).await
    }

    /// The answer of `principal`, who must be an operator and not who asked.
    pub(crate) async fn decide(
        &self,
        id: String,
        yes: bool,
        nonce: Option<String>,
        principal: Principal,
    ) -> Result<Approval, Fault> {
        self.step(move |step, now, _| {
            let row = match load(step, &id)? {
                Ok(row) => row,
                Err(error) => return Ok(Err(error)),
            };
            if let Err(error) = may_decide(&row, &principal, nonce.as_deref()) {
                return Ok(Err(error));
            }
            step.execute(
                "UPDATE approvals SET status = ?2, decided_by = ?3, decided_at = ?4, nonce = NULL WHERE id = ?1",
                params![id, if yes { "approved" } else { "denied" }, principal.actor(), now],
            )?;
            Ok(load(step, &id)?.map(|row| row.approval))
        })
        .await
    }

    /// A new nonce for asking a person in place; it replaces one that was given before.
    pub(crate) async fn challenge(&self, id: String) -> Result<Challenge, Fault> {
        self.step(move |step, _, _| {
            let row = match load(step, &id)? {
                Ok(row) if row.approval.status == ApprovalStatus::Pending => row,
                Ok(row) => return Ok(Err(ApprovalError::NotPending { id, status: word(row.approval.status) })),
                Err(error) => return Ok(Err(error)),
            };
            let nonce = ulid::Ulid::generate().to_string() + &ulid::Ulid::generate().to_string();
            step.execute("UPDATE approvals SET nonce = ?2 WHERE id = ?1", params![id, nonce])?;
            let Approval { tool, command, why, requested_by, .. } = row.approval;
            Ok(Ok(Challenge {
                nonce,
                question: format!(
                    "{requested_by} wants to use {tool}: {}\nIt needs your leave: {}",
                    visible(&command),
                    visible(&why)
                ),
            }))
        })
        .await
    }

    /// Uses an approval up for exactly this act of exactly this principal. Answers with the call that asked for it.
    pub(crate) async fn use_up(&self, id: &str, question: &Question, principal: &Principal) -> Result<String, Fault> {
        let (id, hash, key) = (id.to_owned(), question.hash.clone(), principal.key());
        self.step(move |step, _, _| {
            let row = match load(step, &id)? {
                Ok(row) => row,
                Err(error) => return Ok(Err(error)),
            };
            // Whether it is this call's is asked first, so that a stranger learns nothing of how it stands.
            if row.approval.request_hash != hash || row.principal != key {
                return Ok(Err(ApprovalError::Mismatch(id)));
            }
            match row.approval.status {
                ApprovalStatus::Approved => {}
                ApprovalStatus::Pending => return Ok(Err(ApprovalError::StillPending(id))),
                ApprovalStatus::Denied => return Ok(Err(ApprovalError::Denied(id))),
                ApprovalStatus::Expired => return Ok(Err(ApprovalError::Expired(id))),
                ApprovalStatus::Used => return Ok(Err(ApprovalError::Used(id))),
            }
            step.execute("UPDATE approvals SET status = 'used' WHERE id = ?1", [&id])?;
            Ok(Ok(row.approval.request_id))
        })
        .await
    }

    /// One transaction on a thread that may block. What has expired is marked first, so that no step sees it as alive.
    async fn step<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, i64, &mut HashMap<String, Instant>) -> Step<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let inner = self.0.clone();
        let run = move || -> Step<T> {
            let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
            let Inner { connection, deadlines } = &mut *inner;
            let now = Timestamp::now().as_millisecond();
            let step = connection.transaction()?;
            expire(&step, now, deadlines)?;
            let result = work(&step, now, deadlines)?;
            // Also where the work refused: it wrote nothing then, and what expired has.
            step.commit()?;
            Ok(result)
        };
        let done = tokio::task::spawn_blocking(run).await.map_err(Fault::internal)?;
        Ok(done.map_err(StoreError)??)
    }
}

fn expire(step: &Transaction<'_>, now: i64, deadlines: &mut HashMap<String, Instant>) -> rusqlite::Result<()> {
    const ALIVE: &str = "status IN ('pending', 'approved')";
    step.execute(
        &format!("UPDATE approvals SET status = 'expired', nonce = NULL WHERE {ALIVE} AND expires_at <= ?1"),
        [now],
    )?;
    let mut over = Vec::new();
    deadlines.retain(|id, deadline| {
        let alive = *deadline > Instant::now();
        if !alive {
            over.push(id.clone());
        }
        alive
    });
    for id in over {
        step.execute(
            &format!("UPDATE approvals SET status = 'expired', nonce = NULL WHERE {ALIVE} AND id = ?1"),
            [id],
        )?;
    }
    Ok(())
}

fn may_decide(row: &Stored, principal: &Principal, nonce: Option<&str>) -> Result<(), ApprovalError> {
    let id = || row.approval.id.clone();
    if row.principal == principal.key() {
        return Err(ApprovalError::OwnQuestion);
    }
    if principal.role != Role::Operator {
        return Err(ApprovalError::NotOperator(principal.role.as_str()));
    }
    match row.approval.status {
        ApprovalStatus::Pending => {}
        ApprovalStatus::Expired => return Err(ApprovalError::Expired(id())),
        status @ (ApprovalStatus::Approved | ApprovalStatus::Denied | ApprovalStatus::Used) => {
            return Err(ApprovalError::NotPending { id: id(), status: word(status) });
        }
    }
    match nonce {
        Some(nonce) if row.nonce.as_deref() != Some(nonce) => Err(ApprovalError::BadNonce),
        _ => Ok(()),
    }
}

/// A row of the table.
struct Stored {
    approval: Approval,
    principal: String,
    nonce: Option<String>,
}

fn load(step: &Transaction<'_>, id: &str) -> Step<Stored> {
    let row = step.prepare_cached("SELECT * FROM approvals WHERE id = ?1")?.query_row([id], stored).optional()?;
    Ok(row.ok_or_else(|| ApprovalError::Unknown(id.chars().take(64).collect())))
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let arguments: String = row.get("arguments")?;
    let approval = Approval {
        id: row.get("id")?,
        status: status(&row.get::<_, String>("status")?),
        expires_at: time(row.get("expires_at")?),
        tool: row.get("tool")?,
        command: row.get("command")?,
        why: row.get("why")?,
        reason: row.get("reason")?,
        arguments: serde_json::from_str(&arguments).unwrap_or(Value::Null),
        request_hash: row.get("hash")?,
        requested_by: row.get("requested_by")?,
        requested_at: time(row.get("requested_at")?),
        decided_by: row.get("decided_by")?,
        decided_at: row.get::<_, Option<i64>>("decided_at")?.map(time),
        request_id: row.get("request_id")?,
    };
    Ok(Stored { approval, principal: row.get("principal")?, nonce: row.get("nonce")? })
}

fn time(millisecond: i64) -> String {
    Timestamp::from_millisecond(millisecond).map(|time| time.to_string()).unwrap_or_default()
}

fn word(status: ApprovalStatus) -> &'static str {
    match status {
        ApprovalStatus::Pending => "pending",
        ApprovalStatus::Approved => "approved",
        ApprovalStatus::Denied => "denied",
        ApprovalStatus::Expired => "expired",
        ApprovalStatus::Used => "used",
    }
}

/// A status nobody knows is one that nothing can be done with.
fn status(text: &str) -> ApprovalStatus {
    let all = [ApprovalStatus::Pending, ApprovalStatus::Approved, ApprovalStatus::Denied, ApprovalStatus::Used];
    all.into_iter().find(|status| word(*status) == text).unwrap_or(ApprovalStatus::Expired)
}
