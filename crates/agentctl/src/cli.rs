//! The command line's grammar.

use std::{env, path::PathBuf};

use clap::{Args, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};
use osmoda_ipc::daemon::SUITE;

use crate::commands;

/// The operator's command line of osmoda.
///
/// Exit codes: 0 fine, 1 refused or failed, 2 usage, 3 not reachable, 4 ledger broken.
/// Without --dir, OSMODA_RUN_DIR and OSMODA_STATE_DIR name the suite, else the installed one is meant.
#[derive(Debug, Parser)]
#[command(name = "agentctl", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// The suite in this folder: sockets in DIR/run, state in DIR/state.
    #[arg(long, global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
    /// No colour (so does NO_COLOR, and output that is no terminal).
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// JSON for programs instead of text for people; stands after the command as well.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// What this program was told; ends it where that makes no sense, or asks for help.
    pub(crate) fn from_command_line() -> Self {
        // A wrong command line is reported before its flags are known.
        let plain = env::args_os().any(|argument| argument == "--no-color");
        let command = Self::command().color(if plain { ColorChoice::Never } else { ColorChoice::Auto });
        // Lives as long as the program: to take the grammar apart piece by piece would be a part of every command's time.
        let command = Box::leak(Box::new(command));
        let matches = command.try_get_matches_from_mut(env::args_os()).unwrap_or_else(|error| error.exit());
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

// A command's arguments are built when it is the one: start-up time is part of the product.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Start the suite without systemd, in a folder, and keep its daemons up.
    Up(commands::up::Up),
    /// Stop a suite that `up` started.
    Down(Format),
    /// Which daemons are up.
    Status(Format),
    /// Whether machine and suite are as they should be, and what to do where not.
    Doctor(Format),
    /// How the machine is: CPU, memory, disk, load.
    Health(Format),
    /// What happened: the newest events of the ledger.
    Events(commands::events::Filter),
    /// Who did what, with which approval and which result.
    Receipts(commands::receipts::Filter),
    /// Prove single events of the ledger, and check such proofs.
    Ledger(commands::ledger::Ledger),
    /// Check that nobody changed the ledger.
    VerifyLedger(commands::verify_ledger::Source),
    /// Everything that belongs to one act, in order.
    Trace(commands::trace::Act),
    /// What waits for your answer.
    Approvals(Format),
    /// Say yes to exactly one act.
    Approve(commands::approve::Question),
    /// Say no.
    Deny(commands::approve::Question),
    /// A trouble, what was tried against it, and what else happened meanwhile.
    Incident(commands::incident::IncidentArgs),
    /// What is remembered, the library, and keeping both in order.
    Memory(commands::memory::MemoryArgs),
    /// What you need in a hurry: how the suite stands, stop it, restart it, roll the system back.
    Safety(commands::safety::SafetyArgs),
    /// Copies of the suite's state: take, list, restore.
    Backup(commands::backup::BackupArgs),
    /// A shell on this machine, as agentd's account, with every session in the ledger.
    Terminal(commands::terminal::TerminalArgs),
    /// Keys: list, make, bring in, take out, delete, and what was signed.
    Wallet(commands::wallet::Wallets),
    /// What sandboxed code may do: give, narrow, check, list and take back tokens.
    Capability(commands::capability::CapabilityArgs),
    /// Run a command that nobody trusts, shut in by the kernel.
    Sandbox(commands::sandbox::SandboxArgs),
    /// The way out for sandboxed code: how it stands, what goes through it, whether it would connect to a host.
    Egress(commands::egress::EgressArgs),
    /// Programs that run as services: deploy, list, read, stop, restart, remove.
    App(commands::app::AppArgs),
    /// Spec-driven projects: make one, run its phases.
    SpecKit(commands::spec_kit::SpecKitArgs),
    /// Changes that undo themselves: begin, look, keep, go back.
    Switch(commands::switch::SwitchArgs),
    /// Health checks that restart, roll back and tell.
    Watcher(commands::watcher::WatcherArgs),
    /// Call a tool; prints its result, or the fault, as JSON.
    Call(commands::call::Call),
    /// The tools that can be called.
    Tools(Format),
    /// Serve MCP over standard input and output, as an agent.
    Mcp(commands::mcp::Mcp),
    /// A completion script for your shell.
    Completions(commands::completions::Completions),
    /// Write the manual pages into a folder.
    ManPages(commands::man_pages::ManPages),
}

impl Command {
    /// Whether `--json` stands after the command.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Up(up) => up.format.json,
            Self::Down(format)
            | Self::Status(format)
            | Self::Doctor(format)
            | Self::Health(format)
            | Self::Approvals(format)
            | Self::Tools(format) => format.json,
            Self::Events(filter) => filter.format.json,
            Self::Receipts(filter) => filter.format.json,
            Self::Ledger(ledger) => ledger.wants_json(),
            Self::VerifyLedger(source) => source.format.json,
            Self::Trace(act) => act.format.json,
            Self::Approve(question) | Self::Deny(question) => question.format.json,
            Self::Incident(args) => args.json,
            Self::Memory(args) => args.json,
            Self::Safety(args) => args.json,
            Self::Backup(args) => args.json,
            Self::Capability(args) => args.json,
            Self::Egress(args) => args.json,
            Self::Sandbox(args) => args.json,
            Self::App(args) => args.json,
            Self::SpecKit(args) => args.json,
            Self::Wallet(wallets) => wallets.format.json,
            Self::Switch(switch) => switch.json,
            Self::Watcher(watcher) => watcher.json,
            Self::Call(_) => true,
            Self::Terminal(_) | Self::Mcp(_) | Self::Completions(_) | Self::ManPages(_) => false,
        }
    }
}

// How a result is shown. A doc comment here would take the place of every command's own.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Format {
    /// JSON for programs instead of text for people.
    #[arg(long = "json", id = "format_json", global = true)]
    pub(crate) json: bool,
}

/// The name of a daemon of the suite.
pub(crate) fn daemon_name(text: &str) -> Result<&'static str, String> {
    SUITE
        .into_iter()
        .find(|name| *name == text)
        .ok_or_else(|| format!("there is no daemon of this name; there are {}", SUITE.join(", ")))
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        let mut command = Cli::command();
        command.build();
        command.debug_assert();
    }

    #[test]
    fn every_command_has_a_line_of_its_own() {
        let mut command = Cli::command();
        command.build();
        let mut lines: Vec<String> =
            command.get_subcommands().map(|command| command.get_about().unwrap().to_string()).collect();
        let all = lines.len();
        lines.sort();
        lines.dedup();
        assert_eq!((lines.len(), all), (all, 32), "{lines:?}");
    }

    #[test]
    fn json_is_understood_before_and_after_the_command() {
        let table = [
            ("agentctl status", false),
            ("agentctl --json status", true),
            ("agentctl status --json", true),
            ("agentctl events --json --follow", true),
            ("agentctl --dir /x approve apr_01KXYZ01KXYZ01KXYZ01KXYZ01 --json", true),
            ("agentctl call system_health", true),
            ("agentctl safety status", false),
            ("agentctl safety status --json", true),
            ("agentctl safety --json panic", true),
            ("agentctl incident list --json", true),
            ("agentctl call file_read --json {}", true),
        ];
        for (line, json) in table {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.json || cli.command.wants_json(), json, "{line}");
        }
    }

    #[test]
    fn a_wrong_command_line_is_refused() {
        let table = [
            ("agentctl", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
            ("agentctl dance", ErrorKind::InvalidSubcommand),
            ("agentctl trace", ErrorKind::MissingRequiredArgument),
            ("agentctl trace req_1", ErrorKind::ValueValidation),
            ("agentctl up --only agentd,none", ErrorKind::ValueValidation),
            ("agentctl events --limit 0", ErrorKind::ValueValidation),
            ("agentctl events --limit 1001", ErrorKind::ValueValidation),
            ("agentctl call system_health --as operator", ErrorKind::InvalidValue),
            ("agentctl app deploy shop", ErrorKind::MissingRequiredArgument),
            ("agentctl sandbox run true --timeout 301", ErrorKind::ValueValidation),
            ("agentctl spec-kit run /x dance", ErrorKind::InvalidValue),
            ("agentctl ledger prove 0", ErrorKind::ValueValidation),
            ("agentctl ledger check x --key nonsense", ErrorKind::ValueValidation),
            ("agentctl completions tcsh", ErrorKind::InvalidValue),
        ];
        for (line, kind) in table {
            assert_eq!(Cli::try_parse_from(line.split(' ')).unwrap_err().kind(), kind, "{line}");
        }
    }

    #[test]
    fn the_folder_may_stand_before_or_after_the_command() {
        for line in ["agentctl --dir /x up --only agentd,keyd", "agentctl up --only agentd --only keyd --dir /x"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.dir.as_deref(), Some(std::path::Path::new("/x")));
            let Command::Up(up) = cli.command else { panic!("{line}") };
            assert_eq!(up.only, ["agentd", "keyd"]);
        }
    }
}
