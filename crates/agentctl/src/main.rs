//! The operator's command line: people get tables, programs get `--json`, both get the same exit codes.

mod cli;
mod commands;
mod context;
mod doctor;
mod exit;
mod failure;
mod output;
mod suite;

fn main() -> std::process::ExitCode {
    let cli = cli::Cli::from_command_line();
    let context = context::Context::new(&cli);
    let result = commands::run(cli.command, &context);
    exit::conclude(result, &context.output).into()
}
