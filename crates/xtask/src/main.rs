//! The tree's own commands, the same in CI and by hand: `cargo xtask contracts generate|check`, `cargo xtask tidy` and
//! `cargo xtask bench`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a command, and its output is what it is for")]

mod bench;
mod contracts;
mod tidy;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

const USAGE: &str = "usage: cargo xtask contracts generate   write docs/contracts from the code
       cargo xtask contracts check      fail where docs/contracts is not what the code says
       cargo xtask tidy                 fail where the tree breaks one of its laws
       cargo xtask bench [--json] [NAME...]   measure what is promised of the speed; scripts/bench.sh prepares it";

/// The workspace's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let folder = root().join("docs/contracts");
    let found = match arguments.as_slice() {
        ["contracts", "generate"] => contracts::generate(&folder).map(|written| {
            written.iter().for_each(|file| println!("{file} written"));
            Vec::new()
        }),
        ["contracts", "check"] => contracts::check(&folder),
        ["tidy"] => tidy::check(&root()),
        ["bench", names @ ..] => bench::run(names),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match found {
        Ok(complaints) if complaints.is_empty() => ExitCode::SUCCESS,
        Ok(complaints) => {
            complaints.iter().for_each(|complaint| eprintln!("{complaint}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A file or a program that this command needs did not do.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{}: {source}", .path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{file}: {why}")]
    Unreadable { file: String, why: String },
    #[error("git could not list the tree: {0}")]
    Git(String),
    #[error("bench: {0}")]
    Bench(String),
}

impl Failure {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    /// A bench that could not run.
    fn bench(why: impl std::fmt::Display) -> Self {
        Self::Bench(format!("{why}"))
    }
}
