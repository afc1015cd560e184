//! Programs that run another program: what they run is judged.

use std::rc::Rc;

use super::{
    call::Call,
    options::{self, Style},
    scan::Dialect,
    state::Flow,
    value::Value,
    walk::Judge,
};

type Own = fn(&mut Judge<'_>, Call<'_>) -> Flow;

pub(super) const OWN: &[(&str, Own)] = &[
    ("env", env),
    ("sudo doas", sudo),
    ("su runuser", su),
    ("pkexec", |judge, call| simple(judge, call, "-:user= -:disable-internal-agent -:keep-cwd", 0)),
    ("nice", |judge, call| simple(judge, call, "-:n,adjustment=", 0)),
    ("ionice", |judge, call| simple(judge, call, "-:c,class= -:n,classdata= -:t a:p,pid= a:P,pgid= a:u,uid=", 0)),
    ("nohup", |judge, call| simple(judge, call, "", 0)),
    ("setsid", |judge, call| simple(judge, call, "-:c,ctty -:f,fork -:w,wait", 0)),
    ("stdbuf", |judge, call| simple(judge, call, "-:i,input= -:o,output= -:e,error=", 0)),
    ("timeout", |judge, call| {
        simple(judge, call, "-:k,kill-after= -:s,signal= -:foreground -:preserve-status -:v,verbose", 1)
    }),
    ("chrt", |judge, call| {
        simple(judge, call, "a:p,pid -:T,sched-runtime= -:P,sched-period= -:D,sched-deadline= -:b -:f -:i -:o -:r", 1)
    }),
    ("taskset", |judge, call| simple(judge, call, "a:p,pid -:c,cpu-list -:a", 1)),
    ("time", |judge, call| simple(judge, call, "w:o,output= -:f,format= -:a -:p -:v", 0)),
    ("chronic unbuffer", |judge, call| simple(judge, call, "", 0)),
    ("numactl", |judge, call| {
        simple(
            judge,
            call,
            "-:N,cpunodebind= -:m,membind= -:i,interleave= -:C,physcpubind= -:p,preferred= -:l -:H,hardware -:s,show",
            0,
        )
    }),
    ("flock", flock),
    ("watch", watch),
    ("parallel", parallel),
    ("unshare", unshare),
];

/// A wrapper with options, then operands of its own, then the command.
fn simple(judge: &mut Judge<'_>, call: Call<'_>, description: &'static str, own: usize) -> Flow {
    let parsed = options::parse(call.arguments, description, Style { leading: true, ..Style::default() });
    judge.parsed_options(&parsed, description, &call);
    if let Some(unclear) = &parsed.unclear {
        judge.unclear(unclear, call.name, &call.state);
    }
    // A number as an option: `nice -5`.
    let odd = parsed.unknown.iter().any(|name| !name.bytes().all(|byte| byte.is_ascii_digit()));
    if odd {
        judge.ask("unknown_argument", format!("{} has an option that is not known", call.name));
    }
    if parsed.operands.iter().take(own + 1).any(|operand| operand.many) {
        judge.ask("unknown_command", format!("which program {} runs can't be said before it runs", call.name));
        return Flow::plain(call.state);
    }
    judge.dispatch(parsed.operands.get(own..).unwrap_or_default(), call.state, true)
}

/// Takes `NAME=value` off the front. Nothing where an argument may be one and can't be said.
fn assignments<'v>(judge: &mut Judge<'_>, mut rest: &'v [Value], call: &Call<'_>) -> &'v [Value] {
    while let Some((first, after)) = rest.split_first() {
        let Some((name, _)) = first.split_once('=') else { break };
        match name.known() {
            Some(name) => judge.checks_name(name),
            None => judge.ask("environment", format!("which variable {} sets can't be said before it runs", call.name)),
        }
        rest = after;
    }
    rest
}

fn env(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = "-:i,ignore-environment -:0,null -:u,unset= m:C,chdir= m:S,split-string= -:v,debug -:block-signal=? -:default-signal=? -:ignore-signal=? -:a,argv0=";
    let parsed = options::parse(call.arguments, description, Style { leading: true, ..Style::default() });
    if !parsed.unknown.is_empty() || parsed.unclear.is_some() {
        judge.ask("unknown_argument", "env has an option that is not known");
    }
    let mut state = call.state.clone();
    if let Some(folder) = parsed.value("C") {
        state.cwd = judge.patterns(folder, &call.state).unwrap_or_default();
    }
    if let Some(text) = parsed.value("S") {
        match text.known() {
            Some(text) if !text.contains(['\\', '$', '\'', '"', '#']) => {
                let mut words: Vec<Value> = text.split_ascii_whitespace().map(Value::text).collect();
                words.extend(parsed.operands.iter().cloned());
                let rest = assignments(judge, &words, &call).to_vec();
                judge.dispatch(&rest, state, true);
            }
            _ => judge.ask("hidden_command", "what env -S runs can't be said before it runs"),
        }
        return Flow::plain(call.state);
    }
    let rest = assignments(judge, &parsed.operands, &call);
    let out = judge.dispatch(rest, state, true).out;
    Flow::both(call.state, out)
}

fn sudo(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = "m:i,login m:s,shell m:e,edit -:n,non-interactive -:b,background -:E -:preserve-env=? -:H,set-home -:u,user= -:g,group= -:p,prompt= -:k,reset-timestamp \
        -:K,remove-timestamp -:v,validate -:A,askpass -:S,stdin -:C,close-from= -:T,command-timeout= a:R,chroot= m:D,chdir= m:l,list a:h,host= -:P -:B a:r,role= a:t,type= a:L";
    let parsed = options::parse(call.arguments, description, Style { leading: true, ..Style::default() });
    judge.parsed_options(&parsed, description, &call);
    if !parsed.unknown.is_empty() || parsed.unclear.is_some() {
        judge.ask("unknown_argument", format!("{} has an option that is not known", call.name));
    }
    if parsed.has("l") {
        return Flow::plain(call.state);
    }
    if parsed.has("e") {
        parsed.operands.iter().for_each(|file| judge.writes(file, &call.state));
        judge.ask("script_unjudged", "an editor runs code that can't be judged");
        return Flow::plain(call.state);
    }
    let mut state = call.state.clone();
    if let Some(folder) = parsed.value("D") {
        state.cwd = judge.patterns(folder, &call.state).unwrap_or_default();
    }
    let rest = assignments(judge, &parsed.operands, &call);
    if rest.is_empty() && (parsed.has("i") || parsed.has("s")) {
        judge.ask("piped_into_shell", format!("{} starts a shell of another account", call.name));
    }
    // A login shell gets the words as a text, and starts in the other account's home.
    if parsed.has("i") {
        state.cwd.clear();
    }
    if (parsed.has("i") || parsed.has("s"))
        && !rest.iter().all(Value::is_plain)
        && rest.iter().any(|word| word.known().is_none_or(|text| text.contains(['$', '`', '\'', '"', '*', '~'])))
    {
        judge.ask("hidden_command", format!("{} gives the words to a shell once more", call.name));
    }
    let out = judge.dispatch(rest, state, true).out;
    Flow::both(call.state, out)
}

fn su(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = "m:c,command= m:session-command= m:s,shell= m:l,login -:m,preserve-environment -:p -:u,user= -:g,group= -:G,supp-group= -:f,fast -:P,pty -:w,whitelist-environment=";
    let parsed = options::parse(call.arguments, description, Style::default());
    let shell =
        parsed.value("s").is_none_or(|shell| matches!(shell.known(), Some("/bin/sh" | "/bin/bash" | "sh" | "bash")));
    let texts: Vec<&Value> = parsed.values("c").chain(parsed.values("session-command")).collect();
    if parsed.unclear.is_some() || !shell {
        judge.ask("unknown_argument", format!("how {} is called can't be judged", call.name));
    }
    match texts.as_slice() {
        [] if call.name == "runuser" && parsed.has("u") => {
            let rest = parsed.operands.clone();
            judge.dispatch(&rest, call.state.clone(), true);
        }
        [] => judge.ask("piped_into_shell", format!("{} starts a shell of another account", call.name)),
        texts => {
            for text in texts {
                match text.known() {
                    Some(text) => {
                        let mut inner = call.state.clone();
                        inner.functions = Rc::default();
                        if parsed.has("l") || parsed.operands.first().and_then(Value::known) == Some("-") {
                            inner.cwd.clear();
                        }
                        judge.in_shell(text, &[Dialect::Sh, Dialect::Bash], &inner);
                    }
                    None => {
                        judge.ask("hidden_command", format!("what {} runs can't be said before it runs", call.name));
                    }
                }
            }
        }
    }
    Flow::plain(call.state)
}

fn flock(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let parsed = options::parse(
        call.arguments,
        "-:s,shared -:x,exclusive -:e -:n,nonblock -:w,timeout= -:o,close -:u,unlock -:E,conflict-exit-code= m:c,command= -:F,no-fork -:v,verbose",
        Style { leading: true, ..Style::default() },
    );
    let Some((file, rest)) = parsed.operands.split_first() else { return Flow::plain(call.state) };
    if file.known().is_none_or(|file| !file.bytes().all(|byte| byte.is_ascii_digit())) {
        judge.writes(file, &call.state);
    }
    match rest {
        [flag, text, ..] if matches!(flag.known(), Some("-c" | "--command")) => shell_text(judge, text, &call),
        rest => {
            judge.dispatch(rest, call.state.clone(), true);
        }
    }
    if let Some(text) = parsed.value("c").cloned() {
        shell_text(judge, &text, &call);
    }
    Flow::plain(call.state)
}

fn shell_text(judge: &mut Judge<'_>, text: &Value, call: &Call<'_>) {
    match text.known().filter(|_| !text.many) {
        Some(text) => {
            let mut inner = call.state.clone();
            inner.functions = Rc::default();
            judge.in_shell(text, &[Dialect::Sh, Dialect::Bash], &inner);
        }
        None => judge.ask("hidden_command", format!("what {} runs can't be said before it runs", call.name)),
    }
}

/// watch gives its words, joined, to a shell.
fn watch(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let parsed = options::parse(
        call.arguments,
        "-:n,interval= -:d,differences=? m:x,exec -:t -:b -:e -:g -:c -:q,equexit= -:p -:w",
        Style { leading: true, ..Style::default() },
    );
    if parsed.unclear.is_some() || !parsed.unknown.is_empty() {
        judge.ask("unknown_argument", "watch has an option that is not known");
    }
    if parsed.has("x") {
        judge.dispatch(&parsed.operands, call.state.clone(), true);
        return Flow::plain(call.state);
    }
    let words: Option<Vec<&str>> = parsed.operands.iter().map(|word| word.known().filter(|_| !word.many)).collect();
    match words {
        Some(words) => shell_text(judge, &Value::text(words.join(" ")), &call),
        None => judge.ask("hidden_command", "what watch runs can't be said before it runs"),
    }
    Flow::plain(call.state)
}

/// GNU parallel gives its words to a shell, with arguments from anywhere in them.
fn parallel(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    judge.ask("hidden_command", "what parallel runs can't be said before it runs");
    Flow::plain(call.state)
}

fn unshare(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    judge.ask("isolation", "unshare rearranges what surrounds the command");
    let parsed = options::parse(
        call.arguments,
        "-:R,root= -:w,wd= -:S,setuid= -:G,setgid= -:propagation= -:map-user= -:map-group= -:map-users= -:map-groups= -:setgroups= -:kill-child=?",
        Style { leading: true, ..Style::default() },
    );
    let rest = parsed.operands;
    judge.dispatch(&rest, call.state.clone(), true);
    Flow::plain(call.state)
}
