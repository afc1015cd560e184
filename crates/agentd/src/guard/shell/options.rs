//! Takes a program's arguments apart into options and operands, as GNU programs do.

use super::value::Value;

/// An option as it was given.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// Its canonical name: the letter, or the long name where it has no letter.
    pub(super) name: &'static str,
    /// What it may do.
    pub(super) effect: Effect,
    pub(super) value: Option<Value>,
}

/// What an option does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing that matters.
    None,
    /// Writes its value.
    Write,
    /// Writes below its value.
    WriteBelow,
    /// Reads its value.
    Read,
    /// Needs leave.
    Ask,
    /// Is something that the program's own rule looks at.
    Mark,
}

/// Arguments, taken apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Parsed {
    pub(super) given: Vec<Given>,
    pub(super) operands: Vec<Value>,
    /// An argument that may be an option, and which can't be said.
    pub(super) unclear: Option<Value>,
    /// Options that the description does not know.
    pub(super) unknown: Vec<String>,
}

impl Parsed {
    pub(super) fn has(&self, name: &str) -> bool {
        self.given.iter().any(|given| given.name == name)
    }

    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.given.iter().rev().find(|given| given.name == name).and_then(|given| given.value.as_ref())
    }

    pub(super) fn values<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p Value> {
        self.given.iter().filter(move |given| given.name == name).filter_map(|given| given.value.as_ref())
    }
}

/// One entry of a description: `w:o,output=`. Before the colon the effect (`-` none, `w` write, `b` write below, `r` read, `a` ask,
/// `m` mark), then the names; `=` where a value follows, `=?` where one may follow only in the same word.
struct Entry {
    effect: Effect,
    names: &'static str,
    value: Takes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Something,
    Maybe,
}

fn entries(description: &'static str) -> impl Iterator<Item = Entry> {
    description.split_ascii_whitespace().map(|entry| {
        let (effect, names) = entry.split_once(':').unwrap_or(("-", entry));
        let effect = match effect {
            "w" => Effect::Write,
            "b" => Effect::WriteBelow,
            "r" => Effect::Read,
            "a" => Effect::Ask,
            "m" => Effect::Mark,
            _ => Effect::None,
        };
        let (names, value) = match (names.strip_suffix("=?"), names.strip_suffix('=')) {
            (Some(names), _) => (names, Takes::Maybe),
            (None, Some(names)) => (names, Takes::Something),
            (None, None) => (names, Takes::Nothing),
        };
        Entry { effect, names, value }
    })
}

impl Entry {
    fn canonical(&self) -> &'static str {
        self.names.split(',').next().unwrap_or(self.names)
    }

    fn given(&self, value: Option<Value>) -> Given {
        Given { name: self.canonical(), effect: self.effect, value }
    }
}

/// The entry for a long name, also where it is cut short.
fn long(description: &'static str, name: &str) -> Option<Entry> {
    let fits = |entry: &Entry, exact: bool| {
        let mut names = entry.names.split(',').filter(|own| own.len() > 1);
        names.any(|own| if exact { own == name } else { own.starts_with(name) })
    };
    // One that asks comes first where several could be meant.
    entries(description).find(|entry| fits(entry, true)).or_else(|| {
        let mut shortened: Vec<Entry> = entries(description).filter(|entry| fits(entry, false)).collect();
        shortened.sort_by_key(|entry| matches!(entry.effect, Effect::None));
        shortened.into_iter().next()
    })
}

fn short(description: &'static str, letter: char) -> Option<Entry> {
    let mut text = [0; 4];
    let letter: &str = letter.encode_utf8(&mut text);
    entries(description).find(|entry| entry.names.split(',').any(|name| name == letter))
}

/// How the arguments of a program are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// Options end at the first operand.
    pub(super) leading: bool,
    /// Long names have one dash.
    pub(super) single_dash: bool,
}

/// Takes arguments apart.
pub(super) fn parse(arguments: &[Value], description: &'static str, style: Style) -> Parsed {
    let mut parsed = Parsed::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let text = argument.prefix();
        if !argument.may_be_option() || argument.known() == Some("-") {
            parsed.operands.push(argument.clone());
            if style.leading {
                break;
            }
            continue;
        }
        if argument.known() == Some("--") {
            break;
        }
        if !text.starts_with('-') || (argument.many && argument.known().is_none()) {
            parsed.unclear.get_or_insert_with(|| argument.clone());
            parsed.operands.push(argument.clone());
            continue;
        }
        if text.starts_with("--") || style.single_dash {
            let dashes = if text.starts_with("--") { 2 } else { 1 };
            let whole = argument.after(dashes);
            let (name, value) =
                whole.split_once('=').map_or((whole.clone(), None), |(name, value)| (name, Some(value)));
            let Some(name) = name.known() else {
                parsed.unclear.get_or_insert_with(|| argument.clone());
                continue;
            };
            match long(description, name).or_else(|| {
                name.chars().next().filter(|_| name.len() == 1).and_then(|letter| short(description, letter))
            }) {
                Some(entry) => {
                    let value = match (value, entry.value) {
                        (Some(value), _) => Some(value),
                        (None, Takes::Something) => rest.next().cloned(),
                        (None, _) => None,
                    };
                    parsed.given.push(entry.given(value));
                }
                None => parsed.unknown.push(name.to_owned()),
            }
            continue;
        }
        cluster(argument, description, &mut rest, &mut parsed);
    }
    parsed.operands.extend(rest.cloned());
    parsed
}

/// `-xzf file`.
fn cluster<'a>(
    argument: &Value,
    description: &'static str,
    rest: &mut impl Iterator<Item = &'a Value>,
    parsed: &mut Parsed,
) {
    let mut left = argument.after(1);
    loop {
        let Some(letter) = left.prefix().chars().next() else {
            if !left.bits.is_empty() {
                parsed.unclear.get_or_insert_with(|| argument.clone());
            }
            return;
        };
        left = left.after(letter.len_utf8());
        match short(description, letter) {
            None => parsed.unknown.push(letter.to_string()),
            Some(entry) if entry.value == Takes::Nothing => parsed.given.push(entry.given(None)),
            Some(entry) => {
                let value = if !left.bits.is_empty() {
                    Some(left)
                } else if entry.value == Takes::Something {
                    rest.next().cloned()
                } else {
                    None
                };
                parsed.given.push(entry.given(value));
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str, description: &'static str, style: Style) -> String {
        let arguments: Vec<Value> = line.split(' ').map(Value::text).collect();
        let parsed = parse(&arguments, description, style);
        let given: Vec<String> = parsed
            .given
            .iter()
            .map(|given| format!("{}={}", given.name, given.value.as_ref().map(Value::show).unwrap_or_default()))
            .collect();
        let operands: Vec<String> = parsed.operands.iter().map(Value::show).collect();
        format!("{}|{}", given.join(","), operands.join(","))
    }

    #[test]
    fn options_are_found_however_they_are_written() {
        let sort = "w:o,output= a:compress-program= -:k,key= -:r,reverse -:i=?";
        let cases = [
            ("-o out in", "o=out|in"),
            ("in -oout", "o=out|in"),
            ("in -roout", "r=,o=out|in"),
            ("--output=out in", "o=out|in"),
            ("--outp out in", "o=out|in"),
            ("--comp=x", "compress-program=x|"),
            ("-k 2 in -- -o", "k=2|in,-o"),
            ("-i in", "i=|in"),
            ("-iin", "i=in|"),
            ("-", "|-"),
        ];
        for (line, expected) in cases {
            assert_eq!(shown(line, sort, Style::default()), expected, "{line}");
        }
        assert_eq!(shown("-k 2 in -o x", sort, Style { leading: true, ..Style::default() }), "k=2|in,-o,x");
        assert_eq!(shown("-output x", sort, Style { single_dash: true, ..Style::default() }), "o=x|");
    }
}
