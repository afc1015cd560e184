//! What watch does without its daemon: `rollback ID`, `rollback --boot` and `guard ID`. They need nothing but the state
//! folder, and work with settings that no daemon would start with.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::{Parser, Subcommand};
use osmoda_ipc::{
    chain,
    daemon::{Dirs, Settings},
};
use tracing::{error, warn};

use crate::{
    config::{Config, InForce},
    switch::Switches,
    watch::{NotStarted, switches},
};

/// The words that mean a command, not the daemon.
const WORDS: [&str; 2] = ["rollback", "guard"];
/// The folders may be a moment late at boot.
const DISK: Duration = Duration::from_secs(1);

/// A command of its own.
#[derive(Debug, Parser)]
#[command(name = "osmoda-watch")]
pub struct Command {
    #[command(subcommand)]
    what: What,
    /// The folder of the sockets.
    #[arg(long, global = true, env = "OSMODA_RUN_DIR", value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// The folder of the state.
    #[arg(long, global = true, env = "OSMODA_STATE_DIR", value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// The configuration file.
    #[arg(long, global = true, env = "OSMODA_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Undo a session that is not over, whatever its deadline.
    Rollback {
        /// Its id.
        #[arg(required_unless_present = "boot")]
        id: Option<String>,
        /// Every session that a reboot ends.
        #[arg(long, conflicts_with = "id")]
        boot: bool,
    },
    /// Wait for a session's deadline and undo it then.
    Guard {
        /// Its id.
        id: String,
    },
}

impl Command {
    /// The command that was asked for; nothing where it is the daemon.
    pub fn from_command_line() -> Option<Self> {
        let first = std::env::args().nth(1)?;
        WORDS.contains(&first.as_str()).then(Self::parse)
    }

    /// Does it.
    pub fn run(self) -> ExitCode {
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).with_ansi(false).init();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let done = runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(self.work()));
        match done {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(why) => {
                error!("{why}");
                ExitCode::FAILURE
            }
        }
    }

    async fn work(self) -> Result<bool, String> {
        let dirs = Dirs::new(self.run_dir.clone(), self.state_dir.clone());
        let mut tries = 0;
        let switches = loop {
            match self.open(&dirs).await {
                Ok(switches) => break switches,
                Err(error) if tries < 10 => {
                    warn!("{}; once more", chain(&error));
                    tries += 1;
                    tokio::time::sleep(DISK).await;
                }
                Err(error) => return Err(chain(&error)),
            }
        };
        match self.what {
            What::Rollback { id: Some(id), .. } => Ok(switches.rescue_one(&id).await),
            What::Rollback { id: None, .. } => Ok(switches.end_at_boot().await),
            What::Guard { id } => switches.guard(&id).await.map(|()| true).map_err(|error| error.to_string()),
        }
    }

    async fn open(&self, dirs: &Dirs) -> Result<Arc<Switches>, NotStarted> {
        let settings = Settings { daemon: "watch", file: self.config.clone(), overrides: Vec::new() };
        let config = settings.load::<Config>().unwrap_or_else(|error| {
            warn!("{}: the defaults are used", chain(&error));
            Config::default()
        });
        dirs.prepare()?;
        switches(dirs, InForce::new(config), None).await
    }
}
