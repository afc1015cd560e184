//! `agentctl verify-ledger`: that nobody changed the record, with agentd or without.

use std::{
    io,
    path::{Path, PathBuf},
};

use clap::Args;
use osmoda_api::agentd::{LedgerVerify, Verification};
use osmoda_ipc::{Nothing, chain};
use osmoda_ledger::{VerifyError, verify_file};

use crate::{
    cli::Format,
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{BAD, GOOD, Output, visible},
};

#[derive(Debug, Args)]
pub(crate) struct Source {
    /// Check this file, such as a copy from elsewhere, without agentd.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    db: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) format: Format,
}

pub(crate) async fn run(context: &Context, args: Source) -> Result<Exit, Failure> {
    let verification = match args.db {
        Some(file) => offline(&file)?,
        None => match context.agentd::<LedgerVerify>(&Nothing {}).await {
            Ok(verification) => verification,
            Err(failure) if failure.exit() == Exit::NotReachable => in_place(context, failure)?,
            Err(failure) => return Err(failure),
        },
    };
    show(&context.output, &verification)?;
    Ok(if verification.ok { Exit::Fine } else { Exit::LedgerBroken })
}

/// agentd's own file, where agentd is down.
fn in_place(context: &Context, down: Failure) -> Result<Verification, Failure> {
    let file = context.dirs.state().join("agentd/ledger.db");
    match file.try_exists() {
        Ok(true) => {}
        // The state belongs to the daemons: who may not look at it learns that agentd is down.
        Ok(false) | Err(_) => return Err(down),
    }
    context.output.remark(&format!("agentd does not answer; checking {} as it is on disk", file.display()));
    offline(&file)
}

fn offline(file: &Path) -> Result<Verification, Failure> {
    let unreadable = |source| Failure::Unreadable { path: file.to_owned(), source };
    let meta = file.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")));
    }
    verify_file(file).map_err(|error @ VerifyError::Open(_)| unreadable(io::Error::other(chain(&error))))
}

fn show(output: &Output, verification: &Verification) -> Result<(), Failure> {
    if output.is_json() {
        return output.json(verification);
    }
    output.line(&sentence(output, verification))
}

fn sentence(output: &Output, Verification { ok, events, head, first_bad }: &Verification) -> String {
    let events = if *events == 1 { "1 event".to_owned() } else { format!("{events} events") };
    match first_bad {
        None if *ok => format!("{}: {events}, head {}", output.paint(GOOD, "the ledger is whole"), visible(head)),
        None => format!("{}: {events} checked", output.paint(BAD, "the ledger is broken")),
        Some(bad) => format!("{}: event {}: {}", output.paint(BAD, "the ledger is broken"), bad.id, visible(&bad.why)),
    }
}

#[cfg(test)]
mod tests {
    use osmoda_api::agentd::BadEvent;

    use super::*;

    #[test]
    fn the_first_bad_event_is_named_with_its_reason() {
        let whole = Verification { ok: true, events: 3, head: "ab".into(), first_bad: None };
        assert_eq!(sentence(&Output::plain(), &whole), "the ledger is whole: 3 events, head ab");
        let broken = Verification {
            ok: false,
            first_bad: Some(BadEvent { id: 2, why: "its hash does not match".into() }),
            ..whole
        };
        assert_eq!(sentence(&Output::plain(), &broken), "the ledger is broken: event 2: its hash does not match");
    }
}
