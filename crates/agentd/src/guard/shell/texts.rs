//! Programs that show or sift texts, where a word of theirs can do more than name a file.

use super::{
    call::Call,
    files::take_apart,
    options::{self, Style},
    output,
    state::Flow,
    walk::Judge,
};

type Own = fn(&mut Judge<'_>, Call<'_>) -> Flow;

pub(super) const OWN: &[(&str, Own)] =
    &[("less more most pg", pager), ("jq gojq jaq", jq), ("readelf objdump nm size strings", binary)];

const LESS: &str = "a:o,log-file= a:O,LOG-FILE= a:k,lesskey-file= a:lesskey-src= a:lesskey-content= a:P,prompt= a:T,tag-file= a:t,tag= -:p,pattern= -:x,tabs= -:b= -:h= -:j= -:y= -:z=";

fn pager(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    // Only of less are the letters known that take a value.
    let description = if call.name == "less" { LESS } else { "a:o= a:O= a:P= a:k=" };
    let parsed = take_apart(judge, &call, description);
    for operand in &parsed.operands {
        match operand.prefix().strip_prefix('+') {
            // It does what would be typed: `+G` and a search are harmless, `+!` is a shell.
            Some(typed)
                if operand.known().is_none()
                    || !(matches!(typed, "F" | "G" | "+G")
                        || typed.bytes().all(|byte| byte.is_ascii_digit())
                        || typed.starts_with('/')) =>
            {
                judge.ask("hidden_command", format!("{} would do what follows the +", call.name));
            }
            Some(_) => {}
            None => judge.reads(operand, &call.state),
        }
    }
    Flow::plain(call.state)
}

/// A program for jq may take in other files.
fn jq(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = "m:f,from-file= -:arg= -:argjson= a:slurpfile a:rawfile a:argfile a:L,library-path -:indent= -:seq -:stream -:args -:jsonargs -:tab";
    let parsed = take_apart(judge, &call, description);
    let state = &call.state;
    // With -f the file is named by the option, or by the first operand.
    let file = parsed.value("f").cloned();
    let (program, files) = match parsed.operands.split_first() {
        Some((program, files)) if file.is_none() => (program.known().map(str::to_owned), files),
        _ => (None, parsed.operands.as_slice()),
    };
    if let Some(file) = &file {
        judge.reads(file, state);
    }
    let program = program.or_else(|| {
        let stream = judge.contents(file.as_ref()?, state);
        judge.text_of(&stream)
    });
    if !(parsed.operands.is_empty() && file.is_none()) && program.is_none_or(|text| takes_in(&text)) {
        judge.ask("unknown_source", "which files a program for jq takes in can't be said before it runs");
    }
    files.iter().for_each(|file| judge.reads(file, state));
    let out = output::of(judge, &call);
    Flow::both(call.state, out)
}

/// Whether a program takes in another file: a word for it before a name in quotes.
fn takes_in(program: &str) -> bool {
    ["import", "include"].iter().any(|word| {
        program.match_indices(word).any(|(at, _)| {
            let alone = !program[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || "_.$:".contains(c));
            alone && program[at + word.len()..].trim_start().starts_with(['"', '#'])
        })
    })
}

/// `@file` names a file of options, and a plug-in is code.
fn binary(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = if call.name == "strings" {
        "-:n,bytes= -:e,encoding="
    } else {
        "a:plugin= a:dwarf-start= a:debug-file-directory="
    };
    let parsed = options::parse(call.arguments, description, Style::default());
    judge.parsed_options(&parsed, description, &call);
    for operand in call.arguments {
        if operand.prefix().starts_with('@')
            || operand.known().is_none() && operand.may_be_option() && operand.is_open()
        {
            judge.ask("unknown_argument", format!("{} {} may be any options", call.name, operand.show()));
        }
    }
    parsed.operands.iter().for_each(|file| judge.reads(file, &call.state));
    Flow::plain(call.state)
}
