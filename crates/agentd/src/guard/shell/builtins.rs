//! The shell's own commands: those that change the shell itself.

use std::rc::Rc;

use super::{
    options::{self, Style},
    simple::plain_word,
    state::{Flow, State, joined},
    value::{Stream, Value},
    walk::Judge,
};
use crate::guard::pattern::Pattern;

const NAMES: &[&str] = &[
    "cd",
    "chdir",
    "pushd",
    "popd",
    "dirs",
    "export",
    "readonly",
    "local",
    "declare",
    "typeset",
    "unset",
    "read",
    "mapfile",
    "readarray",
    "set",
    "shift",
    "eval",
    ".",
    "source",
    "trap",
    "alias",
    "unalias",
    "exec",
    "exit",
    "logout",
    "return",
    "break",
    "continue",
    "command",
    "builtin",
    "getopts",
    "let",
    "shopt",
    "hash",
    "umask",
    "ulimit",
    "wait",
    "jobs",
    "fg",
    "bg",
    "disown",
    "times",
    "caller",
    "suspend",
    "kill",
    "history",
    "printf",
    "test",
    "[",
];

impl Judge<'_> {
    pub(super) fn is_builtin(&self, name: &str) -> bool {
        NAMES.contains(&name)
    }

    pub(super) fn builtin(&mut self, name: &str, arguments: &[Value], mut state: State) -> Flow {
        match name {
            "cd" | "chdir" => self.cd(arguments, state),
            "pushd" => match arguments {
                [folder] if !folder.may_be_option() && !folder.prefix().starts_with('+') => self.cd(arguments, state),
                _ => {
                    state.cwd.clear();
                    Flow::plain(state)
                }
            },
            "popd" => {
                state.cwd.clear();
                Flow::plain(state)
            }
            "export" | "readonly" | "local" | "declare" | "typeset" => self.declares(name, arguments, state),
            "unset" => {
                for argument in arguments.iter().filter(|argument| !argument.may_be_option()) {
                    match argument.known() {
                        Some(name) if name.contains('[') => {
                            self.ask("hidden_command", "a command may stand in an array's index");
                        }
                        Some(name) => {
                            self.checks_name(name);
                            state.set(name, Value::default());
                            Rc::make_mut(&mut state.functions).remove(name);
                        }
                        None => self.ask("unknown_argument", "which variable is unset can't be said before it runs"),
                    }
                }
                Flow::plain(state)
            }
            "read" => self.read_line(arguments, state),
            "mapfile" | "readarray" => {
                let parsed =
                    options::parse(arguments, "a:C,callback= -:d= -:n= -:O= -:s= -:u= -:c= -:t", Style::default());
                if parsed.has("C") {
                    self.ask("hidden_command", "mapfile -C runs a command");
                }
                for name in parsed.operands {
                    self.sets(&name, Value::anything(), &mut state);
                }
                Flow::plain(state)
            }
            "set" => self.set_options(arguments, state),
            "shift" => {
                state.arguments = match (
                    state.arguments.take(),
                    arguments.first().map(|count| count.known().and_then(|count| count.parse().ok())),
                ) {
                    (Some(own), None) => Some(Rc::new(own.iter().skip(1).cloned().collect())),
                    (Some(own), Some(Some(count))) => Some(Rc::new(own.iter().skip(count).cloned().collect())),
                    _ => None,
                };
                Flow::plain(state)
            }
            "eval" => self.eval(arguments, state),
            "." | "source" => self.source(arguments, state),
            "trap" => self.trap(arguments, state),
            "alias" => {
                if !arguments.is_empty() {
                    self.ask("shadowed_name", "an alias makes a name mean another command");
                }
                Flow::plain(state)
            }
            "exec" => {
                let parsed = options::parse(arguments, "-:a= -:c -:l", Style { leading: true, ..Style::default() });
                if parsed.operands.is_empty() {
                    // Its redirections last.
                    return Flow::plain(state);
                }
                self.dispatch(&parsed.operands, state, true);
                Flow::never()
            }
            "exit" | "logout" => Flow::never(),
            "return" => self.leaves_function(state),
            "break" | "continue" => self.leaves_loop(state),
            "command" => {
                let parsed = options::parse(arguments, "m:v m:V -:p", Style { leading: true, ..Style::default() });
                if let Some(unclear) = &parsed.unclear {
                    self.unclear(unclear, "command", &state);
                }
                if parsed.has("v") || parsed.has("V") || parsed.operands.is_empty() {
                    return Flow::plain(state);
                }
                let mut without = state.clone();
                without.functions = Rc::default();
                let flow = self.dispatch(&parsed.operands, without, false);
                let restore =
                    |inner: Option<State>| inner.map(|inner| State { functions: state.functions.clone(), ..inner });
                Flow { ok: restore(flow.ok), fail: restore(flow.fail), out: flow.out }
            }
            "builtin" => match arguments.first().and_then(Value::known) {
                None => Flow::plain(state),
                Some(inner) if self.is_builtin(inner) => self.builtin(inner, &arguments[1..], state),
                Some(inner) => self.program(inner, &arguments[1..], state, true),
            },
            "getopts" => {
                if let Some(name) = arguments.get(1) {
                    self.sets(name, plain_word(), &mut state);
                }
                state.set("OPTARG", Value::any());
                state.set("OPTIND", plain_word());
                Flow::plain(state)
            }
            "let" => {
                for argument in arguments {
                    match argument.known() {
                        Some(text) => {
                            self.arithmetic_text(text, &state);
                            state = self.arithmetic_sets(text, state);
                        }
                        None => self.ask("hidden_command", "arithmetic that can't be said before it runs"),
                    }
                }
                Flow::plain(state)
            }
            "shopt" => {
                let harmless = [
                    "-s",
                    "-u",
                    "-q",
                    "-p",
                    "-o",
                    "nullglob",
                    "failglob",
                    "globstar",
                    "lastpipe",
                    "inherit_errexit",
                    "nocasematch",
                    "pipefail",
                    "xpg_echo",
                ];
                if !arguments
                    .iter()
                    .all(|argument| argument.known().is_some_and(|argument| harmless.contains(&argument)))
                {
                    self.ask("environment", "an option changes how the shell reads what follows");
                }
                Flow::plain(state)
            }
            "hash" => {
                if arguments.iter().any(|argument| argument.may_be_option() && argument.known() != Some("-r")) {
                    self.ask("shadowed_name", "hash makes a name mean another program");
                }
                Flow::plain(state)
            }
            "history" => {
                if arguments
                    .iter()
                    .any(|argument| argument.known().is_none_or(|text| !text.bytes().all(|byte| byte.is_ascii_digit())))
                {
                    self.ask("history", "the record of what was done is changed");
                }
                Flow::plain(state)
            }
            "wait"
                if arguments.iter().any(|argument| argument.known().is_none_or(|text| text.starts_with("-p")))
                    && arguments.len() > 1 =>
            {
                self.ask("environment", "wait sets a variable");
                Flow::plain(state)
            }
            "printf" | "test" | "[" => self.says(name, arguments, state),
            "kill" => self.program(name, arguments, state, true),
            _ => Flow::plain(state),
        }
    }

    /// printf -v and test -v take names whose index is arithmetic.
    fn says(&mut self, name: &str, arguments: &[Value], mut state: State) -> Flow {
        let option = arguments.iter().position(|argument| argument.known() == Some("-v"));
        if let Some(target) = option.and_then(|at| arguments.get(at + 1)) {
            if name == "printf" {
                self.sets(&target.clone(), Value::any(), &mut state);
            } else if target.known().is_none_or(|text| text.contains('[')) {
                self.ask("hidden_command", "a command may stand in an array's index");
            }
        } else if name == "printf" && arguments.first().is_some_and(|first| first.prefix().starts_with("-v")) {
            self.ask("environment", "printf sets a variable");
        }
        self.program(name, arguments, state, true)
    }

    fn cd(&mut self, arguments: &[Value], state: State) -> Flow {
        let parsed = options::parse(arguments, "-:L -:P -:e -:@", Style::default());
        let mut inside = state.clone();
        let home = Value::text(self.scene.home.to_string_lossy());
        let folder = parsed.operands.first().unwrap_or(&home);
        inside.cwd =
            if folder.known() == Some("-") || state.variables.contains_key("CDPATH") || parsed.unclear.is_some() {
                vec![]
            } else {
                self.patterns(folder, &state)
                    .and_then(|patterns| patterns.iter().map(Pattern::plain).collect())
                    .unwrap_or_default()
            };
        // A folder that is there now can be entered; any other may leave the shell where it is.
        let sure = !inside.cwd.is_empty() && inside.cwd.iter().all(|cwd| cwd.path().is_some_and(|path| path.is_dir()));
        let fail = (!sure && !state.errexit).then_some(state);
        Flow { ok: Some(inside), fail, out: Stream::Unknown }
    }

    fn trap(&mut self, arguments: &[Value], mut state: State) -> Flow {
        let arguments =
            if arguments.first().and_then(Value::known) == Some("--") { &arguments[1..] } else { arguments };
        let Some((action, signals)) = arguments.split_first() else { return Flow::plain(state) };
        match action.known() {
            Some("-" | "" | "-l" | "-p") => {}
            Some(text) if signals.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {}
            Some(text) => {
                self.script(text, State { traps: vec![], ..state.clone() });
                if !state.traps.iter().any(|own| &**own == text) {
                    state.traps.push(text.into());
                }
            }
            None => self.ask("hidden_command", "what runs at a signal can't be said before it runs"),
        }
        Flow::plain(state)
    }

    fn eval(&mut self, arguments: &[Value], state: State) -> Flow {
        let known: Option<Vec<&str>> =
            arguments.iter().map(|argument| argument.known().filter(|_| !argument.many)).collect();
        match known {
            Some(words) => {
                let flow = self.script(&words.join(" "), state.clone());
                Flow { fail: joined(flow.fail, Some(state)), ..flow }
            }
            None => {
                self.ask("hidden_command", "what eval runs can't be said before it runs");
                let mut state = state;
                state.forget();
                Flow::plain(state)
            }
        }
    }
}
