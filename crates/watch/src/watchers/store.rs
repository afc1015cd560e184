//! Watchers on disk, beside the sessions.

use osmoda_api::watch::WatcherAddRequest;
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{error::WatcherError, ladder::Ladder};
use crate::switch::{Store, SwitchError};

/// A watcher as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) id: String,
    pub(super) request: WatcherAddRequest,
    pub(super) who: String,
    pub(super) created_at: String,
    pub(super) paused_until: Option<String>,
    pub(super) ladder: Ladder,
}

pub(super) async fn all(store: &Store) -> Result<Vec<Kept>, SwitchError> {
    store
        .with(|db| {
            let mut select = db.prepare("SELECT body FROM watchers ORDER BY name")?;
            let bodies = select.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
            bodies.iter().map(|body| Ok(serde_json::from_str(body)?)).collect()
        })
        .await
}

pub(super) async fn insert(store: &Store, kept: Kept) -> Result<(), WatcherError> {
    let taken = kept.request.name.clone();
    let inserted = store
        .with(move |db| {
            let mut by_name = db.prepare_cached("SELECT 1 FROM watchers WHERE name = ?1")?;
            if by_name.query_row([&kept.request.name], |_| Ok(())).optional()?.is_some() {
                return Ok(false);
            }
            let body = serde_json::to_string(&kept)?;
            let values = params![kept.id, kept.request.name, body];
            db.execute("INSERT INTO watchers (id, name, body) VALUES (?1, ?2, ?3)", values)?;
            Ok(true)
        })
        .await?;
    if inserted { Ok(()) } else { Err(WatcherError::NameTaken(taken)) }
}

/// Writes it anew, where it is not removed.
pub(super) async fn update(store: &Store, kept: Kept) -> Result<(), SwitchError> {
    store
        .with(move |db| {
            let body = serde_json::to_string(&kept)?;
            let values = params![kept.id, kept.request.name, body];
            db.execute("UPDATE watchers SET name = ?2, body = ?3 WHERE id = ?1", values)?;
            Ok(())
        })
        .await
}

pub(super) async fn remove(store: &Store, id: &str) -> Result<(), SwitchError> {
    let id = id.to_owned();
    store
        .with(move |db| {
            db.execute("DELETE FROM watchers WHERE id = ?1", [id])?;
            Ok(())
        })
        .await
}
