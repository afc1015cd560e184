//! Rollbacks that failed, in a file of their own: `safety_status` reads it with half the suite down.

use std::{fs, io, sync::atomic::Ordering};

use osmoda_api::agentd::FailedRollback;
use tracing::error;

use super::{Switches, session::Session};

/// The file in watch's state folder.
const FILE: &str = "trouble.json";

impl Switches {
    /// Writes down which rollbacks failed, and how often.
    pub(super) async fn tell_trouble(&self) {
        let told = match self.store.troubled().await {
            Ok(sessions) => self.write_trouble(&sessions),
            Err(error) => Err(io::Error::other(error)),
        };
        if let Err(error) = told {
            error!(%error, "failed rollbacks could not be written down for safety_status");
        }
    }

    fn write_trouble(&self, sessions: &[Session]) -> io::Result<()> {
        let all: Vec<FailedRollback> = sessions
            .iter()
            .map(|session| FailedRollback {
                session: session.id.clone(),
                plan: session.plan.clone(),
                tries: session.failed_rollbacks,
                why: session.why.clone().unwrap_or_default(),
                needs_you: session.stranded,
            })
            .collect();
        self.troubled.store(all.len(), Ordering::Relaxed);
        let path = self.folder.join(FILE);
        if all.is_empty() {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let unready = path.with_extension(format!("{}.new", std::process::id()));
        fs::write(&unready, serde_json::to_vec(&all)?)?;
        fs::File::open(&unready)?.sync_all()?;
        fs::rename(&unready, &path)
    }
}
