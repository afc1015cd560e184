//! Commands that run a text: shells, eval's relatives, and what is piped into them.

use std::rc::Rc;

use super::{
    call::Call,
    options::{self, Style},
    scan::Dialect,
    state::{Flow, State},
    value::{Stream, Value},
    walk::Judge,
};

type Own = fn(&mut Judge<'_>, Call<'_>) -> Flow;

pub(super) const OWN: &[(&str, Own)] =
    &[("sh dash ash bash ksh mksh posh yash", shell), ("script", recorded), ("busybox toybox", many)];

const OPTIONS: &str = "m:c m:s m:i m:l,login m:o= m:O= a:rcfile= a:init-file= m:e m:u m:x m:v m:n m:f m:norc m:noprofile m:posix m:p m:r m:t m:k m:a m:b m:m m:h m:B m:C m:E m:H m:T m:P a:D a:dump-strings";

/// Settings of a shell that leave its grammar as it is.
const SETTINGS: &[&str] =
    &["pipefail", "errexit", "nounset", "xtrace", "noglob", "noclobber", "posix", "nullglob", "globstar"];

/// `sh -c TEXT`, `sh FILE`, `... | sh`.
fn shell(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let dialects: &[Dialect] = if call.name == "bash" { &[Dialect::Bash] } else { &[Dialect::Sh, Dialect::Bash] };
    let parsed = options::parse(call.arguments, OPTIONS, Style { leading: true, single_dash: false });
    if parsed.unclear.is_some()
        || !parsed.unknown.is_empty()
        || call.arguments.iter().any(|argument| argument.prefix().starts_with('+'))
    {
        judge.ask("script_unjudged", format!("how {} is started can't be judged", call.name));
    }
    judge.parsed_options(&parsed, "", &call);
    let harmless = |value: &Value| value.known().is_some_and(|name| SETTINGS.contains(&name));
    for odd in ["i", "o", "O", "k", "a", "r", "t", "P"].iter().filter(|name| parsed.has(name)) {
        if !matches!(*odd, "o" | "O") || !parsed.values(odd).all(harmless) {
            judge.ask(
                "script_unjudged",
                format!("{} -{odd} reads more than the command, or reads it otherwise", call.name),
            );
        }
    }
    if parsed.has("l") && !parsed.has("noprofile") && !parsed.has("c") {
        judge.ask("script_unjudged", "a login shell reads more than the command");
    }
    let Call { name, state, .. } = call;
    if parsed.has("c") {
        let Some((text, rest)) = parsed.operands.split_first() else { return Flow::plain(state) };
        let inner = inner_state(&state, rest.get(1..).unwrap_or_default(), parsed.has("e"));
        return match text.known().filter(|_| !text.many) {
            Some(text) => Flow::both(state, judge.in_shell(text, dialects, &inner)),
            None => {
                judge.ask("hidden_command", format!("what {name} -c runs can't be said before it runs"));
                Flow::plain(state)
            }
        };
    }
    match parsed.operands.split_first() {
        Some((file, rest)) if !parsed.has("s") && file.known() != Some("-") => {
            let inner = inner_state(&state, rest, parsed.has("e"));
            judge.run_file(file, &state, dialects, &inner)
        }
        operands => {
            let rest = operands.map(|_| parsed.operands.as_slice()).unwrap_or_default();
            let text = judge.text_of(&state.stdin.clone());
            let inner = State { stdin: Stream::Unknown, ..inner_state(&state, rest, parsed.has("e")) };
            // Also where it is plain to see: a text for a shell's standard input has no reason but to hide.
            judge.ask("piped_into_shell", format!("{name} runs what it reads from its standard input"));
            match text {
                Some(text) => Flow::both(state, judge.in_shell(&text, dialects, &inner)),
                None => Flow::plain(state),
            }
        }
    }
}

/// What a new shell knows of the one that starts it.
fn inner_state(state: &State, arguments: &[Value], errexit: bool) -> State {
    let mut inner = state.clone();
    inner.functions = Rc::default();
    inner.traps.clear();
    inner.errexit = errexit;
    inner.arguments =
        if arguments.iter().any(|argument| argument.many) { None } else { Some(Rc::new(arguments.to_vec())) };
    // What is exported is there too; whether a variable is can't be told.
    for values in Rc::make_mut(&mut inner.variables).values_mut() {
        *values = vec![Value::any()];
    }
    inner
}

impl Judge<'_> {
    /// Judges a text that a shell of its own runs, for every grammar that it may have.
    pub(super) fn in_shell(&mut self, text: &str, dialects: &[Dialect], state: &State) -> Stream {
        let own = self.dialect;
        let mut out = Stream::Unknown;
        if text.len() > super::LONGEST_SCRIPT {
            self.ask("too_long", "a script is too long to be judged");
            return out;
        }
        for dialect in dialects {
            self.dialect = *dialect;
            let flow = self.script(text, state.clone());
            out = flow.out;
        }
        self.dialect = own;
        if dialects.len() > 1 { Stream::Unknown } else { out }
    }

    fn run_file(&mut self, file: &Value, state: &State, dialects: &[Dialect], inner: &State) -> Flow {
        let stream = self.contents(file, state);
        let is_file = matches!(&stream, Stream::File(path) if !path.starts_with("/dev") && !path.starts_with("/proc"));
        match is_file.then(|| self.text_of(&stream)).flatten() {
            Some(text) => Flow::both(state.clone(), self.in_shell(&text, dialects, inner)),
            None => {
                self.ask("script_unjudged", format!("the script {} can't be read now", file.show()));
                Flow::plain(state.clone())
            }
        }
    }

    /// `. FILE`: what is in it runs in this very shell.
    pub(super) fn source(&mut self, arguments: &[Value], state: State) -> Flow {
        let Some((file, rest)) = arguments.split_first() else { return Flow::plain(state) };
        // A name without a slash is looked for among the programs first.
        let found = file.prefix().contains('/');
        let stream = if found { self.contents(file, &state) } else { Stream::Unknown };
        let is_file = matches!(&stream, Stream::File(path) if !path.starts_with("/dev") && !path.starts_with("/proc"));
        match is_file.then(|| self.text_of(&stream)).flatten() {
            Some(text) => {
                let mut inner = state.clone();
                if !rest.is_empty() {
                    inner.arguments = None;
                }
                self.enter_function();
                let flow = self.script(&text, inner);
                let left = self.leave_function();
                let flow = flow.or(left.map_or_else(Flow::never, Flow::plain));
                Flow { fail: super::state::joined(flow.fail, Some(state)), ..flow }
            }
            None => {
                self.ask("script_unjudged", format!("the script {} can't be read now", file.show()));
                let mut state = state;
                state.forget();
                Flow::plain(state)
            }
        }
    }
}

/// `script -c TEXT FILE`.
fn recorded(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let parsed = options::parse(
        call.arguments,
        "m:c,command= w:O,log-out= w:I,log-in= w:B,log-io= w:T,log-timing= w:t,timing=? -:o,output-limit= -:m,logging-format= -:E,echo= -:q -:a -:e -:f",
        Style::default(),
    );
    judge.parsed_options(&parsed, "w:", &call);
    parsed.operands.iter().for_each(|file| judge.writes(file, &call.state));
    if parsed.operands.is_empty() && !parsed.has("O") && !parsed.has("B") {
        judge.writes(&Value::text("typescript"), &call.state);
    }
    match parsed.value("c").and_then(Value::known) {
        Some(text) => {
            judge.in_shell(text, &[Dialect::Sh, Dialect::Bash], &call.state);
        }
        None => judge.ask("piped_into_shell", "script starts a shell"),
    }
    Flow::plain(call.state)
}

/// `busybox APPLET ...`.
fn many(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    match call.arguments.first().and_then(Value::known) {
        None if call.arguments.is_empty() => Flow::plain(call.state),
        Some("--list" | "--list-full" | "--help") => Flow::plain(call.state),
        Some(applet) if !applet.contains('/') && !applet.starts_with('-') => {
            judge.dispatch(call.arguments, call.state, true)
        }
        _ => {
            judge.ask("unknown_command", format!("which program {} runs can't be said", call.name));
            Flow::plain(call.state)
        }
    }
}
