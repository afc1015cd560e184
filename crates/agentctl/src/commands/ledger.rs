//! `agentctl ledger`: checkpoints that leave the machine, and proofs that a third party checks without it.

use std::{io::Write, path::PathBuf};

use clap::{Args, Subcommand};
use osmoda_api::agentd::{LedgerProve, ProveRequest};
use osmoda_ipc::RequestId;
use osmoda_ledger::{ProofFile, VerifyingKey};
use serde_json::json;

use super::verify_ledger::{key, read_text};
use crate::{
    cli::Format,
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{BAD, GOOD, visible},
};

#[derive(Debug, Args)]
pub(crate) struct Ledger {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a file that proves to anybody that an event is in the ledger.
    Prove {
        /// The event's id.
        #[arg(value_name = "EVENT_ID", value_parser = clap::value_parser!(i64).range(1..))]
        event: i64,
        /// Where to; event-ID.tlog-proof by default, - for standard output.
        #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
        out: Option<PathBuf>,
        #[command(flatten)]
        format: Format,
    },
    /// Check such a file, without any machine but this one.
    Check {
        /// The proof.
        #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
        file: PathBuf,
        /// The key of the ledger it is about; without it this machine's own.
        #[arg(long, value_name = "KEY", value_parser = boxed_key)]
        key: Option<Box<VerifyingKey>>,
        #[command(flatten)]
        format: Format,
    },
    /// Print the newest checkpoint, to be kept elsewhere.
    Checkpoint,
    /// Print the key that checks this machine's checkpoints and proofs.
    Key,
}

fn boxed_key(text: &str) -> Result<Box<VerifyingKey>, String> {
    key(text).map(Box::new)
}

impl Ledger {
    /// Whether `--json` stands after the command.
    pub(crate) fn wants_json(&self) -> bool {
        match &self.command {
            Command::Prove { format, .. } | Command::Check { format, .. } => format.json,
            Command::Checkpoint | Command::Key => false,
        }
    }
}

pub(crate) async fn run(context: &Context, args: Ledger) -> Result<Exit, Failure> {
    match args.command {
        Command::Prove { event, out, .. } => prove(context, event, out).await,
        Command::Check { file, key, .. } => check(context, &file, key.map(|key| *key)).await,
        Command::Checkpoint => print(&served(context, "/tlog/checkpoint").await?),
        Command::Key => print(&served(context, "/tlog/key").await?),
    }
}

async fn prove(context: &Context, event: i64, out: Option<PathBuf>) -> Result<Exit, Failure> {
    let proof = context.agentd::<LedgerProve>(&ProveRequest { event_id: event }).await?;
    let path = out.unwrap_or_else(|| PathBuf::from(format!("event-{event}.tlog-proof")));
    if path.as_os_str() == "-" {
        return print(&proof.proof);
    }
    std::fs::write(&path, &proof.proof)
        .map_err(|source| Failure::System { what: "the proof can't be written", source })?;
    if context.output.is_json() {
        context.output.json(&json!({ "event_id": event, "file": path, "key": proof.key }))?;
    } else {
        context.output.line(&format!("{}: give it away with this key: {}", path.display(), proof.key))?;
    }
    Ok(Exit::Fine)
}

async fn check(context: &Context, file: &std::path::Path, key: Option<VerifyingKey>) -> Result<Exit, Failure> {
    let text = read_text(file)?;
    let key = match key {
        Some(key) => key,
        None => {
            let own = served(context, "/tlog/key").await?;
            context.output.remark("checked with this machine's own key; name the ledger's with --key");
            VerifyingKey::parse(&own).map_err(|error| Failure::Usage(error.to_string()))?
        }
    };
    let proof = match ProofFile::parse(&text) {
        Ok(proof) => proof,
        Err(error) => return Err(Failure::Usage(error.to_string())),
    };
    let result = proof.check(&key);
    let entry = String::from_utf8_lossy(&proof.entry).into_owned();
    if context.output.is_json() {
        let (size, why) = match &result {
            Ok(checkpoint) => (Some(checkpoint.size), None),
            Err(error) => (None, Some(error.to_string())),
        };
        context.output.json(&json!({
            "ok": result.is_ok(), "event_id": proof.index + 1, "origin": key.name(), "size": size, "why": why, "entry": entry,
        }))?;
    } else {
        let line = match &result {
            Ok(checkpoint) => format!(
                "{}: event {} of {}, under its checkpoint over {} events\n{}",
                context.output.paint(GOOD, "proven"),
                proof.index + 1,
                visible(&checkpoint.origin),
                checkpoint.size,
                visible(&entry)
            ),
            Err(error) => format!("{}: {}", context.output.paint(BAD, "not proven"), visible(&error.to_string())),
        };
        context.output.line(&line)?;
    }
    Ok(if result.is_ok() { Exit::Fine } else { Exit::LedgerBroken })
}

async fn served(context: &Context, target: &str) -> Result<String, Failure> {
    let (client, id) = (context.client("agentd")?, RequestId::generate());
    let bytes = client.get(target).await.map_err(|error| Failure::of_call(error, &id, &context.how_to_start()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// As it is: a signed text must not change on its way.
fn print(text: &str) -> Result<Exit, Failure> {
    std::io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)?;
    Ok(Exit::Fine)
}
