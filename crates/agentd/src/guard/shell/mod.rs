//! Judges a shell command on its parse: every command in it, wherever the shell would find it. What can't be said before
//! it runs asks.

use std::{fs, path::Path, sync::LazyLock};

use super::{GuardConfig, GuardedPaths, Reason, Verdict, pattern::Pattern};

mod archive;
mod awk;
mod braced;
mod braces;
mod builtins;
mod call;
mod compound;
mod copies;
mod expand;
mod expressions;
mod files;
mod find;
mod functions;
mod git;
mod lex;
mod links;
mod names;
mod network;
mod options;
mod output;
mod parse;
mod pieces;
mod processes;
mod redirect;
mod scan;
mod scripts;
mod sed;
mod simple;
mod state;
mod system;
mod tables;
#[cfg(test)]
mod tests;
mod texts;
mod tool;
mod value;
mod variables;
mod verbs;
mod walk;
mod wrappers;

use self::{scan::Dialect, state::State, value::Stream, walk::Judge};

/// A command that is longer asks: 64 KiB.
const LONGEST: usize = 64 << 10;
/// A script that a command runs, and that is longer, asks: 256 KiB.
const LONGEST_SCRIPT: usize = 256 << 10;
/// So many reasons are given at most.
const MOST_REASONS: usize = 32;

/// Where a command would run, and what is guarded there.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The folder it starts in; absolute.
    pub cwd: &'a Path,
    /// The home folder of the account that it runs as.
    pub home: &'a Path,
    /// The account that it runs as.
    pub uid: u32,
    /// What is guarded.
    pub paths: &'a GuardedPaths,
    /// What the operator adds.
    pub config: &'a GuardConfig,
}

/// What /bin/sh is here; where that can't be told, it must be harmless in every shell.
static DIALECTS: LazyLock<&'static [Dialect]> = LazyLock::new(|| {
    let shell = fs::canonicalize("/bin/sh").unwrap_or_default();
    match shell.file_name().and_then(|name| name.to_str()) {
        Some("dash") => &[Dialect::Sh],
        Some("bash") => &[Dialect::Bash],
        _ => &[Dialect::Sh, Dialect::Bash],
    }
});

/// Whether a command for /bin/sh needs leave. Never panics; text that can't be judged asks.
pub fn judge(command: &str, scene: &Scene<'_>) -> Verdict {
    judge_as(command, scene, &DIALECTS)
}

fn judge_as(command: &str, scene: &Scene<'_>, dialects: &[Dialect]) -> Verdict {
    if let Some(reason) = unreadable(command) {
        return Verdict::Asks(vec![reason]);
    }
    let mut reasons: Vec<Reason> = Vec::new();
    for dialect in dialects {
        let state = State {
            variables: Default::default(),
            cwd: Pattern::of(scene.cwd).into_iter().collect(),
            functions: Default::default(),
            arguments: Some(Default::default()),
            stdin: Stream::Text(String::new()),
            errexit: false,
            traps: vec![],
        };
        let mut judge = Judge::new(scene, *dialect);
        judge.whole(command, state);
        reasons.extend(judge.reasons.into_iter().filter(|reason| !reasons.contains(reason)).collect::<Vec<_>>());
    }
    if reasons.is_empty() { Verdict::Ordinary } else { Verdict::Asks(reasons) }
}

/// What no person could read aright in a question, or no parser should be given.
fn unreadable(command: &str) -> Option<Reason> {
    if command.len() > LONGEST {
        return Some(Reason::new(
            "too_long",
            format!("{} bytes are too many to be judged; {LONGEST} are not", command.len()),
        ));
    }
    let odd = |c: char| match c {
        '\n' | '\t' => false,
        // What writes the line the other way round, or is not seen at all.
        '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}'
        | '\u{2028}'
        | '\u{2029}' => true,
        c => c.is_control(),
    };
    command
        .chars()
        .find(|c| odd(*c))
        .map(|c| Reason::new("unprintable", format!("it holds the sign {} that is not seen", c.escape_unicode())))
}
