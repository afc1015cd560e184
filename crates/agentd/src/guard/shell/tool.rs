//! Judges a program by a description of its options and operands.

use std::fs;

use super::{
    call::Call,
    options::{self, Effect, Parsed, Style},
    state::State,
    value::{Bit, Value},
    walk::Judge,
};

/// A program whose options and operands say what it touches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tool {
    /// What its options are, as [`options`] reads them.
    pub(super) options: &'static str,
    /// What its operands are.
    pub(super) operands: Operands,
}

/// What the operands of a program are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operands {
    /// Nothing that matters.
    Ignored,
    /// Files that are read; folders too, where the option `r` is given.
    Read,
    /// A pattern, unless the options `e` or `f` give one, then files that are read.
    PatternThenRead,
    /// A file that is read, and one that is written.
    ReadThenWrite,
    /// Files that are written.
    Write,
    /// None but those that ask.
    Asks,
}

/// A program whose first operand says what it does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verbs {
    /// Its options before and after the verb.
    pub(super) options: &'static str,
    /// The verbs that are ordinary; `verb/second` where the operand after it counts too; the empty one where there is none.
    pub(super) ordinary: &'static str,
    /// The code of all others.
    pub(super) code: &'static str,
    /// What all others do.
    pub(super) text: &'static str,
}

impl Judge<'_> {
    pub(super) fn tool(&mut self, tool: &Tool, call: &Call<'_>) -> Parsed {
        let parsed = options::parse(call.arguments, tool.options, Style::default());
        self.parsed_options(&parsed, tool.options, call);
        let state = &call.state;
        match tool.operands {
            Operands::Ignored => {}
            Operands::Read if parsed.has("r") => {
                parsed.operands.iter().for_each(|operand| self.reads_below(operand, state));
            }
            Operands::Read => parsed.operands.iter().for_each(|operand| self.reads(operand, state)),
            Operands::PatternThenRead => self.searches(&parsed, call.name == "rg", state),
            Operands::ReadThenWrite => match parsed.operands.split_first() {
                None => {}
                Some((first, rest)) => {
                    self.reads(first, state);
                    rest.iter().for_each(|operand| self.writes(operand, state));
                    if first.many {
                        self.ask(
                            "unknown_target",
                            format!("which file {} writes can't be said before it runs", call.name),
                        );
                    }
                }
            },
            Operands::Write => parsed.operands.iter().for_each(|operand| self.writes(operand, state)),
            Operands::Asks => {
                if let Some(operand) = parsed.operands.first() {
                    self.ask(
                        "unknown_argument",
                        format!("{} {} is not known to be harmless", call.name, operand.show()),
                    );
                }
            }
        }
        parsed
    }

    /// Judges the options that were given, and the ones that may have been.
    pub(super) fn parsed_options(&mut self, parsed: &Parsed, description: &str, call: &Call<'_>) {
        for given in &parsed.given {
            match (given.effect, &given.value) {
                (Effect::None | Effect::Mark, _) | (_, None) if given.effect != Effect::Ask => {}
                (Effect::Ask, _) => {
                    let dashes = if given.name.len() > 1 { "--" } else { "-" };
                    self.ask("risky_option", format!("{} {dashes}{} can do more than it seems", call.name, given.name));
                }
                (Effect::Write, Some(value)) => self.writes(value, &call.state),
                (Effect::WriteBelow, Some(value)) => self.writes_below(value, &call.state),
                (Effect::Read, Some(value)) => self.reads(value, &call.state),
                _ => {}
            }
        }
        let matters = ["w:", "b:", "a:"].iter().any(|effect| description.contains(effect));
        if let Some(unclear) = parsed.unclear.as_ref().filter(|_| matters) {
            self.unclear(unclear, call.name, &call.state);
        }
    }

    /// Asks where an argument may turn into an option. A wildcard does where a file is named so.
    pub(super) fn unclear(&mut self, argument: &Value, name: &str, state: &State) {
        let wild = matches!(argument.bits.first(), Some(Bit::Star | Bit::One)) && !argument.is_open();
        let harmless = wild
            && state.cwd.iter().all(|cwd| {
                let names = cwd.path().and_then(|path| fs::read_dir(path).ok());
                names.is_none_or(|names| {
                    names.take(10_000).flatten().all(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"-"))
                })
            });
        if !harmless {
            self.ask("unknown_argument", format!("{} may become an option of {name}", argument.show()));
        }
    }

    /// grep and its like: what they print are lines that fit.
    fn searches(&mut self, parsed: &Parsed, always_below: bool, state: &State) {
        let below = always_below || parsed.has("r");
        let given = parsed.has("e") || parsed.has("f");
        let (pattern, files) = match parsed.operands.split_first() {
            Some((pattern, files)) if !given => (Some(pattern), files),
            _ => (parsed.value("e"), parsed.operands.as_slice()),
        };
        let prints_all =
            ["v", "A", "B", "C", "f", "z", "num"].iter().any(|name| parsed.has(name)) || parsed.values("e").count() > 1;
        let narrow = !prints_all && pattern.and_then(Value::known).is_some_and(needs_a_blank);
        for file in files {
            match below {
                true if !narrow => self.reads_below(file, state),
                _ => self.reads(file, state),
            }
        }
        if below && files.is_empty() && !narrow {
            self.reads_below(&Value::text("."), state);
        }
    }

    pub(super) fn verbs(&mut self, verbs: &Verbs, call: &Call<'_>) {
        let parsed = options::parse(call.arguments, verbs.options, Style::default());
        self.parsed_options(&parsed, verbs.options, call);
        let mut operands = parsed.operands.iter().map(|operand| operand.known().unwrap_or("\u{0}"));
        let (first, second) = (operands.next().unwrap_or_default(), operands.next().unwrap_or_default());
        let fits = |verb: &str| match verb.split_once('/') {
            Some((own, next)) => own == first && next == second,
            None => verb == first,
        };
        let bare = first.is_empty() && verbs.ordinary.starts_with(' ');
        if !bare && !verbs.ordinary.split_ascii_whitespace().any(fits) {
            let shown = if first == "\u{0}" { "…" } else { first };
            self.ask(verbs.code, format!("{} {shown} {}", call.name, verbs.text));
        }
    }
}

/// Whether only a line with a blank in it can fit: no line of a key or a password file has one that tells anything.
fn needs_a_blank(pattern: &str) -> bool {
    let plain = pattern.chars().all(|c| c.is_ascii_alphanumeric() || " -_/.,:=".contains(c));
    let (first, rest) = pattern.split_once(' ').unwrap_or_default();
    plain && !first.is_empty() && !rest.trim().is_empty() && !pattern.contains("KEY") && !first.starts_with("---")
}
