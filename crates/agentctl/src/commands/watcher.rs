//! `agentctl watcher`: health checks that escalate.

use clap::{Args, Subcommand};
use osmoda_api::watch::{
    Action, ActionKind, NotifyBy, OneWatcher, QuietHours, Watcher, WatcherAdd, WatcherAddRequest, WatcherEdit,
    WatcherEditRequest, WatcherId, WatcherList, WatcherPause, WatcherPauseRequest, WatcherRemove, WatcherState,
};
use osmoda_ipc::{Endpoint, Nothing};

use super::check_words::check;
use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{BAD, CARE, Cell, FAINT, GOOD, PLAIN, Table},
};

#[derive(Debug, Args)]
pub(crate) struct WatcherArgs {
    #[command(subcommand)]
    act: Act,
    /// JSON for programs instead of text for people.
    #[arg(long = "json", id = "format_json", global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Every watcher and where it stands.
    List,
    /// Watch something.
    Add(Form),
    /// Give a watcher another form, all of it.
    Edit {
        /// The watcher's id or name.
        watcher: String,
        #[command(flatten)]
        form: Form,
    },
    /// Have a watcher not look for a while.
    Pause {
        /// The watcher's id or name.
        watcher: String,
        /// For how many seconds; an hour by default.
        #[arg(long = "for", value_name = "SECONDS")]
        secs: Option<u32>,
    },
    /// Have it look again.
    Resume {
        /// The watcher's id or name.
        watcher: String,
    },
    /// Remove a watcher.
    Remove {
        /// The watcher's id or name.
        watcher: String,
    },
}

#[derive(Debug, Args)]
struct Form {
    /// A name of its own.
    name: String,
    /// What must hold, such as unit:nginx, tcp:8080, https://host/health, or JSON.
    check: String,
    /// Seconds between two looks; 30 by default.
    #[arg(long, value_name = "SECONDS")]
    every: Option<u32>,
    /// A rung of the ladder: restart[:UNIT], rollback[:PROFILE], notify[:log,webhook,ledger], each with
    /// xTRIES and @WAIT behind it where wanted, such as restart:nginx x3 @10; may be repeated.
    #[arg(long = "then", value_name = "RUNG")]
    rungs: Vec<String>,
    /// How often in a row it must fail to count; 2 by default.
    #[arg(long, value_name = "COUNT")]
    failures: Option<u32>,
    /// A watcher without which this one can't be well; may be repeated.
    #[arg(long = "depends-on", value_name = "NAME")]
    depends_on: Vec<String>,
    /// When nobody is told, such as 22:00-07:00; may be repeated.
    #[arg(long = "quiet", value_name = "FROM-TO")]
    quiet: Vec<String>,
    /// Turns within ten minutes from which on people alone are told; 6 by default.
    #[arg(long, value_name = "COUNT")]
    flaps: Option<u32>,
}

impl Form {
    fn request(self) -> Result<WatcherAddRequest, Failure> {
        let list = |all: Vec<String>| (!all.is_empty()).then_some(all);
        let actions = self.rungs.iter().map(|text| rung(text)).collect::<Result<Vec<_>, _>>()?;
        let hours = self.quiet.iter().map(|text| {
            let (from, to) = text.split_once('-').ok_or_else(|| Failure::Usage(format!("{text:?} is no FROM-TO")))?;
            Ok(QuietHours { from: from.to_owned(), to: to.to_owned() })
        });
        let hours = hours.collect::<Result<Vec<_>, Failure>>()?;
        Ok(WatcherAddRequest {
            name: self.name,
            check: check(&self.check)?,
            interval_secs: self.every,
            actions: (!actions.is_empty()).then_some(actions),
            failures: self.failures,
            depends_on: list(self.depends_on),
            quiet_hours: (!hours.is_empty()).then_some(hours),
            flaps: self.flaps,
            approval_id: None,
        })
    }
}

/// A rung of its words.
fn rung(text: &str) -> Result<Action, Failure> {
    let usage = || Failure::Usage(format!("{text:?} is no rung such as \"restart:nginx x3 @10\""));
    let mut words = text.split_whitespace();
    let first = words.next().ok_or_else(usage)?;
    let (word, rest) = first.split_once(':').map_or((first, None), |(word, rest)| (word, Some(rest)));
    let owned = rest.map(str::to_owned);
    let mut action = match word {
        "restart" => Action { action: ActionKind::Restart, unit: owned, ..Action::default() },
        "rollback" => Action { action: ActionKind::Rollback, profile: owned, ..Action::default() },
        "notify" => {
            let ways = rest.map(|rest| {
                rest.split(',')
                    .map(|way| match way {
                        "log" => Ok(NotifyBy::Log),
                        "webhook" => Ok(NotifyBy::Webhook),
                        "ledger" => Ok(NotifyBy::Ledger),
                        _ => Err(usage()),
                    })
                    .collect()
            });
            Action { action: ActionKind::Notify, by: ways.transpose()?, ..Action::default() }
        }
        _ => return Err(usage()),
    };
    for word in words {
        let (sign, number) = word.split_at_checked(1).ok_or_else(usage)?;
        let number = number.parse().map_err(|_| usage())?;
        match sign {
            "x" => action.tries = Some(number),
            "@" => action.wait_secs = Some(number),
            _ => return Err(usage()),
        }
    }
    Ok(action)
}

pub(crate) async fn run(context: &Context, args: WatcherArgs) -> Result<Exit, Failure> {
    match args.act {
        Act::List => {
            let all = watch::<WatcherList>(context, &Nothing {}).await?;
            if context.output.is_json() {
                context.output.json(&all)?;
            } else {
                context.output.table(&table(&all.watchers))?;
            }
        }
        Act::Add(form) => one(context, &watch::<WatcherAdd>(context, &form.request()?).await?)?,
        Act::Edit { watcher, form } => {
            let request = WatcherEditRequest { id: watcher, watcher: form.request()?, approval_id: None };
            one(context, &watch::<WatcherEdit>(context, &request).await?)?;
        }
        Act::Pause { watcher, secs } => {
            one(context, &watch::<WatcherPause>(context, &WatcherPauseRequest { id: watcher, secs }).await?)?;
        }
        Act::Resume { watcher } => {
            let request = WatcherPauseRequest { id: watcher, secs: Some(0) };
            one(context, &watch::<WatcherPause>(context, &request).await?)?;
        }
        Act::Remove { watcher } => {
            let removed = watch::<WatcherRemove>(context, &WatcherId { id: watcher }).await?;
            if context.output.is_json() {
                context.output.json(&removed)?;
            } else {
                context.output.line(&format!("{} is gone", removed.removed))?;
            }
        }
    }
    Ok(Exit::Fine)
}

async fn watch<E: Endpoint>(context: &Context, request: &E::Request) -> Result<E::Response, Failure> {
    context.call::<E>(&context.client("watch")?, request).await
}

fn one(context: &Context, answer: &OneWatcher) -> Result<(), Failure> {
    if context.output.is_json() {
        context.output.json(answer)
    } else {
        context.output.table(&table(std::slice::from_ref(&answer.watcher)))
    }
}

fn table(watchers: &[Watcher]) -> Table {
    let mut table = Table::new(&["NAME", "STATE", "CHECK", "EVERY", "RUNG", "SAW"]);
    for one in watchers {
        let style = match one.state {
            WatcherState::Ok => GOOD,
            WatcherState::Failing | WatcherState::Flapping => BAD,
            WatcherState::Suspect | WatcherState::Blocked => CARE,
            WatcherState::Paused => FAINT,
            WatcherState::New => PLAIN,
        };
        table.row([
            one.name.as_str().into(),
            Cell::styled(style, one.state.as_str()),
            one.check.kind.as_str().into(),
            format!("{} s", one.interval_secs).into(),
            format!("{}/{}", one.escalation.rung, one.escalation.actions.len()).into(),
            one.last_result.message.as_str().into(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rung_is_an_act_with_tries_and_a_wait() {
        let of = |text: &str| rung(text).map_err(|_| ());
        let restart = of("restart:nginx x3 @10").unwrap();
        assert_eq!((restart.unit.as_deref(), restart.tries, restart.wait_secs), (Some("nginx"), Some(3), Some(10)));
        assert_eq!(of("rollback").unwrap().action, ActionKind::Rollback);
        assert_eq!(of("notify:log,webhook").unwrap().by.unwrap(), [NotifyBy::Log, NotifyBy::Webhook]);
        for text in ["", "reboot", "notify:mail", "restart 3", "restart xx", "restart ü"] {
            assert!(of(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_watcher_is_one_line() {
        let mut one = Watcher { name: "web".into(), state: WatcherState::Ok, interval_secs: 5, ..Watcher::default() };
        one.last_result.message = "it answered 200 OK".into();
        one.escalation.actions = vec![Action::default()];
        let expected = "NAME  STATE  CHECK         EVERY  RUNG  SAW\n\
                        web   ok     systemd_unit  5 s    0/1   it answered 200 OK\n";
        assert_eq!(table(&[one]).render(None, false), expected);
    }
}
