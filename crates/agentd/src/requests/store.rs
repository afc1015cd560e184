//! Where receipts and the answers to keys are kept: on disk before anything is done, and after it.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use osmoda_api::agentd::{RequestListRequest, RequestReceipt, RequestReceipts, RequestStatus, RequestStep};
use osmoda_ipc::{Envelope, Fault, KeptAnswer, Progress, StatusCode, Ticket, chain};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde_json::Value;

use super::failure;
use crate::database;

const MIGRATIONS: [&str; 1] = ["
CREATE TABLE requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id TEXT NOT NULL,
    action TEXT NOT NULL,
    principal TEXT NOT NULL,
    actor TEXT NOT NULL,
    key TEXT,
    fingerprint TEXT NOT NULL,
    status TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    completed_at INTEGER,
    http_status INTEGER,
    body BLOB,
    progress TEXT
) STRICT;
CREATE UNIQUE INDEX requests_keys ON requests (principal, action, key) WHERE key IS NOT NULL;
CREATE INDEX requests_ids ON requests (request_id);
"];

/// How long a key stands for its first answer.
const KEY_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long receipts are kept.
const RECEIPT_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Receipts that are kept, whatever their age.
const MOST_RECEIPTS: i64 = 50_000;

/// The receipts' database can't be used.
#[derive(Debug, thiserror::Error)]
#[error("the receipts' database can't be used")]
pub struct RequestStoreError(#[from] rusqlite::Error);

impl From<RequestStoreError> for Fault {
    fn from(error: RequestStoreError) -> Self {
        Self::unavailable(
            "requests_unavailable",
            "receipts can't be kept now, and nothing that needs one is done; check the disk of the state folder",
        )
        .with_private(chain(&error))
    }
}

/// A call that comes in.
#[derive(Clone, Debug)]
pub(crate) struct NewRequest {
    pub(crate) request_id: String,
    pub(crate) action: &'static str,
    pub(crate) principal: String,
    pub(crate) actor: String,
    pub(crate) key: Option<String>,
    /// The hash of what was asked.
    pub(crate) fingerprint: String,
}

/// What is known of it.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    New(Ticket),
    Running(Ticket),
    Done(KeptAnswer),
    /// The key was used for something else.
    Reused,
    /// The first call was cut off; its id.
    Unknown(String),
}

/// The receipts.
#[derive(Clone, Debug)]
pub(crate) struct RequestStore(Arc<Mutex<Connection>>);

impl RequestStore {
    /// Opens the store, or makes it. What ran when the daemon ended was cut off.
    pub(crate) fn open(path: &Path) -> Result<Self, RequestStoreError> {
        let connection = database::open(path, &MIGRATIONS)?;
        connection.execute(
            "UPDATE requests SET status = 'interrupted', completed_at = ?1 WHERE status = 'accepted'",
            [now()],
        )?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Takes a call in, or says what is known of the one that came with the same key before.
    pub(crate) async fn open_request(&self, new: NewRequest) -> Result<Known, Fault> {
        self.step(move |step| {
            let now = now();
            expire(step, now)?;
            if let Some(key) = &new.key
                && let Some(known) = known(step, &new, key)?
            {
                return Ok(known);
            }
            step.prepare_cached(
                "INSERT INTO requests (request_id, action, principal, actor, key, fingerprint, status, accepted_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'accepted', ?7)",
            )?
            .execute(params![
                new.request_id,
                new.action,
                new.principal,
                new.actor,
                new.key,
                new.fingerprint,
                now
            ])?;
            Ok(Known::New(Ticket(step.last_insert_rowid())))
        })
        .await
    }

    /// The call ended; `None` where nothing of it was done, which forgets it.
    pub(crate) async fn close(
        &self,
        ticket: Ticket,
        answer: Option<KeptAnswer>,
        progress: Option<Progress>,
    ) -> Result<(), Fault> {
        self.step(move |step| {
            let Some(answer) = answer else {
                return step.execute("DELETE FROM requests WHERE id = ?1", [ticket.0]).map(drop);
            };
            let status = if answer.status.is_success() { "completed" } else { "failed" };
            let progress = progress.and_then(|progress| serde_json::to_string(&progress).ok());
            step.prepare_cached(
                "UPDATE requests SET status = ?2, completed_at = ?3, http_status = ?4, body = ?5, progress = ?6 WHERE id = ?1",
            )?
            .execute(params![ticket.0, status, now(), answer.status.as_u16(), answer.body.as_ref(), progress])
            .map(drop)
        })
        .await
    }

    /// The receipt of a ticket.
    pub(crate) async fn receipt(&self, ticket: Ticket) -> Result<Option<RequestReceipt>, Fault> {
        self.step(move |step| {
            step.query_row("SELECT * FROM requests WHERE id = ?1", [ticket.0], |row| receipt(row, true)).optional()
        })
        .await
    }

    /// The newest receipt of a call, and its ticket.
    pub(crate) async fn of_request(&self, id: String) -> Result<Option<(Ticket, RequestReceipt)>, Fault> {
        self.step(move |step| {
            step.query_row("SELECT * FROM requests WHERE request_id = ?1 ORDER BY id DESC LIMIT 1", [id], |row| {
                Ok((Ticket(row.get("id")?), receipt(row, true)?))
            })
            .optional()
        })
        .await
    }

    /// A page of receipts, newest first.
    pub(crate) async fn list(&self, request: RequestListRequest) -> Result<RequestReceipts, Fault> {
        let limit = request.limit.unwrap_or(50);
        if !(1..=1000).contains(&limit) {
            return Err(Fault::bad_request("invalid_request", format!("a page holds 1 to 1000, not {limit}")));
        }
        self.step(move |step| {
            let mut select = step.prepare_cached(
                "SELECT * FROM requests WHERE id < ?1 AND (?2 IS NULL OR status = ?2) AND (?3 IS NULL OR action = ?3)
                 ORDER BY id DESC LIMIT ?4",
            )?;
            let before = request.cursor.unwrap_or(i64::MAX);
            let rows = select
                .query_map(params![before, request.status.map(word), request.action, i64::from(limit) + 1], |row| {
                    Ok((row.get::<_, i64>("id")?, receipt(row, false)?))
                })?;
            let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            let more = rows.len() > limit as usize;
            rows.truncate(limit as usize);
            let next_cursor = rows.last().filter(|_| more).map(|(id, _)| *id);
            Ok(RequestReceipts { requests: rows.into_iter().map(|(_, receipt)| receipt).collect(), next_cursor })
        })
        .await
    }

    async fn step<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let connection = self.0.clone();
        let run = move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let step = connection.transaction()?;
            let result = work(&step)?;
            step.commit()?;
            Ok(result)
        };
        let done: rusqlite::Result<T> = tokio::task::spawn_blocking(run).await.map_err(Fault::internal)?;
        Ok(done.map_err(RequestStoreError)?)
    }
}

/// What the first call with this key came to.
fn known(step: &Transaction<'_>, new: &NewRequest, key: &str) -> rusqlite::Result<Option<Known>> {
    let mut select = step.prepare_cached("SELECT * FROM requests WHERE principal = ?1 AND action = ?2 AND key = ?3")?;
    select
        .query_row(params![new.principal, new.action, key], |row| {
            if row.get::<_, String>("fingerprint")? != new.fingerprint {
                return Ok(Known::Reused);
            }
            match status(&row.get::<_, String>("status")?) {
                RequestStatus::Accepted => Ok(Known::Running(Ticket(row.get("id")?))),
                RequestStatus::Interrupted => Ok(Known::Unknown(row.get("request_id")?)),
                RequestStatus::Completed | RequestStatus::Failed | RequestStatus::Superseded => {
                    Ok(Known::Done(kept(row)?))
                }
            }
        })
        .optional()
}

fn expire(step: &Transaction<'_>, now: i64) -> rusqlite::Result<()> {
    let before = |life: Duration| now.saturating_sub(i64::try_from(life.as_millis()).unwrap_or(i64::MAX));
    // The index of keys holds only those that are alive.
    step.prepare_cached(
        "UPDATE requests SET key = NULL WHERE key IS NOT NULL AND accepted_at <= ?1 AND status <> 'accepted'",
    )?
    .execute([before(KEY_LIFE)])?;
    step.prepare_cached("DELETE FROM requests WHERE status <> 'accepted' AND (accepted_at <= ?1 OR (key IS NULL AND id <= (SELECT MAX(id) FROM requests) - ?2))")?
        .execute([before(RECEIPT_LIFE), MOST_RECEIPTS])?;
    Ok(())
}

fn kept(row: &Row<'_>) -> rusqlite::Result<KeptAnswer> {
    let status = row.get::<_, Option<u16>>("http_status")?.and_then(|status| StatusCode::from_u16(status).ok());
    let body = row.get::<_, Option<Vec<u8>>>("body")?.unwrap_or_default();
    Ok(KeptAnswer { status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body: body.into() })
}

fn receipt(row: &Row<'_>, with_result: bool) -> rusqlite::Result<RequestReceipt> {
    let request_id: String = row.get("request_id")?;
    let status = status(&row.get::<_, String>("status")?);
    let accepted_at = time(row.get("accepted_at")?);
    let completed_at = row.get::<_, Option<i64>>("completed_at")?.map(time);
    let progress: Option<String> = row.get("progress")?;
    let body = kept(row)?.body;
    let mut history = vec![RequestStep { status: RequestStatus::Accepted, at: accepted_at.clone() }];
    history.extend(completed_at.clone().map(|at| RequestStep { status, at }));
    let failure = match status {
        RequestStatus::Interrupted => Some(failure("interrupted", Some("the daemon ended while it ran"), &request_id)),
        RequestStatus::Failed => {
            let envelope: Option<Envelope> = serde_json::from_slice(&body).ok();
            envelope.map(|envelope| failure(&envelope.code, Some(&envelope.message), &request_id))
        }
        RequestStatus::Accepted | RequestStatus::Completed | RequestStatus::Superseded => None,
    };
    let result = if with_result && status == RequestStatus::Completed {
        serde_json::from_slice(&body).unwrap_or(Value::Null)
    } else {
        Value::Null
    };
    Ok(RequestReceipt {
        request_id,
        action: row.get("action")?,
        actor: row.get("actor")?,
        status,
        accepted_at,
        completed_at,
        progress: progress.and_then(|text| serde_json::from_str(&text).ok()),
        result,
        failure,
        superseded_by: None,
        history,
    })
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

fn time(millisecond: i64) -> String {
    Timestamp::from_millisecond(millisecond).map(|time| time.to_string()).unwrap_or_default()
}

fn word(status: RequestStatus) -> &'static str {
    match status {
        RequestStatus::Accepted => "accepted",
        RequestStatus::Completed => "completed",
        RequestStatus::Failed => "failed",
        RequestStatus::Interrupted => "interrupted",
        RequestStatus::Superseded => "superseded",
    }
}

/// A word nobody knows stands for what is not known.
fn status(text: &str) -> RequestStatus {
    use RequestStatus::{Accepted, Completed, Failed, Interrupted, Superseded};
    [Accepted, Completed, Failed, Superseded].into_iter().find(|status| word(*status) == text).unwrap_or(Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(principal: &str, key: Option<&str>, fingerprint: &str) -> NewRequest {
        NewRequest {
            request_id: format!("req_{fingerprint}"),
            action: "shell_exec",
            principal: principal.into(),
            actor: "agent:x".into(),
            key: key.map(str::to_owned),
            fingerprint: fingerprint.into(),
        }
    }

    fn answer(status: StatusCode, body: &'static str) -> Option<KeptAnswer> {
        Some(KeptAnswer { status, body: body.into() })
    }

    async fn ticket(store: &RequestStore, request: NewRequest) -> Ticket {
        match store.open_request(request).await.unwrap() {
            Known::New(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_key_stands_for_its_first_answer_for_a_day_and_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("requests.db");
        let store = RequestStore::open(&path).unwrap();
        let (first, key) = (|| new("agent:1", Some("key"), "a"), "key");
        let running = ticket(&store, first()).await;
        assert!(matches!(store.open_request(first()).await.unwrap(), Known::Running(same) if same == running));
        assert!(matches!(store.open_request(new("agent:1", Some(key), "b")).await.unwrap(), Known::Reused));
        ticket(&store, new("agent:2", Some(key), "a")).await;
        store.close(running, answer(StatusCode::OK, "{\"n\":1}"), None).await.unwrap();
        let cut_off = ticket(&store, new("agent:1", Some("other"), "c")).await;
        drop(store);
        let store = RequestStore::open(&path).unwrap();
        match store.open_request(first()).await.unwrap() {
            Known::Done(kept) => assert_eq!((kept.status, kept.body.as_ref()), (StatusCode::OK, &b"{\"n\":1}"[..])),
            other => panic!("{other:?}"),
        }
        assert!(
            matches!(store.open_request(new("agent:1", Some("other"), "c")).await.unwrap(), Known::Unknown(id) if id == "req_c")
        );
        let receipt = store.receipt(cut_off).await.unwrap().unwrap();
        assert_eq!(
            (receipt.status, receipt.failure.unwrap().code.as_str()),
            (RequestStatus::Interrupted, "interrupted")
        );
        // A day later.
        let day = i64::try_from(KEY_LIFE.as_millis()).unwrap() + 1;
        store.0.lock().unwrap().execute("UPDATE requests SET accepted_at = accepted_at - ?1", [day]).unwrap();
        ticket(&store, first()).await;
    }

    #[tokio::test]
    async fn what_was_refused_leaves_its_key_free_and_what_failed_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = RequestStore::open(&folder.path().join("requests.db")).unwrap();
        let first = || new("agent:1", Some("key"), "a");
        let refused = ticket(&store, first()).await;
        store.close(refused, None, None).await.unwrap();
        let failed = ticket(&store, first()).await;
        let body = "{\"code\":\"x\",\"message\":\"m\"}";
        store.close(failed, answer(StatusCode::NOT_FOUND, body), Some(Progress::default())).await.unwrap();
        assert!(
            matches!(store.open_request(first()).await.unwrap(), Known::Done(kept) if kept.status == StatusCode::NOT_FOUND)
        );
        let receipt = store.of_request("req_a".into()).await.unwrap().unwrap().1;
        assert_eq!((receipt.failure.unwrap().message.as_str(), receipt.history.len()), ("m", 2));
        for n in 0..5 {
            ticket(&store, new("agent:1", None, &format!("n{n}"))).await;
        }
        let page = |cursor| store.list(RequestListRequest { limit: Some(4), cursor, ..Default::default() });
        let first_page = page(None).await.unwrap();
        assert_eq!(first_page.requests.len(), 4);
        assert_eq!(page(first_page.next_cursor).await.unwrap().requests.len(), 2);
        let failed = RequestListRequest { status: Some(RequestStatus::Failed), ..Default::default() };
        assert_eq!(store.list(failed).await.unwrap().requests.len(), 1);
    }
}
