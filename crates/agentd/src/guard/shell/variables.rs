//! Commands of the shell that set its variables and options.

use std::rc::Rc;

use super::{
    names,
    options::{self, Style},
    state::{Flow, State},
    value::{Bit, Seen, Stream, Value},
    walk::Judge,
};

impl Judge<'_> {
    /// Sets a variable that is named by an argument.
    pub(super) fn sets(&mut self, name: &Value, value: Value, state: &mut State) {
        match name.known() {
            Some(name) if name.contains('[') => self.ask("hidden_command", "a command may stand in an array's index"),
            Some(name) => {
                self.checks_name(name);
                state.set(name, value);
            }
            None => self.ask("environment", "which variable is set can't be said before it runs"),
        }
    }

    pub(super) fn declares(&mut self, command: &str, arguments: &[Value], mut state: State) -> Flow {
        for argument in arguments {
            if let Some(options) = argument.known().and_then(|text| text.strip_prefix(['-', '+'])) {
                // A name that stands for another name, and the listing of functions, which is harmless.
                if options.contains(['n', 'i']) && command != "export" {
                    self.ask("environment", "a variable stands for another one, or for arithmetic");
                }
                continue;
            }
            match argument.split_once('=') {
                Some((name, mut value)) => {
                    let appends = name.ends_with('+');
                    if argument.known().is_some_and(|text| text.contains("=(")) || appends || argument.many {
                        value = Value::any();
                    }
                    let name = Value::text(name.known().unwrap_or_default().trim_end_matches('+'));
                    match name.known() {
                        Some("") | None => {
                            self.ask("environment", "which variable is set can't be said before it runs");
                        }
                        Some(_) => self.sets(&name, value, &mut state),
                    }
                }
                None => match argument.known() {
                    Some(name)
                        if names::is_dangerous(name)
                            && !matches!(name, "PATH" | "HOME" | "USER" | "LOGNAME" | "SHELL") =>
                    {
                        self.checks_name(name);
                    }
                    Some(name) if name.contains('[') => {
                        self.ask("hidden_command", "a command may stand in an array's index");
                    }
                    Some(name) if command == "local" => state.set(name, Value::default()),
                    Some(_) => {}
                    None => self.ask("environment", "which variable is set can't be said before it runs"),
                },
            }
        }
        Flow::plain(state)
    }

    pub(super) fn read_line(&mut self, arguments: &[Value], mut state: State) -> Flow {
        let parsed = options::parse(arguments, "-:r -:s -:e -:d= -:p= -:n= -:N= -:t= -:u= m:a= -:i=", Style::default());
        let line = match &state.stdin {
            Stream::Text(text) if text.lines().count() == 1 && !parsed.has("a") => Some(text.trim().to_owned()),
            _ => None,
        };
        let names: Vec<Value> = parsed.operands.iter().chain(parsed.value("a")).cloned().collect();
        let value = match (line, &state.stdin) {
            (Some(line), _) if names.len() == 1 => Value::text(line),
            (_, Stream::Plain) => Value::of(Bit::Plain),
            (_, Stream::Listing(seen)) => Value::of(Bit::Listed(*seen)),
            (_, stream) => self.names_in(&stream.clone(), &state),
        };
        for name in &names {
            self.sets(name, value.clone(), &mut state);
        }
        if names.is_empty() {
            state.set("REPLY", value);
        }
        Flow::plain(state)
    }

    /// What a line of a known text may be: harmless to read where every word of it is.
    pub(super) fn names_in(&mut self, stream: &Stream, state: &State) -> Value {
        let relied_on = self.relied_on.len();
        let harmless = self.text_of(stream).is_some_and(|text| {
            let words = text.lines().flat_map(|line| line.split_ascii_whitespace().chain([line]));
            text.lines().count() <= 1000
                && words.take(20_000).all(|word| {
                    let patterns = self.patterns(&Value::text(word), state).unwrap_or_default();
                    !word.contains(['~', '$'])
                        && !patterns.is_empty()
                        && patterns.iter().all(|pattern| self.scene.paths.read(pattern).is_none())
                })
        });
        if harmless {
            return Value::of(Bit::Listed(Seen::Here));
        }
        self.relied_on.truncate(relied_on);
        Value::any()
    }

    pub(super) fn set_options(&mut self, arguments: &[Value], mut state: State) -> Flow {
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let Some(text) = argument.known().filter(|_| !argument.may_be_option() || argument.known().is_some())
            else {
                if argument.may_be_option() {
                    self.ask("environment", "which option is set can't be said before it runs");
                }
                state.arguments = Some(Rc::new(std::iter::once(argument).chain(rest).cloned().collect()));
                return Flow::plain(state);
            };
            let Some(letters) = text.strip_prefix(['-', '+']) else {
                state.arguments = Some(Rc::new(std::iter::once(argument).chain(rest).cloned().collect()));
                return Flow::plain(state);
            };
            let on = text.starts_with('-');
            if text == "--" || text == "-" {
                state.arguments = Some(Rc::new(rest.cloned().collect()));
                return Flow::plain(state);
            }
            for letter in letters.chars() {
                match letter {
                    'e' => state.errexit = on,
                    'u' | 'x' | 'v' | 'n' | 'f' | 'C' | 'h' | 'm' | 'b' | 'E' | 'T' => {}
                    'o' => {
                        let name = rest.next().and_then(Value::known).unwrap_or_default();
                        if name == "errexit" {
                            state.errexit = on;
                        } else if ![
                            "nounset",
                            "xtrace",
                            "verbose",
                            "pipefail",
                            "noglob",
                            "noclobber",
                            "monitor",
                            "notify",
                            "",
                        ]
                        .contains(&name)
                        {
                            self.ask("environment", "an option changes how the shell reads what follows");
                        }
                    }
                    _ => self.ask("environment", "an option changes how the shell reads what follows"),
                }
            }
        }
        Flow::plain(state)
    }
}
