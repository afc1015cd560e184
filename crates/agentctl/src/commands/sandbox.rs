//! `agentctl sandbox`: a command that nobody trusts, shut in by the kernel.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use osmoda_api::agentd::{SandboxAnswer, SandboxExec, SandboxLimit, SandboxRequest, SandboxStopped, TokenText};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{units, visible},
};

/// The longest token that is read, in bytes.
const LONGEST: u64 = 16_384;

#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    #[command(subcommand)]
    act: Act,
    /// JSON for programs instead of text for people.
    #[arg(long = "json", id = "format_json", global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Run a command: without tokens it has no network and nothing but an empty folder.
    Run(Form),
}

#[derive(Debug, Args)]
struct Form {
    /// The command, for /bin/sh, as one word.
    command: String,
    /// A file with a capability token, or - for standard input; it is run in ring 1 then. May be repeated.
    #[arg(long = "token", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    tokens: Vec<PathBuf>,
    /// Seconds until it is killed; 30 by default.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=300))]
    timeout: Option<u64>,
}

impl Form {
    fn request(self) -> Result<SandboxRequest, Failure> {
        let capabilities = self.tokens.iter().map(token).collect::<Result<Vec<_>, _>>()?;
        let ring = if capabilities.is_empty() { 2 } else { 1 };
        Ok(SandboxRequest { command: self.command, ring: Some(ring), capabilities, timeout_secs: self.timeout })
    }
}

pub(crate) async fn run(context: &Context, args: SandboxArgs) -> Result<Exit, Failure> {
    let Act::Run(form) = args.act;
    let answer = context.agentd::<SandboxExec>(&form.request()?).await?;
    let output = &context.output;
    if output.is_json() {
        output.json(&answer)?;
    } else {
        output.text(&shown(&answer.stdout, io::stdout().is_terminal()))?;
        let errors = shown(&answer.stderr, io::stderr().is_terminal());
        errors.lines().for_each(|line| output.remark(line));
        output.remark(&summary(&answer));
    }
    Ok(if answer.exit_code == 0 && answer.stopped.is_none() { Exit::Fine } else { Exit::Failed })
}

/// From a file or standard input: an argument could be read by every process of the machine.
fn token(path: &PathBuf) -> Result<TokenText, Failure> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        io::stdin().lock().take(LONGEST).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text))
    };
    read.map_err(|source| Failure::Unreadable { path: path.clone(), source })?;
    Ok(TokenText(text.trim().to_owned()))
}

/// What it said: whole for a pipe, and for a terminal without what a terminal would obey.
fn shown(said: &str, to_terminal: bool) -> String {
    if !to_terminal {
        return said.to_owned();
    }
    let lines = said.split_inclusive('\n').map(|line| match line.strip_suffix('\n') {
        Some(line) => format!("{}\n", visible(line)),
        None => visible(line).into_owned(),
    });
    lines.collect()
}

fn summary(answer: &SandboxAnswer) -> String {
    let mut text = format!(
        "ring {}: exit code {} after {}, {} of a processor",
        answer.ring,
        answer.exit_code,
        units::took(answer.duration_ms),
        units::took(answer.cpu_ms)
    );
    if !answer.limits_hit.is_empty() {
        let names: Vec<&str> = answer.limits_hit.iter().copied().map(limit).collect();
        text += &format!("; it came up against its limit of {}", names.join(", "));
    }
    if let Some(stopped) = answer.stopped {
        text += match stopped {
            SandboxStopped::Cancelled => "; it was cancelled",
            SandboxStopped::Shutdown => "; agentd stopped",
            SandboxStopped::CapabilityLost => "; a token was taken back or expired",
        };
    }
    text
}

fn limit(limit: SandboxLimit) -> &'static str {
    match limit {
        SandboxLimit::WallTime => "time",
        SandboxLimit::CpuTime => "processor time",
        SandboxLimit::Memory => "memory",
        SandboxLimit::Processes => "processes",
        SandboxLimit::FileSize => "file size",
        SandboxLimit::Disk => "space",
        SandboxLimit::Output => "output",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_untrusted_code_says_does_not_move_the_cursor() {
        assert_eq!(shown("a\n\u{1b}[2Kb", true), "a\n\\u{1b}[2Kb");
        assert_eq!(shown("a\n\u{1b}[2Kb", false), "a\n\u{1b}[2Kb");
    }

    #[test]
    fn how_it_went_is_one_line() {
        let answer = SandboxAnswer {
            stdout: String::new(),
            stderr: String::new(),
            exit_code: 137,
            duration_ms: 1200,
            cpu_ms: 300,
            limits_hit: vec![SandboxLimit::Memory, SandboxLimit::Processes],
            ring: 1,
            capability_ids: vec![],
            stopped: Some(SandboxStopped::CapabilityLost),
        };
        let expected = "ring 1: exit code 137 after 1.2 s, 300 ms of a processor; it came up against its limit of memory, \
                        processes; a token was taken back or expired";
        assert_eq!(summary(&answer), expected);
    }

    #[test]
    fn tokens_come_from_files_and_make_it_ring_1() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "cap1.a.b\n").unwrap();
        let form = |tokens: Vec<PathBuf>| Form { command: "id".into(), tokens, timeout: None };
        let given = form(vec![file]).request().unwrap();
        assert_eq!((given.ring, given.capabilities), (Some(1), vec![TokenText("cap1.a.b".into())]));
        assert_eq!(form(vec![]).request().unwrap().ring, Some(2));
        assert!(form(vec![folder.path().join("none")]).request().is_err());
    }
}
