//! `agentctl switch`: changes that undo themselves.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use osmoda_api::watch::{
    Apply, ApplyKind, CheckState, FileChange, OnReboot, OneSwitch, Quarantine, QuarantineKey, QuarantineList,
    QuarantineRelease, SafeSwitchAbandon, SafeSwitchBegin, SafeSwitchBeginRequest, SafeSwitchCommit, SafeSwitchList,
    SafeSwitchListRequest, SafeSwitchRollback, SafeSwitchStatus, Switch, SwitchId, SwitchState, Switches,
};
use osmoda_ipc::{Endpoint, Nothing};

use super::check_words::check;
use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{BAD, CARE, Cell, GOOD, PLAIN, STRONG, Table, visible},
};

#[derive(Debug, Args)]
pub(crate) struct SwitchArgs {
    #[command(subcommand)]
    act: Act,
    /// JSON for programs instead of text for people.
    #[arg(long = "json", id = "format_json", global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Change something under guard; without a change, guard one that is made already.
    Begin(Box<Begin>),
    /// Every session.
    List {
        /// The newest so many; 50 by default.
        #[arg(long, short = 'n', value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: Option<u32>,
    },
    /// One session, its checks and what happened.
    Status(Id),
    /// Keep the change now.
    Commit(Id),
    /// Go back now.
    Rollback(Id),
    /// Give up a session whose rollback failed: what it changed is left as it is.
    Abandon(Id),
    /// Changes that failed and are refused when they come again.
    Quarantine,
    /// Let one of them be tried again.
    Release {
        /// As it is listed.
        key: String,
    },
}

#[derive(Debug, Args)]
struct Id {
    /// The session's id.
    id: String,
}

#[derive(Debug, Args)]
struct Begin {
    /// What is done and why.
    plan: String,
    /// A NixOS system of a flake, such as /etc/nixos#host.
    #[arg(long, group = "change")]
    flake: Option<String>,
    /// A NixOS configuration's path.
    #[arg(long, group = "change", value_name = "FILE")]
    configuration: Option<String>,
    /// A store path, the next generation of a profile.
    #[arg(long, group = "change", value_name = "PATH")]
    store_path: Option<String>,
    /// The profile; the system's by default.
    #[arg(long, value_name = "PATH")]
    profile: Option<String>,
    /// A file to replace, and the file that holds what it shall hold; may be repeated.
    #[arg(long = "file", group = "change", value_name = "PATH=FROM")]
    files: Vec<String>,
    /// A file to remove; may be repeated.
    #[arg(long = "remove", value_name = "PATH")]
    removed: Vec<String>,
    /// A unit that restarts afterwards; may be repeated.
    #[arg(long, value_name = "UNIT")]
    restart: Vec<String>,
    /// A unit that reloads afterwards; may be repeated.
    #[arg(long, value_name = "UNIT")]
    reload: Vec<String>,
    /// A pair of commands of the configuration.
    #[arg(long, group = "change", value_name = "NAME")]
    named: Option<String>,
    /// What must hold, such as unit:nginx, tcp:8080, https://host/health, journal:nginx, or JSON; may be repeated.
    #[arg(long = "check", value_name = "CHECK")]
    checks: Vec<String>,
    /// Seconds of probation; 300 by default.
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u32>,
    /// How often in a row a check must fail to count; 2 by default.
    #[arg(long, value_name = "COUNT")]
    failures: Option<u32>,
    /// Seconds in which what was never good may fail uncounted; 10 by default.
    #[arg(long, value_name = "SECONDS")]
    grace: Option<u32>,
    /// A reboot begins probation anew instead of undoing the change.
    #[arg(long)]
    survives_reboot: bool,
}

impl Begin {
    fn apply(&self) -> Result<Option<Apply>, Failure> {
        let list = |all: &[String]| (!all.is_empty()).then(|| all.to_vec());
        let mut apply = Apply { profile: self.profile.clone(), ..Apply::default() };
        if self.flake.is_some() || self.configuration.is_some() {
            apply.kind = ApplyKind::Nixos;
            (apply.flake, apply.configuration) = (self.flake.clone(), self.configuration.clone());
        } else if self.store_path.is_some() {
            (apply.kind, apply.store_path) = (ApplyKind::NixProfile, self.store_path.clone());
        } else if !self.files.is_empty() || !self.removed.is_empty() {
            apply.kind = ApplyKind::Files;
            apply.files = Some(self.changes()?);
            (apply.restart, apply.reload) = (list(&self.restart), list(&self.reload));
        } else if self.named.is_some() {
            (apply.kind, apply.name) = (ApplyKind::Named, self.named.clone());
        } else if self.profile.is_none() {
            return Ok(None);
        }
        Ok(Some(apply))
    }

    fn changes(&self) -> Result<Vec<FileChange>, Failure> {
        let mut changes = Vec::new();
        for pair in &self.files {
            let (path, from) =
                pair.split_once('=').ok_or_else(|| Failure::Usage(format!("{pair:?} is no PATH=FROM")))?;
            let path_of = PathBuf::from(from);
            let content =
                std::fs::read_to_string(&path_of).map_err(|source| Failure::Unreadable { path: path_of, source })?;
            changes.push(FileChange { path: path.to_owned(), content: Some(content), mode: None });
        }
        let removed = self.removed.iter().map(|path| FileChange { path: path.clone(), content: None, mode: None });
        Ok(changes.into_iter().chain(removed).collect())
    }

    fn request(&self) -> Result<SafeSwitchBeginRequest, Failure> {
        let checks = self.checks.iter().map(|text| check(text)).collect::<Result<Vec<_>, _>>()?;
        Ok(SafeSwitchBeginRequest {
            plan: self.plan.clone(),
            apply: self.apply()?,
            ttl_secs: self.ttl,
            health_checks: (!checks.is_empty()).then_some(checks),
            approval_id: None,
            failures: self.failures,
            grace_secs: self.grace,
            on_reboot: self.survives_reboot.then_some(OnReboot::Resume),
        })
    }
}

pub(crate) async fn run(context: &Context, args: SwitchArgs) -> Result<Exit, Failure> {
    match args.act {
        Act::Begin(begin) => {
            let begun = watch::<SafeSwitchBegin>(context, &begin.request()?).await?;
            let session = watch::<SafeSwitchStatus>(context, &SwitchId { id: begun.id }).await?;
            show(context, &session)?;
        }
        Act::List { limit } => {
            let all = watch::<SafeSwitchList>(context, &SafeSwitchListRequest { limit }).await?;
            if context.output.is_json() { context.output.json(&all)? } else { context.output.table(&table(&all))? }
        }
        Act::Status(Id { id }) => show(context, &watch::<SafeSwitchStatus>(context, &SwitchId { id }).await?)?,
        Act::Commit(Id { id }) => end(context, &watch::<SafeSwitchCommit>(context, &SwitchId { id }).await?)?,
        Act::Rollback(Id { id }) => end(context, &watch::<SafeSwitchRollback>(context, &SwitchId { id }).await?)?,
        Act::Abandon(Id { id }) => end(context, &watch::<SafeSwitchAbandon>(context, &SwitchId { id }).await?)?,
        Act::Quarantine => quarantined(context, &watch::<QuarantineList>(context, &Nothing {}).await?)?,
        Act::Release { key } => {
            quarantined(context, &watch::<QuarantineRelease>(context, &QuarantineKey { key }).await?)?;
        }
    }
    Ok(Exit::Fine)
}

async fn watch<E: Endpoint>(context: &Context, request: &E::Request) -> Result<E::Response, Failure> {
    context.call::<E>(&context.client("watch")?, request).await
}

fn end(context: &Context, one: &OneSwitch) -> Result<(), Failure> {
    show(context, &one.session)
}

fn styled(state: SwitchState, stranded: bool) -> Cell {
    let style = match state {
        SwitchState::Committed => GOOD,
        SwitchState::Failed | SwitchState::RollingBack => BAD,
        SwitchState::RolledBack => CARE,
        SwitchState::Preparing | SwitchState::Applying | SwitchState::Probation => STRONG,
    };
    Cell::styled(style, if stranded { "STRANDED" } else { state.as_str() })
}

/// The newest at the bottom, next to the prompt.
fn table(all: &Switches) -> Table {
    let mut table = Table::new(&["ID", "BEGUN", "KIND", "STATE", "WHO", "PLAN"]);
    for one in all.sessions.iter().rev() {
        table.row([
            one.id.as_str().into(),
            one.created_at.as_str().into(),
            one.kind.as_str().into(),
            styled(one.state, one.stranded),
            one.who.as_str().into(),
            one.plan.as_str().into(),
        ]);
    }
    table
}

fn show(context: &Context, session: &Switch) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.json(session);
    }
    let mut head = Table::new(&[]);
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    head.row(["session".into(), Cell::styled(STRONG, &session.id)]);
    head.row(["plan".into(), session.plan.as_str().into()]);
    head.row(["state".into(), styled(session.state, session.stranded)]);
    head.row(["from".into(), text(&session.generations.previous).into()]);
    head.row(["to".into(), text(&session.generations.new).into()]);
    head.row(["deadline".into(), text(&session.deadline).into()]);
    context.output.table(&head)?;
    if !session.checks.is_empty() {
        let mut checks = Table::new(&["CHECK", "STATE", "FAILED", "SAW"]);
        for check in &session.checks {
            let style = match check.state {
                CheckState::Ok => GOOD,
                CheckState::Failing => BAD,
                CheckState::Pending => PLAIN,
            };
            checks.row([
                check.name.as_str().into(),
                Cell::styled(style, check.state.as_str()),
                check.failures.to_string().into(),
                check.message.as_str().into(),
            ]);
        }
        context.output.line("")?;
        context.output.table(&checks)?;
    }
    let mut moves = Table::new(&["TIME", "STATE", "WHO", "WHY"]);
    for one in &session.history {
        moves.row([one.at.as_str().into(), styled(one.to, false), one.who.as_str().into(), one.why.as_str().into()]);
    }
    context.output.line("")?;
    context.output.table(&moves)
}

fn quarantined(context: &Context, all: &Quarantine) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.json(all);
    }
    let mut table = Table::new(&["SINCE", "SESSION", "KEY", "WHY"]);
    for one in &all.quarantined {
        table.row([
            one.at.as_str().into(),
            one.session.as_str().into(),
            one.key.as_str().into(),
            visible(&one.why).as_ref().into(),
        ]);
    }
    context.output.table(&table)
}

#[cfg(test)]
mod tests {
    use osmoda_api::watch::SwitchSummary;

    use super::*;

    #[test]
    fn a_session_is_one_line_and_one_in_need_of_help_cries() {
        let one = |id: &str, state, stranded| SwitchSummary {
            id: id.into(),
            plan: "blue".into(),
            state,
            stranded,
            who: "operator:root".into(),
            created_at: "2026-01-02T03:04:05Z".into(),
            ..SwitchSummary::default()
        };
        let all = Switches {
            sessions: vec![one("sw_2", SwitchState::Failed, true), one("sw_1", SwitchState::Committed, false)],
        };
        let expected = "ID    BEGUN                 KIND  STATE      WHO            PLAN\n\
                        sw_1  2026-01-02T03:04:05Z  none  committed  operator:root  blue\n\
                        sw_2  2026-01-02T03:04:05Z  none  STRANDED   operator:root  blue\n";
        assert_eq!(table(&all).render(None, false), expected);
    }
}
