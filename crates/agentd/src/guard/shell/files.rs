//! Programs that remove, overwrite and change files.

use super::{
    call::Call,
    options::{self, Parsed, Style},
    output,
    state::Flow,
    value::Value,
    walk::Judge,
};

type Own = fn(&mut Judge<'_>, Call<'_>) -> Flow;

pub(super) const OWN: &[(&str, Own)] = &[
    ("rm", rm),
    ("rmdir unlink", |judge, call| {
        let parsed = take_apart(judge, &call, "-:p,parents -:v,verbose -:ignore-fail-on-non-empty");
        parsed.operands.iter().for_each(|file| judge.alters(file, &call.state));
        let out = output::of(judge, &call);
        Flow::both(call.state, out)
    }),
    ("dd dcfldd ddrescue", dd),
    ("shred srm wipe", shred),
    ("chmod chown chgrp chattr setfacl chcon restorecon", change),
    ("patch", patch),
    ("rename prename perl-rename mmv zmv", |judge, call| {
        judge.ask("script_unjudged", format!("{} runs code that can't be judged", call.name));
        Flow::plain(call.state)
    }),
];

pub(super) fn take_apart(judge: &mut Judge<'_>, call: &Call<'_>, description: &'static str) -> Parsed {
    let parsed = options::parse(call.arguments, description, Style::default());
    judge.parsed_options(&parsed, description, call);
    parsed
}

fn rm(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let parsed = take_apart(
        judge,
        &call,
        "m:r,R,recursive -:f,force -:i -:I -:v,verbose -:d,dir -:one-file-system m:no-preserve-root -:preserve-root=? -:interactive=?",
    );
    let state = &call.state;
    let recursive = parsed.has("r") || parsed.unclear.as_ref().is_some_and(Value::is_open);
    if parsed.has("no-preserve-root") {
        judge.ask("system_folder", "rm --no-preserve-root is meant for the root folder");
    }
    for operand in &parsed.operands {
        if recursive {
            judge.removes(operand, state);
        } else {
            judge.alters(operand, state);
        }
    }
    Flow::plain(call.state)
}

fn dd(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    for argument in call.arguments {
        match argument.split_once('=') {
            Some((key, value)) => match key.known() {
                Some("if") => judge.reads(&value, &call.state),
                Some("of" | "ofs") => judge.writes(&value, &call.state),
                Some(_) => {}
                None => judge.ask("unknown_argument", "what dd is told can't be said before it runs"),
            },
            None if argument.known().is_some() => {
                if call.name != "dd" {
                    judge.writes(argument, &call.state);
                }
            }
            None => judge.ask("unknown_argument", "what dd is told can't be said before it runs"),
        }
    }
    Flow::plain(call.state)
}

fn shred(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let parsed = take_apart(
        judge,
        &call,
        "-:n,iterations= -:s,size= r:random-source= -:u -:remove=? -:z,zero -:x -:v -:f -:r m:R",
    );
    for operand in &parsed.operands {
        judge.removes(operand, &call.state);
    }
    Flow::plain(call.state)
}

/// A mode that gives the rights of a file's owner or group to whoever runs it.
pub(super) fn checks_mode(judge: &mut Judge<'_>, mode: &Value) {
    let setuid = mode.known().is_none_or(|text| {
        text.split(',').any(|part| {
            let octal = part.trim_start_matches(['+', '-', '=']);
            if !octal.is_empty() && octal.bytes().all(|byte| byte.is_ascii_digit()) {
                !part.starts_with('-') && u32::from_str_radix(octal, 8).is_ok_and(|bits| bits & 0o6000 != 0)
            } else {
                part.split(['+', '=']).skip(1).any(|rights| rights.contains('s'))
            }
        })
    });
    if setuid {
        judge.ask("setuid", "a program would run with another's rights");
    }
}

/// chmod and its like: the first operand says what becomes of the others.
fn change(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = match call.name {
        "setfacl" => {
            "m:R,recursive m:m,modify= m:x,remove= a:M,modify-file= a:X,remove-file= m:set= a:set-file= a:restore= m:b m:k m:d"
        }
        "chattr" => "m:R,recursive -:v= -:p= -:f -:V",
        "chcon" => "m:R,recursive m:u= m:r= m:t= m:l= r:reference=",
        _ => {
            "m:R,recursive m:reference= -:c -:f -:v -:h,no-dereference -:H -:L -:P -:from= -:preserve-root -:no-preserve-root -:dereference -:changes -:silent -:quiet -:verbose"
        }
    };
    let parsed = options::parse(call.arguments, description, Style::default());
    judge.parsed_options(&parsed, description, &call);
    let state = &call.state;
    // `chmod -x file` has a mode that looks like an option.
    let is_mode = |argument: &&Value| {
        let text = argument.prefix().strip_prefix('-').unwrap_or_default();
        !text.is_empty() && text != "-" && text.chars().all(|c| "rwxXstugoa,+-=01234567".contains(c))
    };
    let modes: Vec<&Value> = call.arguments.iter().filter(|_| call.name == "chmod").filter(is_mode).collect();
    modes.iter().for_each(|mode| checks_mode(judge, mode));
    let mode_as_option = !modes.is_empty();
    let takes_first =
        !(parsed.has("reference") || mode_as_option || matches!(call.name, "setfacl" | "restorecon" | "chattr"));
    let (first, files) = match parsed.operands.split_first() {
        Some((first, files)) if takes_first => (Some(first), files),
        _ => (None, parsed.operands.as_slice()),
    };
    if call.name == "chmod" {
        match first {
            Some(mode) => checks_mode(judge, mode),
            None if parsed.has("reference") => judge.ask("setuid", "which mode is given can't be said"),
            None => {}
        }
    }
    if call.name == "chattr"
        && call
            .arguments
            .iter()
            .any(|argument| argument.prefix().starts_with(['+', '=']) && argument.prefix().contains(['i', 'a']))
    {
        judge.ask("guarded_path", "a file would be locked against any change");
    }
    if let Some(unclear) = parsed.unclear.as_ref().filter(|unclear| unclear.is_open()) {
        judge.ask("unknown_argument", format!("{} may become an option of {}", unclear.show(), call.name));
    }
    let is_attribute =
        |file: &&Value| call.name == "chattr" && file.known().is_some_and(|text| text.starts_with(['+', '=']));
    for file in files.iter().filter(|file| !is_attribute(file)) {
        // A folder's own mode decides over all that is in it.
        judge.alters_below(file, state);
        if parsed.has("R") {
            judge.removes(file, state);
        }
    }
    Flow::plain(call.state)
}

/// What a patch changes it says itself; it stays below the folder that it runs in.
fn patch(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = "w:o,output= w:r,reject-file= b:d,directory= r:i,input= a:e,ed -:p,strip= -:F,fuzz= a:B,prefix= -:D,ifdef= -:g,get= -:V,version-control= a:Y,basename-prefix= a:z,suffix= a:follow-symlinks";
    let parsed = take_apart(judge, &call, description);
    parsed.operands.iter().for_each(|file| judge.writes(file, &call.state));
    judge.writes_below(&Value::text("."), &call.state);
    Flow::plain(call.state)
}
