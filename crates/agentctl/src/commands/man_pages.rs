//! `agentctl man-pages`: manual pages for this command and each of its own, made from the grammar.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use crate::{cli::Cli, context::Context, exit::Exit, failure::Failure};

#[derive(Debug, Args)]
pub(crate) struct ManPages {
    /// The folder that they are written to; it must exist.
    #[arg(value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
}

pub(crate) fn run(context: &Context, args: &ManPages) -> Result<Exit, Failure> {
    let mut command = Cli::command();
    command.build();
    let wrong = |source| Failure::System { what: "the manual pages can't be written", source };
    clap_mangen::generate_to(command, &args.folder).map_err(wrong)?;
    context.output.remark(&format!("manual pages written to {}", args.folder.display()));
    Ok(Exit::Fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_every_command() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Cli::command();
        command.build();
        let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        clap_mangen::generate_to(command, folder.path()).unwrap();
        let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(page("agentctl.1").contains("Exit codes"));
        for name in names.iter().filter(|name| *name != "help") {
            assert!(page(&format!("agentctl-{name}.1")).contains(".SH NAME"), "{name}");
        }
    }
}
