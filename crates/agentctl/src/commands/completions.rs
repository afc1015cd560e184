//! `agentctl completions`: a script that completes this command line in a shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{cli::Cli, context::Context, exit::Exit, failure::Failure};

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell. For bash: source <(agentctl completions bash)
    shell: Shell,
}

pub(crate) fn run(context: &Context, args: &Completions) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "agentctl", &mut script);
    context.output.text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Fine)
}
