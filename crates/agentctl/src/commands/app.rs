//! `agentctl app`: services that were deployed, and what else on the machine looks like an app.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use osmoda_api::agentd::{
    App, AppDeploy, AppDeployRequest, AppDeployed, AppList, AppLogs, AppLogsRequest, AppRemove, AppRemoveRequest,
    AppRequest, AppRestart, AppSource, AppStatus, AppStop, JournalEntry,
};
use osmoda_ipc::Nothing;

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{BAD, CARE, Cell, GOOD, PLAIN, Table, units, visible},
};

#[derive(Debug, Args)]
pub(crate) struct AppArgs {
    #[command(subcommand)]
    act: Act,
    /// JSON for programs instead of text for people.
    #[arg(long = "json", id = "format_json", global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// The apps that were deployed, and what else runs here.
    List {
        /// Only those that were deployed.
        #[arg(long)]
        deployed: bool,
    },
    /// Run a program as a service of its own, with limits; it starts again with the machine.
    Deploy(Form),
    /// What an app said last, the newest at the bottom.
    Logs {
        /// Its name.
        name: String,
        /// At most so many lines; 50 by default.
        #[arg(long, short = 'n', value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=500))]
        lines: Option<u32>,
    },
    /// Stop an app; it stays stopped when the machine starts again.
    Stop {
        /// Its name.
        name: String,
    },
    /// Restart an app, or start one that was stopped.
    Restart {
        /// Its name.
        name: String,
    },
    /// Stop an app and forget it; what it wrote stays.
    Remove {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Args)]
struct Form {
    /// 1 to 48 of a-z, 0-9 and -, beginning with a letter.
    name: String,
    /// The program, an absolute path, and its arguments; no shell reads them.
    #[arg(required = true, last = true, value_name = "PROGRAM")]
    command: Vec<String>,
    /// The TCP port at which it will listen; it is told it as PORT.
    #[arg(long)]
    port: Option<u16>,
    /// The most memory, such as 256M; 512M by default.
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// The most of the processors, such as 50%; 100% by default.
    #[arg(long, value_name = "PERCENT")]
    cpu: Option<String>,
    /// no, on-failure or always; on-failure by default.
    #[arg(long, value_name = "WHEN")]
    restart: Option<String>,
    /// The account it runs as; one made for it alone, by default.
    #[arg(long, value_name = "ACCOUNT")]
    user: Option<String>,
    /// The folder it starts in.
    #[arg(long = "cwd", value_name = "FOLDER")]
    working_dir: Option<String>,
    /// A variable of its environment; may be repeated. What is secret does not belong on a command line.
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
}

impl Form {
    fn request(self) -> Result<AppDeployRequest, Failure> {
        let variable = |text: &String| {
            let (name, value) =
                text.split_once('=').ok_or_else(|| Failure::Usage(format!("{text:?} is no NAME=VALUE")))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        let env = self.env.iter().map(variable).collect::<Result<BTreeMap<_, _>, Failure>>()?;
        let mut words = self.command.into_iter();
        Ok(AppDeployRequest {
            name: self.name,
            command: words.next().unwrap_or_default(),
            args: words.collect(),
            working_dir: self.working_dir,
            env,
            port: self.port,
            user: self.user,
            restart_policy: self.restart,
            memory_max: self.memory,
            cpu_quota: self.cpu,
            approval_id: None,
        })
    }
}

pub(crate) async fn run(context: &Context, args: AppArgs) -> Result<Exit, Failure> {
    let output = &context.output;
    match args.act {
        Act::List { deployed } => {
            let mut found = context.agentd::<AppList>(&Nothing {}).await?;
            found.apps.retain(|app| !deployed || app.source == AppSource::Managed);
            if output.is_json() {
                output.json(&found)?;
            } else {
                output.table(&table(&found.apps))?;
                found.not_seen.iter().for_each(|why| output.remark(why));
            }
            Ok(Exit::Fine)
        }
        Act::Deploy(form) => {
            let deployed = context.agentd::<AppDeploy>(&form.request()?).await?;
            if output.is_json() {
                output.json(&deployed)?;
            } else {
                output.line(&told(&deployed))?;
            }
            Ok(if deployed.status == "failed" { Exit::Failed } else { Exit::Fine })
        }
        Act::Logs { name, lines } => {
            let log = context.agentd::<AppLogs>(&AppLogsRequest { name, lines }).await?;
            if output.is_json() {
                output.json(&log)?;
            } else {
                log.entries.iter().try_for_each(|entry| output.line(&line(entry)))?;
            }
            Ok(Exit::Fine)
        }
        Act::Stop { name } => standing(context, &context.agentd::<AppStop>(&AppRequest { name }).await?),
        Act::Restart { name } => standing(context, &context.agentd::<AppRestart>(&AppRequest { name }).await?),
        Act::Remove { name } => {
            let removed = context.agentd::<AppRemove>(&AppRemoveRequest { name, approval_id: None }).await?;
            if output.is_json() {
                output.json(&removed)?;
            } else {
                let data = removed.data.as_deref().map(|data| format!("; what it wrote stays in {}", visible(data)));
                output.line(&format!("{} is removed{}", visible(&removed.name), data.unwrap_or_default()))?;
            }
            Ok(Exit::Fine)
        }
    }
}

fn standing(context: &Context, app: &AppStatus) -> Result<Exit, Failure> {
    if context.output.is_json() {
        context.output.json(app)?;
    } else {
        context.output.line(&format!("{} is {}", visible(&app.name), visible(&app.status)))?;
    }
    Ok(if app.status == "failed" { Exit::Failed } else { Exit::Fine })
}

fn told(app: &AppDeployed) -> String {
    let pid = app.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
    let port = match app.listening {
        None => "",
        Some(true) => ", and listens at its port",
        Some(false) => ", and does not listen at its port yet",
    };
    format!("{} is {} as {}{pid}{port}", visible(&app.name), visible(&app.status), visible(&app.unit))
}

fn line(entry: &JournalEntry) -> String {
    format!("{}  {}", visible(&entry.ts), visible(&entry.message))
}

fn table(apps: &[App]) -> Table {
    let mut table = Table::new(&["NAME", "KIND", "STATUS", "PORT", "MEMORY", "WHAT"]);
    for app in apps {
        let status = app.active.as_deref().unwrap_or_default();
        let style = match status {
            "active" | "running" => GOOD,
            "failed" => BAD,
            "" => PLAIN,
            _ => CARE,
        };
        let what = [&app.unit, &app.path, &app.detail].into_iter().flatten().map(String::as_str);
        table.row([
            app.name.as_str().into(),
            kind(app.source).into(),
            Cell::styled(style, status),
            app.port.map(|port| port.to_string()).unwrap_or_default().into(),
            app.memory_bytes.map(units::bytes).unwrap_or_default().into(),
            what.collect::<Vec<_>>().join(" ").into(),
        ]);
    }
    table
}

fn kind(source: AppSource) -> &'static str {
    match source {
        AppSource::Managed => "deployed",
        AppSource::App => "app",
        AppSource::Project => "project",
        AppSource::Port => "listener",
        AppSource::Container => "container",
        AppSource::Domain => "domain",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_one_line_with_where_it_was_found() {
        let apps = [
            App {
                name: "shop".into(),
                unit: Some("osmoda-app-shop.service".into()),
                active: Some("active".into()),
                port: Some(8080),
                memory_bytes: Some(3 << 20),
                ..App::default()
            },
            App {
                name: "site".into(),
                source: AppSource::Project,
                path: Some("/home/a/site".into()),
                detail: Some("node".into()),
                ..App::default()
            },
        ];
        let expected = "NAME  KIND      STATUS  PORT  MEMORY   WHAT\n\
                        shop  deployed  active  8080  3.0 MiB  osmoda-app-shop.service\n\
                        site  project                          /home/a/site node\n";
        assert_eq!(table(&apps).render(None, false), expected);
    }

    #[test]
    fn a_form_is_a_request_with_each_word_as_it_is() {
        let form = |env: &[&str]| Form {
            name: "shop".into(),
            command: vec!["/usr/bin/env".into(), "--port".into(), "a b".into()],
            port: Some(8080),
            memory: None,
            cpu: None,
            restart: None,
            user: None,
            working_dir: None,
            env: env.iter().map(ToString::to_string).collect(),
        };
        let request = form(&["A=b=c", "D="]).request().unwrap();
        assert_eq!((request.command.as_str(), request.args.len()), ("/usr/bin/env", 2));
        assert_eq!(request.env, BTreeMap::from([("A".into(), "b=c".into()), ("D".into(), String::new())]));
        assert!(form(&["A"]).request().is_err());
    }
}
