//! Turns the pieces of a word into the arguments that they can become.

use super::{
    braces,
    scan::{Change, Parameter, Piece},
    state::State,
    value::{Bit, Stream, Value},
    walk::Judge,
};

/// How unquoted parts are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Split and matched against files: an argument.
    Fields,
    /// As one: a value, a text in quotes.
    One,
    /// As one, where some shells match it against files all the same.
    Target,
}

/// Arguments as they are put together.
#[derive(Default)]
struct Fields {
    done: Vec<Value>,
    current: Option<Value>,
    /// The size of those that are done.
    ended: usize,
    /// How much of it was counted.
    counted: usize,
}

impl Fields {
    fn current(&mut self) -> &mut Value {
        self.current.get_or_insert_default()
    }

    /// How much there is more of it than there was.
    fn growth(&mut self) -> usize {
        let size = self.done.len() * 16 + self.ended + self.current.as_ref().map_or(0, Value::size);
        size.saturating_sub(std::mem::replace(&mut self.counted, size)) + 1
    }

    fn end(&mut self) {
        self.ended += self.current.as_ref().map_or(0, Value::size);
        self.done.extend(self.current.take());
    }

    /// Text out of an unquoted expansion: blanks divide it, wildcards count.
    fn split(&mut self, text: &str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if c.is_ascii_whitespace() {
                self.end();
                rest = &rest[1..];
                continue;
            }
            let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
            wildcards(&rest[..end], self.current());
            rest = &rest[end..];
        }
    }
}

/// Letters outside quotes: a wildcard may become any name.
fn wildcards(text: &str, value: &mut Value) {
    let mut rest = text;
    while let Some(at) = rest.find(['*', '?', '[']) {
        value.push_text(&rest[..at]);
        let wildcard = &rest[at..];
        let class = wildcard.get(2..).and_then(|inner| inner.find(']')).map(|end| end + 3);
        rest = match (wildcard.as_bytes().first(), class) {
            (Some(b'*'), _) => {
                value.push(Bit::Star);
                &wildcard[1..]
            }
            (Some(b'['), Some(end)) if !wildcard[..end].contains('/') => {
                value.push(Bit::One);
                &wildcard[end..]
            }
            (Some(b'['), _) => {
                value.push_text("[");
                &wildcard[1..]
            }
            _ => {
                value.push(Bit::One);
                &wildcard[1..]
            }
        };
    }
    value.push_text(rest);
}

impl Judge<'_> {
    /// The arguments that a word becomes. Commands in it are judged on the way.
    pub(super) fn fields(&mut self, pieces: &[Piece], state: &State) -> Vec<Value> {
        let mut all = Vec::new();
        // Where braces are not expanded the word stays as it is, so it counts too.
        for alternative in std::iter::once(None).chain(braces::expand(pieces).into_iter().map(Some)) {
            let mut fields = Fields::default();
            self.put(alternative.as_deref().unwrap_or(pieces), state, Mode::Fields, &mut fields);
            self.spend(fields.growth());
            fields.end();
            all.append(&mut fields.done);
        }
        all
    }

    /// The one value that a word becomes where it is not split.
    pub(super) fn one(&mut self, pieces: &[Piece], state: &State) -> Value {
        self.whole_word(pieces, state, Mode::One)
    }

    /// What a redirection names.
    pub(super) fn target(&mut self, pieces: &[Piece], state: &State) -> Value {
        let value = self.whole_word(pieces, state, Mode::Target);
        if pieces.iter().any(|piece| matches!(piece, Piece::Quoted(_))) {
            return value;
        }
        let mut matched = Value::default();
        for bit in &value.bits {
            match bit {
                Bit::Text(text) => wildcards(text, &mut matched),
                bit => matched.push(bit.clone()),
            }
        }
        matched
    }

    fn whole_word(&mut self, pieces: &[Piece], state: &State, mode: Mode) -> Value {
        let mut fields = Fields::default();
        self.put(pieces, state, mode, &mut fields);
        self.spend(fields.growth());
        let mut value = fields.current.unwrap_or_default();
        value.many = false;
        value
    }

    fn put(&mut self, pieces: &[Piece], state: &State, mode: Mode, out: &mut Fields) {
        for (index, piece) in pieces.iter().enumerate() {
            self.spend(out.growth());
            if self.is_exhausted() {
                return;
            }
            match piece {
                Piece::Quoted(text) => {
                    self.hidden(text);
                    out.current().push_text(text);
                }
                Piece::Bare(text) => {
                    let text = if index == 0 { self.tilde(text, state, out, pieces.len() == 1) } else { text };
                    match mode {
                        Mode::Fields | Mode::Target => wildcards(text, out.current()),
                        Mode::One => out.current().push_text(text),
                    }
                }
                Piece::Arithmetic(inner) => {
                    self.arithmetic(inner, state);
                    out.current().push(Bit::Plain);
                }
                Piece::Command(text, quoted) => {
                    let stream = self.substitution(text, state);
                    self.insert(
                        &[stream_value(&stream, *quoted || mode == Mode::One)],
                        *quoted || mode == Mode::One,
                        out,
                    );
                }
                Piece::Parameter(parameter, quoted) => {
                    let quoted = *quoted || mode != Mode::Fields;
                    if quoted {
                        out.current();
                    }
                    self.parameter(parameter, quoted, state, mode, out);
                }
            }
        }
    }

    /// What it may hide: bash runs a command that stands in a value used as an array's index.
    fn hidden(&mut self, text: &str) {
        if text.split('[').skip(1).any(|after| after.starts_with("$(") || after.starts_with('`')) {
            self.ask("hidden_command", "a text holds a command in an array's index");
        }
    }

    fn tilde<'t>(&mut self, text: &'t str, state: &State, out: &mut Fields, alone: bool) -> &'t str {
        let Some(rest) = text.strip_prefix('~') else { return text };
        let (user, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if !alone && path.is_empty() {
            // What follows in quotes would belong to the name.
            out.current().push(Bit::Any);
            return "";
        }
        match user {
            "" => match state.variables.get("HOME").map(Vec::as_slice) {
                Some([home]) => out.current().extend(home),
                Some(_) => out.current().push(Bit::Any),
                None => out.current().push_text(&self.scene.home.to_string_lossy()),
            },
            "root" => out.current().push_text("/root"),
            "+" => match state.cwd.as_slice() {
                [cwd] if cwd.path().is_some() => out.current().push_text(&cwd.show()),
                _ => out.current().push(Bit::Any),
            },
            _ => out.current().push(Bit::Any),
        }
        path
    }

    /// Puts a value into the arguments, split where it is not quoted.
    fn insert(&mut self, values: &[Value], quoted: bool, out: &mut Fields) {
        for value in values {
            if quoted {
                out.current().extend(value);
                continue;
            }
            for bit in &value.bits {
                match bit {
                    Bit::Text(text) => out.split(text),
                    Bit::Any | Bit::Listed(_) => {
                        let current = out.current();
                        current.push(bit.clone());
                        current.many = true;
                    }
                    bit => out.current().push(bit.clone()),
                }
            }
            if value.many && !value.bits.is_empty() {
                out.current().many = true;
            }
        }
    }

    fn parameter(&mut self, parameter: &Parameter, quoted: bool, state: &State, mode: Mode, out: &mut Fields) {
        let plain = matches!(parameter.change, Change::None);
        if plain && (parameter.name == "@" || (parameter.name == "*" && !quoted)) {
            match state.arguments.as_deref() {
                Some(arguments) => {
                    for (index, argument) in arguments.iter().enumerate() {
                        if index > 0 && mode == Mode::Fields {
                            out.end();
                        }
                        self.insert(std::slice::from_ref(argument), quoted, out);
                    }
                    // An empty list leaves no argument, where nothing else stands in the word.
                    if arguments.is_empty() && out.current.as_ref().is_some_and(|value| value.bits.is_empty()) {
                        out.current = None;
                    }
                }
                None => self.insert(&[Value::anything()], false, out),
            }
            return;
        }
        let value = self.value(parameter, state);
        self.insert(&[value], quoted, out);
    }

    /// What a parameter's expansion may be.
    fn value(&mut self, parameter: &Parameter, state: &State) -> Value {
        let set = self.lookup(&parameter.name, state);
        match &parameter.change {
            Change::None => set.unwrap_or_else(Value::any),
            Change::Length => Value::of(Bit::Plain),
            Change::Or { word, assigns } => {
                let word = self.one(word, state);
                if *assigns {
                    self.checks_name(&parameter.name);
                    self.defaulted.push(parameter.name.clone());
                }
                match set {
                    Some(value) if !value.bits.is_empty() && !value.is_open() => value,
                    Some(value) if value.bits.is_empty() => word,
                    _ => Value::any(),
                }
            }
            Change::Must { word } => {
                self.one(word, state);
                set.unwrap_or_else(Value::any)
            }
            Change::Instead { word } => {
                let word = self.one(word, state);
                match set {
                    Some(value) if value.bits.is_empty() => value,
                    Some(value) if !value.is_open() => word,
                    _ => Value::any(),
                }
            }
            Change::Strip { word, end, .. } => {
                let pattern = self.one(word, state);
                stripped(set, &pattern, word, *end)
            }
            Change::Other { word } => {
                let word = self.one(word, state);
                self.arithmetic_text(word.known().unwrap_or_default(), state);
                match set {
                    Some(value) if value.is_name() && !parameter.name.starts_with(['@', '*']) => Value::of(Bit::Name),
                    _ => Value::anything(),
                }
            }
        }
    }

    /// The value of a parameter: nothing where it comes from outside.
    fn lookup(&mut self, name: &str, state: &State) -> Option<Value> {
        if let Some(values) = state.variables.get(name) {
            return Some(super::state::merged(values));
        }
        let known = |text: String| Some(Value::text(text));
        match name {
            "HOME" => known(self.scene.home.to_string_lossy().into_owned()),
            "PWD" => match state.cwd.as_slice() {
                [cwd] => cwd.path().map(|path| Value::text(path.to_string_lossy())),
                _ => None,
            },
            "UID" | "EUID" => known(self.scene.uid.to_string()),
            "!" => Some(Value::of(Bit::Child)),
            "$" | "?" | "#" | "RANDOM" | "SECONDS" | "LINENO" | "PPID" | "BASHPID" | "EPOCHSECONDS" => {
                Some(Value::of(Bit::Plain))
            }
            "-" => Some(Value::of(Bit::Name)),
            "IFS" => known(" \t\n".into()),
            name if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) => {
                let index: usize = name.parse().ok()?;
                let arguments = state.arguments.as_deref()?;
                if index == 0 {
                    return None;
                }
                Some(arguments.get(index - 1).cloned().unwrap_or_default())
            }
            _ => None,
        }
    }

    /// Judges what stands in arithmetic.
    pub(super) fn arithmetic(&mut self, pieces: &[Piece], state: &State) {
        let value = self.one(pieces, state);
        let text: String =
            value.bits.iter().map(|bit| if let Bit::Text(text) = bit { text.as_str() } else { "0" }).collect();
        self.arithmetic_text(&text, state);
        self.arithmetic_assigns(&text);
    }

    /// Names in arithmetic stand for their values, which bash takes for arithmetic again.
    pub(super) fn arithmetic_text(&mut self, text: &str, state: &State) {
        let odd = |text: &str| text.contains(['$', '`']) || text.contains("[(");
        let mut names = text.split(|c: char| c != '_' && !c.is_ascii_alphanumeric());
        let values = |name: &str| {
            state.variables.get(name).is_some_and(|values| {
                values.iter().any(|value| value.bits.iter().any(|bit| matches!(bit, Bit::Text(text) if odd(text))))
            })
        };
        if odd(text) || names.any(values) {
            self.ask("hidden_command", "a command may stand in arithmetic");
        }
    }
}

fn stream_value(stream: &Stream, quoted: bool) -> Value {
    let mut value = stream.value();
    value.many |= !quoted && !matches!(stream, Stream::Text(_));
    value
}

/// `${x%word}`: exact where what goes is known, else part of a name.
fn stripped(set: Option<Value>, pattern: &Value, word: &[Piece], end: bool) -> Value {
    let Some(mut value) = set else { return Value::any() };
    let literal = word.iter().all(|piece| match piece {
        Piece::Bare(text) => !text.contains(['*', '?', '[']),
        Piece::Quoted(_) => true,
        _ => false,
    });
    if let (true, Some(pattern)) = (literal, pattern.known()) {
        let place = if end { value.bits.last_mut() } else { value.bits.first_mut() };
        if let Some(Bit::Text(text)) = place {
            let cut = if end { text.strip_suffix(pattern) } else { text.strip_prefix(pattern) };
            if let Some(rest) = cut.map(str::to_owned) {
                *text = rest;
                value.bits.retain(|bit| *bit != Bit::Text(String::new()));
                return value;
            }
            if value.known().is_some() {
                return value;
            }
        }
    }
    if value.is_name() { Value::of(Bit::Name) } else { Value::any() }
}
