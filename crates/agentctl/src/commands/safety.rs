//! `agentctl safety`: what an operator in a hurry needs. By agentd where it answers, else by this program itself.

use std::{io, path::Path, process::ExitStatus, time::Duration};

use clap::{Args, Subcommand};
use osmoda_api::agentd::{
    NotDone, Panicked, Restarted, RolledBack, Safety as Status, SafetyPanic, SafetyRestart, SafetyRollback,
    SafetyStatus,
};
use osmoda_ipc::{Client, Endpoint, Nothing};
use osmoda_safety::{PROFILES, Safety};
use tokio::process::Command;

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{BAD, CARE, Cell, GOOD, PLAIN, STRONG, Table, visible},
};

/// How long agentd may take to say that it is there. A person in a hurry waits no longer.
const IS_THERE: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
pub(crate) struct SafetyArgs {
    #[command(subcommand)]
    action: Action,
    /// JSON for programs instead of text for people.
    #[arg(long = "json", id = "format_json", global = true)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Action {
    /// System generations, the suite's services, the last rollback.
    Status,
    /// Back to the system generation before this one.
    Rollback,
    /// Stop every daemon but agentd, and every app.
    Panic,
    /// Restart the suite, agentd last.
    Restart,
}

pub(crate) async fn run(context: &Context, args: SafetyArgs) -> Result<Exit, Failure> {
    let own = Safety::new(context.dirs.clone(), Path::new(PROFILES));
    match args.action {
        Action::Status => {
            let status = match ask::<SafetyStatus>(context, true).await? {
                Some(status) => status,
                None => own.status().await,
            };
            show_status(context, &status)
        }
        Action::Rollback => {
            let done = match ask::<SafetyRollback>(context, false).await? {
                Some(done) => done,
                None => own.rollback(run_program).await.map_err(|error| Failure::Fault(error.into()))?,
            };
            show_rollback(context, &done)
        }
        Action::Panic => {
            let done = match ask::<SafetyPanic>(context, false).await? {
                Some(done) => done,
                None => own.panic().await,
            };
            show_panic(context, &done)
        }
        Action::Restart => {
            let done = match ask::<SafetyRestart>(context, false).await? {
                Some(done) => done,
                None => restart(&own).await,
            };
            show_restart(context, &done)
        }
    }
}

/// agentd's answer; nothing where it is away, hangs, or can't write its ledger: then it is done here, and said so.
async fn ask<E: Endpoint<Request = Nothing>>(context: &Context, reads: bool) -> Result<Option<E::Response>, Failure> {
    let client = context.client("agentd")?;
    if !is_there(&client).await {
        context.output.remark(if reads {
            "agentd does not answer: this program looked for itself"
        } else {
            "agentd does not answer: this program does it itself, and the ledger could not be told"
        });
        return Ok(None);
    }
    match context.call::<E>(&client, &Nothing {}).await {
        Err(Failure::Fault(fault)) if by_itself(fault.code()) => {
            context.output.remark(&format!(
                "agentd could not ({}): this program does it itself, and the ledger could not be told",
                fault.message()
            ));
            Ok(None)
        }
        answer => answer.map(Some),
    }
}

/// Faults after which nothing was done, or nobody knows: each of these acts may be done again.
fn by_itself(code: &str) -> bool {
    matches!(code, "unavailable" | "daemon_hangs" | "daemon_broken" | "ledger_unavailable" | "busy")
}

async fn is_there(client: &Client) -> bool {
    matches!(tokio::time::timeout(IS_THERE, client.get("/openapi.json")).await, Ok(Ok(_)))
}

async fn restart(own: &Safety) -> Restarted {
    let mut done = own.restart().await;
    match own.restart_agentd().await {
        Ok(()) => done.restarted.push("agentd".into()),
        Err(why) => done.failed.push(NotDone { name: "agentd".into(), why }),
    }
    done
}

async fn run_program(mut command: Command, patience: Duration) -> io::Result<(ExitStatus, String)> {
    let output = tokio::time::timeout(patience, command.kill_on_drop(true).output()).await??;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status, String::from_utf8_lossy(&said).into_owned()))
}

fn show_status(context: &Context, status: &Status) -> Result<Exit, Failure> {
    let output = &context.output;
    if output.is_json() {
        output.json(status)?;
        return Ok(Exit::Fine);
    }
    let generation = status.generation.map_or("none: this system has no generations".to_owned(), |n| n.to_string());
    output.line(&format!("{} {generation}", output.paint(STRONG, "generation")))?;
    if let Some(back) = &status.last_rollback {
        output.line(&format!("last rollback {} from {} to {}", visible(&back.at), back.from, back.to))?;
    }
    if let Some(at) = &status.panicked_at {
        let text = format!("stopped by safety panic {}; agentctl safety restart starts it again", visible(at));
        output.line(&output.paint(CARE, &text))?;
    }
    for one in &status.failed_rollbacks {
        let next = if one.needs_you { "nobody tries any more" } else { "it is tried again" };
        let text = format!("session {} could not be undone ({} tries, {next}): {}", one.session, one.tries, one.why);
        output.line(&output.paint(BAD, &visible(&text)))?;
    }
    if !status.generations.is_empty() {
        let mut table = Table::new(&["GENERATION", "MADE", "PATH"]);
        for one in &status.generations {
            let style = if one.current { STRONG } else { PLAIN };
            table.row([
                Cell::styled(style, one.number.to_string()),
                one.created_at.as_str().into(),
                one.path.as_str().into(),
            ]);
        }
        output.table(&table)?;
    }
    let mut table = Table::new(&["SERVICE", "STATE", "PID", "UNIT"]);
    for one in &status.services {
        let style = match one.state.as_str() {
            "active" => GOOD,
            "failed" => BAD,
            _ => CARE,
        };
        table.row([
            one.name.as_str().into(),
            Cell::styled(style, &one.state),
            one.pid.map_or("-".to_owned(), |pid| pid.to_string()).into(),
            one.unit.as_deref().unwrap_or("-").into(),
        ]);
    }
    output.table(&table)?;
    Ok(Exit::Fine)
}

fn show_rollback(context: &Context, done: &RolledBack) -> Result<Exit, Failure> {
    if context.output.is_json() {
        context.output.json(done)?;
    } else {
        context.output.line(&format!("from generation {} to {}", done.from, done.to))?;
    }
    Ok(Exit::Fine)
}

fn show_panic(context: &Context, done: &Panicked) -> Result<Exit, Failure> {
    if context.output.is_json() {
        context.output.json(done)?;
    } else {
        let rows = done.stopped.iter().map(|name| (name, "stopped"));
        table(context, rows.chain(done.kept.iter().map(|name| (name, "kept"))), &done.failed)?;
    }
    Ok(if done.failed.is_empty() { Exit::Fine } else { Exit::Failed })
}

fn show_restart(context: &Context, done: &Restarted) -> Result<Exit, Failure> {
    if context.output.is_json() {
        context.output.json(done)?;
    } else {
        table(context, done.restarted.iter().map(|name| (name, "restarted")), &done.failed)?;
    }
    Ok(if done.failed.is_empty() { Exit::Fine } else { Exit::Failed })
}

fn table<'a>(
    context: &Context,
    done: impl Iterator<Item = (&'a String, &'static str)>,
    failed: &[NotDone],
) -> Result<(), Failure> {
    let mut table = Table::new(&[]);
    for (name, what) in done {
        table.row([name.as_str().into(), Cell::styled(GOOD, what)]);
    }
    for NotDone { name, why } in failed {
        table.row([name.as_str().into(), Cell::styled(BAD, format!("failed: {why}"))]);
    }
    context.output.table(&table)
}
