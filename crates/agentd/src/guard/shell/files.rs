//! Programs that copy, move, remove and change files.

use super::{
    call::Call,
    options::{self, Parsed, Style},
    state::{Flow, State},
    value::{Bit, Value},
    walk::Judge,
};

type Own = fn(&mut Judge<'_>, Call<'_>) -> Flow;

pub(super) const OWN: &[(&str, Own)] = &[
    ("rm", rm),
    ("cp mv ginstall install", copy),
    ("ln link", ln),
    ("rsync", rsync),
    ("dd dcfldd ddrescue", dd),
    ("shred srm wipe", shred),
    ("chmod chown chgrp chattr setfacl chcon restorecon", change),
    ("patch", patch),
    ("rename prename perl-rename mmv zmv", |judge, call| {
        judge.ask("script_unjudged", format!("{} runs code that can't be judged", call.name));
        Flow::plain(call.state)
    }),
];

fn take_apart(judge: &mut Judge<'_>, call: &Call<'_>, description: &'static str) -> Parsed {
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
            judge.writes(operand, state);
        }
    }
    Flow::plain(call.state)
}

/// Where a copy lands: in the folder where there is one, else at the name itself.
fn destinations(judge: &Judge<'_>, target: &Value, sources: &[Value], folder: bool, state: &State) -> Vec<Value> {
    let is_folder = folder
        || target.ends_with('/')
        || sources.len() > 1
        || sources.iter().any(|source| source.many || source.is_glob())
        || is_dir(judge, target, state);
    if !is_folder {
        return vec![target.clone()];
    }
    sources.iter().map(|source| inside(target, source)).collect()
}

fn is_dir(judge: &Judge<'_>, value: &Value, state: &State) -> bool {
    let patterns = judge.patterns(value, state).unwrap_or_default();
    patterns.iter().any(|pattern| pattern.path().is_some_and(|path| path.is_dir()))
}

/// The folder's path with the last name of another path.
fn inside(folder: &Value, source: &Value) -> Value {
    let mut path = folder.clone();
    path.push_text("/");
    let mut name = Value::default();
    for bit in &source.bits {
        match bit {
            Bit::Text(text) => match text.trim_end_matches('/').rsplit_once('/') {
                Some((_, last)) => {
                    name = Value::text(last);
                }
                None => name.push_text(text.trim_end_matches('/')),
            },
            Bit::Below | Bit::Listed(_) | Bit::Any => name = Value::of(Bit::Name),
            bit => name.push(bit.clone()),
        }
    }
    if matches!(name.known(), Some("" | "." | "..")) {
        // All that is in the source lands in the folder itself.
        path.push_text(".");
    } else {
        path.extend(&name);
    }
    path
}

const COPY: &str = "m:r,R,recursive m:a,archive -:d m:t,target-directory= m:T,no-target-directory -:S,suffix= -:b,backup=? -:preserve=? -:p -:reflink=? -:sparse=? -:no-preserve= \
    -:f -:i -:n -:u,update=? -:v -:l,link m:s,symbolic-link -:Z,context=? -:strip-trailing-slashes -:parents";
const INSTALL: &str = "m:d,directory m:t,target-directory= m:T,no-target-directory m:m,mode= -:o,owner= -:g,group= -:S,suffix= -:b,backup=? a:strip-program= a:s,strip -:p -:D -:C -:c -:v -:Z,context=?";

/// cp, mv and install: what is read, what is removed, what is written.
fn copy(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let installs = call.name.ends_with("install");
    let moves = call.name == "mv";
    let parsed = take_apart(judge, &call, if installs { INSTALL } else { COPY });
    let state = &call.state;
    if let Some(unclear) = parsed.unclear.as_ref().filter(|unclear| unclear.is_open()) {
        judge.ask("unknown_target", format!("what {} names can't be said before it runs", unclear.show()));
    }
    if let Some(mode) = parsed.value("m") {
        checks_mode(judge, mode);
    }
    if parsed.has("d") && installs {
        parsed.operands.iter().for_each(|folder| judge.writes(folder, state));
        return Flow::plain(call.state);
    }
    let deep = moves || (!installs && (parsed.has("r") || parsed.has("a")));
    let (target, sources, folder) = match (parsed.value("t"), parsed.operands.split_last()) {
        (Some(target), _) => (target.clone(), parsed.operands.as_slice(), true),
        (None, Some((target, sources))) => (target.clone(), sources, false),
        (None, None) => return Flow::plain(call.state),
    };
    for source in sources {
        match (moves, deep) {
            (true, _) => judge.removes(source, state),
            (false, true) => judge.reads_below(source, state),
            (false, false) => judge.reads(source, state),
        }
        if !installs && parsed.has("s") {
            links_to(judge, source, &target, state);
        }
    }
    if target.many && target.known().is_none() {
        judge.ask("unknown_target", format!("what {} names can't be said before it runs", target.show()));
    }
    for destination in destinations(judge, &target, sources, folder && !parsed.has("T"), state) {
        if deep { judge.writes_below(&destination, state) } else { judge.writes(&destination, state) }
    }
    Flow::plain(call.state)
}

/// A link is another name: it must not be one for something guarded, or for a folder that holds something guarded.
fn links_to(judge: &mut Judge<'_>, source: &Value, target: &Value, state: &State) {
    // A symbolic link's text is seen from the link's folder.
    let from_link = if source.prefix().starts_with('/') {
        source.clone()
    } else {
        let mut path = Value::default();
        for bit in &target.bits {
            path.push(bit.clone());
        }
        path.push_text("/../");
        path.extend(source);
        path
    };
    for place in [source, &from_link] {
        judge.reads_below(place, state);
        judge.writes_below(place, state);
    }
}

fn ln(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let parsed = take_apart(
        judge,
        &call,
        "m:s,symbolic -:f,force -:n,no-dereference -:r,relative m:t,target-directory= m:T,no-target-directory -:S,suffix= -:b,backup=? -:i -:v -:L -:P",
    );
    let state = &call.state;
    if let Some(unclear) = parsed.unclear.as_ref().filter(|unclear| unclear.is_open()) {
        judge.ask("unknown_target", format!("what {} names can't be said before it runs", unclear.show()));
    }
    let here = Value::text(".");
    let (target, sources, folder) = match (parsed.value("t"), parsed.operands.as_slice()) {
        (Some(target), sources) => (target, sources, true),
        (None, [only]) => (&here, std::slice::from_ref(only), true),
        (None, [sources @ .., target]) => (target, sources, false),
        (None, []) => return Flow::plain(call.state),
    };
    for destination in destinations(judge, target, sources, folder && !parsed.has("T"), state) {
        judge.writes(&destination, state);
        // Without -n a link lands inside the folder that another link leads to.
        for source in sources {
            links_to(judge, source, &destination, state);
        }
    }
    Flow::plain(call.state)
}

fn rsync(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = "a:e,rsh= a:rsync-path= a:daemon a:config= a:M,remote-option= a:delete a:del a:delete-before a:delete-after a:delete-during a:delete-delay a:delete-excluded \
        a:delete-missing-args a:remove-source-files w:log-file= b:backup-dir= b:T,temp-dir= b:partial-dir= w:write-batch= w:only-write-batch= r:read-batch= \
        r:files-from= r:exclude-from= r:include-from= r:password-file= r:compare-dest= r:copy-dest= r:link-dest= a:early-input= -:f,filter= -:exclude= -:include= \
        -:B,block-size= -:bwlimit= -:timeout= -:port= -:chmod= -:chown= -:info= -:debug= -:max-size= -:min-size= -:modify-window= -:suffix= -:usermap= -:groupmap= \
        -:out-format= -:a,archive -:r -:v -:z -:n,dry-run -:P -:h -:u -:l -:p -:t -:g -:o -:D -:H -:A -:X -:S -:x -:c -:i -:q -:progress -:stats -:partial -:4 -:6";
    let parsed = take_apart(judge, &call, description);
    let state = &call.state;
    let remote = |value: &Value| value.prefix().split('/').next().is_some_and(|head| head.contains(':'));
    if call.arguments.iter().any(remote)
        || call.arguments.iter().any(|argument| argument.prefix().starts_with("rsync://"))
    {
        judge.ask("remote_shell", "rsync reaches another machine");
    }
    if let Some((target, sources)) = parsed.operands.split_last() {
        sources.iter().for_each(|source| judge.reads_below(source, state));
        if !sources.is_empty() {
            for source in sources {
                let merged = source.ends_with('/') || source.many;
                let place = if merged { target.clone() } else { inside(target, source) };
                judge.writes_below(&place, state);
            }
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
        "-:n,iterations= -:s,size= r:random-source= -:u,remove=? -:z,zero -:x -:v -:f -:r m:R",
    );
    for operand in &parsed.operands {
        judge.removes(operand, &call.state);
    }
    Flow::plain(call.state)
}

/// A mode that gives the rights of a file's owner or group to whoever runs it.
fn checks_mode(judge: &mut Judge<'_>, mode: &Value) {
    let setuid = match mode.known() {
        None => true,
        Some(text) => text.split(',').any(|part| {
            let octal = part.trim_start_matches(['+', '-', '=']);
            if !octal.is_empty() && octal.bytes().all(|byte| byte.is_ascii_digit()) {
                !part.starts_with('-') && u32::from_str_radix(octal, 8).is_ok_and(|bits| bits & 0o6000 != 0)
            } else {
                part.split(['+', '=']).skip(1).any(|rights| rights.contains('s'))
            }
        }),
    };
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
    let mode_as_option = call.name == "chmod"
        && call.arguments.iter().any(|argument| {
            argument
                .prefix()
                .strip_prefix('-')
                .is_some_and(|text| !text.is_empty() && text.chars().all(|c| "rwxXstugoa,+-=01234567".contains(c)))
        });
    let takes_first = !(parsed.has("reference") || mode_as_option || matches!(call.name, "setfacl" | "restorecon"));
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
    for file in files {
        // A folder's own mode decides over all that is in it.
        judge.writes_below(file, state);
        if parsed.has("R") {
            judge.removes(file, state);
        }
    }
    Flow::plain(call.state)
}

/// What a patch changes it says itself; it stays below the folder that it runs in.
fn patch(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = "w:o,output= w:r,reject-file= b:d,directory= r:i,input= a:e,ed -:p,strip= -:F,fuzz= -:B,prefix= -:D,ifdef= -:g,get= -:V,version-control= -:Y= -:z,suffix= a:follow-symlinks";
    let parsed = take_apart(judge, &call, description);
    parsed.operands.iter().for_each(|file| judge.writes(file, &call.state));
    judge.writes_below(&Value::text("."), &call.state);
    Flow::plain(call.state)
}
