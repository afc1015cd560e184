//! Backups.

use std::{sync::Arc, time::Duration};

use osmoda_api::agentd::{Backup, Backups};
use osmoda_ipc::{Call, Fault, Nothing};
use tokio::process::Command;
use tracing::{info, warn};

use super::blocking;
use crate::{agentd::Agentd, config::BackupConfig, shell::run_program};

/// How much of what the hook said is logged, in bytes.
const LONGEST_WORDS: usize = 2048;

pub(crate) async fn create(agentd: Arc<Agentd>, _call: Call, _request: Nothing) -> Result<Backup, Fault> {
    let config = agentd.rules().config.backups.clone();
    let keep = Duration::from_secs(u64::from(config.keep_days) * 24 * 3600);
    let (shelf, recipient) = (agentd.backups.clone(), config.recipient.clone());
    let taken = blocking(move || shelf.take(recipient.as_deref(), keep)).await?;
    for id in &taken.expired {
        info!(id, "a backup was too old and is gone");
    }
    let mut backup = taken.backup;
    backup.carried = carry(&config, &backup).await;
    if backup.carried.is_some() {
        let (shelf, noted) = (agentd.backups.clone(), backup.clone());
        blocking(move || shelf.note(&noted)).await?;
    }
    Ok(backup)
}

pub(crate) async fn list(agentd: Arc<Agentd>, _call: Call, _request: Nothing) -> Result<Backups, Fault> {
    blocking(move || agentd.backups.list()).await.map(|backups| Backups { backups })
}

/// Runs the hook of the configuration. The backup is good whatever comes of it.
async fn carry(config: &BackupConfig, backup: &Backup) -> Option<bool> {
    let (program, arguments) = config.hook.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments).arg(&backup.path).env("OSMODA_BACKUP_ID", &backup.backup_id).current_dir("/");
    let done = match run_program(command, Duration::from_secs(config.hook_timeout_secs.into())).await {
        Ok((status, _)) if status.success() => return Some(true),
        Ok((status, said)) => {
            format!("{status}: {}", said.get(..said.floor_char_boundary(LONGEST_WORDS)).unwrap_or_default())
        }
        Err(error) => error.to_string(),
    };
    warn!(backup = backup.backup_id, hook = program, why = done, "a backup was not carried away");
    Some(false)
}
