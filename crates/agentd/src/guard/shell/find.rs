//! find and xargs: they run commands on what they find or are told.

use super::{
    call::Call,
    options::{self, Style},
    state::{Flow, State},
    value::{Bit, Seen, Stream, Value},
    walk::Judge,
};
use crate::guard::pattern::Pattern;

type Own = fn(&mut Judge<'_>, Call<'_>) -> Flow;

pub(super) const OWN: &[(&str, Own)] =
    &[("find gfind", find), ("xargs gxargs", xargs), ("fd fdfind", fd), ("locate mlocate plocate", locate)];

/// What a listing of these folders is: nothing to fear where there is no secret in them. `seen_from_root` where it
/// names paths as the folders were named.
pub(super) fn listed(judge: &Judge<'_>, folders: &[Value], state: &State, seen_from_root: bool) -> Stream {
    if !folders.iter().all(|folder| judge.is_open_below(folder, state)) {
        return Stream::Unknown;
    }
    let absolute = seen_from_root && folders.iter().all(|folder| folder.prefix().starts_with('/'));
    Stream::Listing(if absolute { Seen::Root } else { Seen::Here })
}

/// Tests and actions that take one argument which does not matter.
const WITH_VALUE: &[&str] = &[
    "-name",
    "-iname",
    "-path",
    "-ipath",
    "-wholename",
    "-iwholename",
    "-regex",
    "-iregex",
    "-lname",
    "-ilname",
    "-type",
    "-xtype",
    "-size",
    "-mtime",
    "-mmin",
    "-atime",
    "-amin",
    "-ctime",
    "-cmin",
    "-newer",
    "-anewer",
    "-cnewer",
    "-perm",
    "-user",
    "-group",
    "-uid",
    "-gid",
    "-links",
    "-inum",
    "-samefile",
    "-fstype",
    "-maxdepth",
    "-mindepth",
    "-printf",
    "-regextype",
    "-used",
    "-context",
    "-newermt",
    "-newerct",
    "-newerat",
    "-newermm",
    "-newercm",
    "-newercc",
];
const WITHOUT_VALUE: &[&str] = &[
    "-print",
    "-print0",
    "-ls",
    "-prune",
    "-quit",
    "-empty",
    "-executable",
    "-readable",
    "-writable",
    "-true",
    "-false",
    "-not",
    "-a",
    "-and",
    "-o",
    "-or",
    "-depth",
    "-d",
    "-mount",
    "-xdev",
    "-daystart",
    "-follow",
    "-noleaf",
    "-nouser",
    "-nogroup",
    "-warn",
    "-nowarn",
    "-ignore_readdir_race",
    "-H",
    "-L",
    "-P",
    "-noignore_readdir_race",
    "-E",
    "-X",
    "-x",
    "-s",
];

fn find(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let state = &call.state;
    let arguments = call.arguments;
    let is_test =
        |argument: &Value| matches!(argument.known(), Some("(" | ")" | "!" | ",")) || argument.may_be_option();
    let start = arguments
        .iter()
        .position(|argument| !matches!(argument.known(), Some("-H" | "-L" | "-P")))
        .unwrap_or(arguments.len());
    let roots_end = arguments[start..].iter().position(is_test).map_or(arguments.len(), |at| start + at);
    let here = [Value::text(".")];
    let roots = if start == roots_end { &here[..] } else { &arguments[start..roots_end] };
    let mut prints_names = true;
    let mut rest = arguments[roots_end..].iter();
    while let Some(argument) = rest.next() {
        match argument.known() {
            Some("(" | ")" | "!" | ",") => {}
            Some("-delete") => {
                for root in roots {
                    judge.removes(root, state);
                }
            }
            Some("-exec" | "-execdir" | "-ok" | "-okdir") => {
                let words: Vec<Value> =
                    rest.by_ref().take_while(|word| !matches!(word.known(), Some(";" | "+"))).cloned().collect();
                found_command(judge, &words, roots, argument.known() == Some("-execdir"), &call);
                prints_names = false;
            }
            Some("-fprint" | "-fprint0" | "-fls") => rest.next().into_iter().for_each(|file| judge.writes(file, state)),
            Some("-fprintf") => {
                rest.next().into_iter().for_each(|file| judge.writes(file, state));
                rest.next();
            }
            Some("-files0-from") => {
                judge.ask("unknown_source", "where find looks is said in a file");
                rest.next();
            }
            Some(test) if WITH_VALUE.contains(&test) => {
                prints_names &= test != "-printf";
                rest.next();
            }
            Some(test) if WITHOUT_VALUE.contains(&test) || test.starts_with("-O") => {}
            Some("-D") => drop(rest.next()),
            // What follows an expression's beginning is no folder any more.
            Some(test) => judge.ask("unknown_argument", format!("find {test} is not known to be harmless")),
            None => judge.ask("unknown_argument", format!("{} may become an action of find", argument.show())),
        }
    }
    let out = if prints_names { listed(judge, roots, state, true) } else { Stream::Unknown };
    Flow::both(call.state, out)
}

/// Judges the command that find runs on what it found.
fn found_command(judge: &mut Judge<'_>, words: &[Value], roots: &[Value], in_its_folder: bool, call: &Call<'_>) {
    if runs_shell(words) {
        judge.ask("hidden_command", "find gives names to a shell as commands or arguments");
    }
    for root in roots {
        let mut found = root.clone();
        found.push(Bit::Below);
        if root.many || root.may_be_option() {
            found = Value::any();
        }
        let replaced: Vec<Value> = words
            .iter()
            .map(|word| match word.known() {
                Some("{}") => found.clone(),
                Some(text) if text.contains("{}") => replaced_in(text, &found),
                _ => word.clone(),
            })
            .collect();
        let mut inner = call.state.clone();
        if in_its_folder {
            inner.cwd = judge
                .patterns(root, &call.state)
                .map(|patterns| patterns.into_iter().map(Pattern::and_below).collect())
                .unwrap_or_default();
        }
        judge.dispatch(&replaced, inner, true);
    }
}

fn replaced_in(text: &str, found: &Value) -> Value {
    let mut value = Value::default();
    for (index, part) in text.split("{}").enumerate() {
        if index > 0 {
            value.extend(found);
        }
        value.push_text(part);
    }
    value
}

fn runs_shell(words: &[Value]) -> bool {
    let shells = ["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox", "eval"];
    words
        .iter()
        .take(3)
        .any(|word| word.known().is_some_and(|text| shells.contains(&text.rsplit('/').next().unwrap_or(text))))
}

fn xargs(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = "m:I,replace-str= m:i,replace=? -:n,max-args= -:P,max-procs= -:L,max-lines= -:l=? -:0,null -:r,no-run-if-empty -:d,delimiter= m:a,arg-file= -:E,eof= -:e=? \
        -:s,max-chars= -:t,verbose -:x,exit a:p,interactive a:process-slot-var= a:o,open-tty -:show-limits -:R= -:J= -:S=";
    let parsed = options::parse(call.arguments, description, Style { leading: true, ..Style::default() });
    judge.parsed_options(&parsed, description, &call);
    if !parsed.unknown.is_empty() {
        judge.ask("unknown_argument", "xargs has an option that is not known");
    }
    let Some(command) = parsed.operands.first() else {
        return Flow::plain(call.state);
    };
    let input = match (parsed.value("a"), &call.state.stdin) {
        (Some(file), _) => {
            judge.reads(file, &call.state);
            Value::any()
        }
        (None, _) => judge.names_given(&call.state),
    };
    let input = Value { many: true, ..input };
    if runs_shell(&parsed.operands) {
        judge.ask("hidden_command", "xargs gives what it reads to a shell as commands or arguments");
    }
    if removes_all(&parsed.operands) {
        judge.ask("unknown_target", "what xargs removes can't be said before it runs");
    }
    let place = if parsed.has("I") {
        parsed.value("I").and_then(Value::known).map(str::to_owned)
    } else {
        parsed.has("i").then(|| "{}".to_owned())
    };
    let words: Vec<Value> = match place {
        Some(place) if !place.is_empty() => {
            let one = Value { many: false, ..input };
            let put = |word: &Value| match word.known() {
                Some(text) if text.contains(&place) => replaced_in(&text.replace(&place, "{}"), &one),
                _ => word.clone(),
            };
            parsed.operands.iter().map(put).collect()
        }
        _ => parsed.operands.iter().cloned().chain([input]).collect(),
    };
    if command.known().is_none() {
        judge.ask("unknown_command", "which program xargs runs can't be said before it runs");
        return Flow::plain(call.state);
    }
    let inner = State { stdin: Stream::Text(String::new()), ..call.state.clone() };
    judge.dispatch(&words, inner, true);
    Flow::plain(call.state)
}

fn removes_all(words: &[Value]) -> bool {
    let removes = words
        .iter()
        .any(|word| word.known().is_some_and(|text| matches!(text.rsplit('/').next(), Some("rm" | "shred"))));
    let all = words.iter().any(|word| {
        word.known().is_some_and(|text| {
            text.starts_with('-') && (text.starts_with("--r") || (!text.starts_with("--") && text.contains(['r', 'R'])))
        })
    });
    removes && all
}

fn fd(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = "a:x,exec a:X,exec-batch -:e,extension= -:t,type= -:d,max-depth= -:E,exclude= r:ignore-file= -:S,size= -:c,color= -:j,threads= -:C,base-directory= -:search-path= a:gen-completions=?";
    let parsed = options::parse(call.arguments, description, Style::default());
    judge.parsed_options(&parsed, description, &call);
    let here = [Value::text(".")];
    let folders = parsed.operands.get(1..).filter(|folders| !folders.is_empty()).unwrap_or(&here);
    let out = listed(judge, folders, &call.state, true);
    Flow::both(call.state, out)
}

fn locate(_: &mut Judge<'_>, call: Call<'_>) -> Flow {
    Flow::plain(call.state)
}
