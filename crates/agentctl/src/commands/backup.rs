//! `agentctl backup`: copies of the suite's state. Taking one is agentd's work; restoring one needs the suite stopped.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use osmoda_api::agentd::{Backup, BackupCreate, BackupList, Backups};
use osmoda_backup::{BackupError, Shelf, restore};
use osmoda_ipc::Nothing;
use serde_json::json;

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{Table, units, visible},
};

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    #[command(subcommand)]
    action: Action,
    /// JSON for programs instead of text for people.
    #[arg(long = "json", id = "format_json", global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Take one now, while everything runs.
    Create,
    /// What can be restored, the newest at the bottom.
    List,
    /// Put one in the state's place; the suite must be stopped. What it replaces is kept.
    Restore {
        /// The backup's id.
        id: String,
        /// A file of age identities, for an encrypted one.
        #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
        identity: Option<PathBuf>,
    },
    /// Unpack one into an empty folder, verified.
    Extract {
        /// The backup's id.
        id: String,
        /// The folder.
        #[arg(value_hint = clap::ValueHint::DirPath)]
        folder: PathBuf,
        /// A file of age identities, for an encrypted one.
        #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
        identity: Option<PathBuf>,
    },
}

pub(crate) async fn run(context: &Context, args: BackupArgs) -> Result<Exit, Failure> {
    let output = &context.output;
    match args.action {
        Action::Create => {
            let taken = context.agentd::<BackupCreate>(&Nothing {}).await?;
            if output.is_json() {
                output.json(&taken)?;
            } else {
                output.table(&table(&[taken]))?;
            }
        }
        Action::List => {
            // Also with the suite stopped, when one is looked for to restore.
            let backups = Shelf::new(context.dirs.state()).list();
            let listed = match context.agentd::<BackupList>(&Nothing {}).await {
                Err(failure) if failure.exit() == Exit::NotReachable => Backups { backups: backups.map_err(failed)? },
                listed => listed?,
            };
            if output.is_json() {
                output.json(&listed)?;
            } else {
                output.table(&table(&listed.backups))?;
            }
        }
        Action::Restore { id, identity } => {
            let done = restore(&context.dirs, &id, identity.as_deref()).map_err(failed)?;
            let kept = done.kept.display().to_string();
            if output.is_json() {
                output.json(&json!({ "backup_id": done.backup_id, "files": done.files, "kept": kept }))?;
            } else {
                output.line(&format!(
                    "{} is the state now, {} files; what it replaced is at {}",
                    visible(&done.backup_id),
                    done.files,
                    visible(&kept)
                ))?;
            }
        }
        Action::Extract { id, folder, identity } => {
            std::fs::create_dir_all(&folder).map_err(|source| Failure::Unreadable { path: folder.clone(), source })?;
            let files = Shelf::new(context.dirs.state()).extract(&id, identity.as_deref(), &folder).map_err(failed)?;
            if output.is_json() {
                output.json(&json!({ "backup_id": id, "files": files, "folder": folder }))?;
            } else {
                output.line(&format!("{files} files are in {}", visible(&folder.display().to_string())))?;
            }
        }
    }
    Ok(Exit::Fine)
}

fn failed(error: BackupError) -> Failure {
    Failure::Fault(error.into())
}

fn table(backups: &[Backup]) -> Table {
    let mut table = Table::new(&["ID", "TAKEN", "SIZE", "FILES", "ENCRYPTED", "CARRIED", "PATH"]);
    let word = |yes| if yes { "yes" } else { "no" };
    for backup in backups.iter().rev() {
        table.row([
            backup.backup_id.as_str().into(),
            backup.created_at.as_str().into(),
            units::bytes(backup.size_bytes).into(),
            backup.files.to_string().into(),
            word(backup.encrypted).into(),
            backup.carried.map_or("-", word).into(),
            backup.path.as_str().into(),
        ]);
    }
    table
}
