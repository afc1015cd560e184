//! `agentctl verify-ledger`: that nobody changed the record, with agentd or without.

use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::AtomicU64,
};

use clap::Args;
use osmoda_api::agentd::{Compared, LedgerVerify, Verification, VerifyRequest};
use osmoda_ipc::chain;
use osmoda_ledger::{Checkpoint, CheckpointError, NoteError, SigningKey, VerifyError, VerifyingKey, verify_against};

use crate::{
    cli::Format,
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{BAD, GOOD, Output, visible},
};

/// The largest checkpoint, proof or key that is read.
const LARGEST: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(crate) struct Source {
    /// Check this file, such as a copy from elsewhere, without agentd.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    db: Option<PathBuf>,
    /// A checkpoint that was kept elsewhere: finds a cut tail, a restored older copy and a forked history.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    checkpoint: Option<PathBuf>,
    /// The key that signed it, as `agentctl ledger key` printed it; without it this machine's own.
    #[arg(long, value_name = "KEY", requires = "checkpoint", value_parser = key)]
    key: Option<VerifyingKey>,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// A verification key on the command line.
pub(super) fn key(text: &str) -> Result<VerifyingKey, String> {
    VerifyingKey::parse(text).map_err(|error| error.to_string())
}

pub(crate) async fn run(context: &Context, args: Source) -> Result<Exit, Failure> {
    let note = args.checkpoint.as_deref().map(read_text).transpose()?;
    let verification = match (&args.db, &args.key) {
        (Some(file), _) => offline(file, note.as_deref(), args.key.as_ref())?,
        // Whoever names a key does not want to hear what agentd thinks of it.
        (None, Some(_)) => offline(&context.dirs.state().join("agentd/ledger.db"), note.as_deref(), args.key.as_ref())?,
        (None, None) => match context.agentd::<LedgerVerify>(&VerifyRequest { checkpoint: note.clone() }).await {
            Ok(verification) => verification,
            Err(failure) if failure.exit() == Exit::NotReachable => in_place(context, failure, note.as_deref())?,
            Err(failure) => return Err(failure),
        },
    };
    show(&context.output, &verification)?;
    Ok(if verification.ok { Exit::Fine } else { Exit::LedgerBroken })
}

/// agentd's own file, where agentd is down.
fn in_place(context: &Context, down: Failure, note: Option<&str>) -> Result<Verification, Failure> {
    let file = context.dirs.state().join("agentd/ledger.db");
    match file.try_exists() {
        Ok(true) => {}
        // The state belongs to the daemons: who may not look at it learns that agentd is down.
        Ok(false) | Err(_) => return Err(down),
    }
    context.output.remark(&format!("agentd does not answer; checking {} as it is on disk", file.display()));
    offline(&file, note, None)
}

fn offline(file: &Path, note: Option<&str>, key: Option<&VerifyingKey>) -> Result<Verification, Failure> {
    let unreadable = |source| Failure::Unreadable { path: file.to_owned(), source };
    let meta = file.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")));
    }
    let checkpoint = match note {
        None => Ok(None),
        Some(note) => {
            let key = key.cloned().map_or_else(|| key_beside(file), Ok)?;
            match Checkpoint::open(note, &key) {
                Ok(checkpoint) => Ok(Some(checkpoint)),
                Err(error @ (CheckpointError::Malformed | CheckpointError::Note(NoteError::Malformed(_)))) => {
                    return Err(Failure::Usage(error.to_string()));
                }
                Err(error) => Err(untrusted(note, &error)),
            }
        }
    };
    let trusted = checkpoint.as_ref().ok().and_then(Option::as_ref);
    let verified = verify_against(file, trusted, &AtomicU64::new(0));
    let mut verification =
        verified.map_err(|error @ VerifyError::Open(_)| unreadable(io::Error::other(chain(&error))))?;
    if let Err(compared) = checkpoint {
        verification.ok = false;
        verification.checkpoint = Some(compared);
    }
    Ok(verification)
}

/// A checkpoint that is not by the key that is trusted.
fn untrusted(note: &str, error: &CheckpointError) -> Compared {
    let claim = Checkpoint::unverified(note).ok();
    Compared {
        ok: false,
        size: claim.as_ref().map_or(0, |claim| claim.size),
        root: claim.map(|claim| claim.root.to_base64()).unwrap_or_default(),
        code: Some("checkpoint_untrusted".into()),
        why: Some(error.to_string()),
    }
}

/// The public half of the key that lies beside a ledger.
fn key_beside(file: &Path) -> Result<VerifyingKey, Failure> {
    let path = file.with_file_name("checkpoint.key");
    let text = read_text(&path).map_err(|_| {
        Failure::Usage("whose checkpoint is it? name its key with --key (agentctl ledger key prints it)".into())
    })?;
    let key = SigningKey::parse(&text).map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(key.verifying())
}

/// A small text file.
pub(super) fn read_text(path: &Path) -> Result<String, Failure> {
    use io::Read;
    let unreadable = |source| Failure::Unreadable { path: path.to_owned(), source };
    let mut text = String::new();
    std::fs::File::open(path).map_err(unreadable)?.take(LARGEST).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

fn show(output: &Output, verification: &Verification) -> Result<(), Failure> {
    if output.is_json() {
        return output.json(verification);
    }
    output.line(&sentence(output, verification))
}

fn sentence(output: &Output, Verification { ok, events, head, first_bad, checkpoint }: &Verification) -> String {
    let held = checkpoint.as_ref().map_or_else(String::new, |compared| {
        let (size, why) = (compared.size, visible(compared.why.as_deref().unwrap_or_default()));
        if compared.ok {
            format!("; it holds the checkpoint over {size}")
        } else {
            format!("; checkpoint over {size}: {why}")
        }
    });
    let events = if *events == 1 { "1 event".to_owned() } else { format!("{events} events") };
    match first_bad {
        None if *ok => format!("{}: {events}, head {}{held}", output.paint(GOOD, "the ledger is whole"), visible(head)),
        None => format!("{}: {events} checked{held}", output.paint(BAD, "the ledger is broken")),
        Some(bad) => {
            format!("{}: event {}: {}{held}", output.paint(BAD, "the ledger is broken"), bad.id, visible(&bad.why))
        }
    }
}

#[cfg(test)]
mod tests {
    use osmoda_api::agentd::BadEvent;

    use super::*;

    #[test]
    fn the_first_bad_event_is_named_with_its_reason() {
        let whole = Verification { ok: true, events: 3, head: "ab".into(), first_bad: None, checkpoint: None };
        assert_eq!(sentence(&Output::plain(), &whole), "the ledger is whole: 3 events, head ab");
        let broken = Verification {
            ok: false,
            first_bad: Some(BadEvent { id: 2, why: "its hash does not match".into() }),
            ..whole.clone()
        };
        assert_eq!(sentence(&Output::plain(), &broken), "the ledger is broken: event 2: its hash does not match");
        let compared = |ok, why: Option<&str>| {
            Some(Compared { ok, size: 7, root: "r".into(), code: None, why: why.map(str::to_owned) })
        };
        let held = Verification { checkpoint: compared(true, None), ..whole.clone() };
        assert!(sentence(&Output::plain(), &held).ends_with("head ab; it holds the checkpoint over 7"));
        let cut = Verification { ok: false, checkpoint: compared(false, Some("its tail was cut")), ..whole };
        assert_eq!(
            sentence(&Output::plain(), &cut),
            "the ledger is broken: 3 events checked; checkpoint over 7: its tail was cut"
        );
    }
}
