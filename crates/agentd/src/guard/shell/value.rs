//! What a word can turn into when the shell runs.

use std::path::PathBuf;

use crate::guard::pattern::{Letter, Name, Pattern};

/// A part of a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bit {
    /// These letters.
    Text(String),
    /// A wildcard for any letters of a name.
    Star,
    /// A wildcard for one letter.
    One,
    /// A number, a date or the like: letters, digits and `_ : . + -`, at least one; neither `.` nor `..`, no `-` first.
    Plain,
    /// The id of a process that this very script started.
    Child,
    /// Part of a name: anything without a slash, also nothing.
    Name,
    /// A path below what stands before it, without `..`.
    Below,
    /// Out of a listing that names no secret; may be cut at any blank.
    Listed(Seen),
    /// Anything.
    Any,
}

/// From where the paths of a listing are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seen {
    /// From the folder that the shell is in when they are used.
    Here,
    /// From the root: they are absolute.
    Root,
}

/// One argument, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Value {
    pub(super) bits: Vec<Bit>,
    /// Whether it may be any number of arguments.
    pub(super) many: bool,
}

impl Value {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { bits: vec![Bit::Text(text.into())], many: false }
    }

    pub(super) fn of(bit: Bit) -> Self {
        Self { bits: vec![bit], many: false }
    }

    /// Anything, and one argument.
    pub(super) fn any() -> Self {
        Self::of(Bit::Any)
    }

    /// Anything, and any number of arguments.
    pub(super) fn anything() -> Self {
        Self { bits: vec![Bit::Any], many: true }
    }

    pub(super) fn push(&mut self, bit: Bit) {
        match (self.bits.last_mut(), bit) {
            (Some(Bit::Text(last)), Bit::Text(text)) => last.push_str(&text),
            // Twice anything is no more than once.
            (Some(Bit::Any), Bit::Any) | (Some(Bit::Star), Bit::Star) => {}
            (_, bit) => self.bits.push(bit),
        }
    }

    pub(super) fn push_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.push(Bit::Text(text.to_owned()));
        }
    }

    pub(super) fn extend(&mut self, other: &Self) {
        self.many |= other.many;
        for bit in &other.bits {
            self.push(bit.clone());
        }
    }

    /// The text, where all of it is known.
    pub(super) fn known(&self) -> Option<&str> {
        match self.bits.as_slice() {
            [] => Some(""),
            [Bit::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// How much memory it takes, about.
    pub(super) fn size(&self) -> usize {
        self.bits.iter().map(|bit| if let Bit::Text(text) = bit { text.len() + 16 } else { 16 }).sum()
    }

    /// What is known of its beginning.
    pub(super) fn prefix(&self) -> &str {
        match self.bits.first() {
            Some(Bit::Text(text)) => text,
            _ => "",
        }
    }

    /// Without this many bytes of its known beginning.
    pub(super) fn after(&self, count: usize) -> Self {
        let mut rest = self.clone();
        if let Some(Bit::Text(text)) = rest.bits.first_mut() {
            *text = text.get(count..).unwrap_or_default().to_owned();
            if text.is_empty() {
                rest.bits.remove(0);
            }
        }
        rest
    }

    /// Cut at the first such letter of its known text.
    pub(super) fn split_once(&self, at: char) -> Option<(Self, Self)> {
        let index = self.bits.iter().position(|bit| matches!(bit, Bit::Text(text) if text.contains(at)))?;
        let Some(Bit::Text(text)) = self.bits.get(index) else { return None };
        let (before, after) = text.split_once(at)?;
        let mut left = Self { bits: self.bits[..index].to_vec(), many: self.many };
        left.push_text(before);
        let mut right = Self { bits: vec![], many: self.many };
        right.push_text(after);
        for bit in &self.bits[index + 1..] {
            right.push(bit.clone());
        }
        Some((left, right))
    }

    pub(super) fn ends_with(&self, c: char) -> bool {
        matches!(self.bits.last(), Some(Bit::Text(text)) if text.ends_with(c))
    }

    /// Whether some part of it can be anything.
    pub(super) fn is_open(&self) -> bool {
        self.bits.iter().any(|bit| matches!(bit, Bit::Any | Bit::Listed(_)))
    }

    /// Whether it holds a wildcard, or what one turned into.
    pub(super) fn is_glob(&self) -> bool {
        self.bits.iter().any(|bit| matches!(bit, Bit::Star | Bit::One))
    }

    /// Whether it can't hold a slash, a blank or a dash at its beginning.
    pub(super) fn is_plain(&self) -> bool {
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "_:.+-@=,%".contains(c));
        let fits = |bit: &Bit| match bit {
            Bit::Plain | Bit::Child => true,
            Bit::Text(text) => plain(text),
            _ => false,
        };
        !self.many
            && !self.bits.is_empty()
            && !self.prefix().starts_with('-')
            && self.bits.iter().all(fits)
            && !matches!(self.known(), Some("." | ".."))
    }

    /// Whether it can't hold a slash.
    pub(super) fn is_name(&self) -> bool {
        self.bits.iter().all(|bit| match bit {
            Bit::Text(text) => !text.contains('/'),
            Bit::Star | Bit::One | Bit::Plain | Bit::Child | Bit::Name => true,
            Bit::Below | Bit::Listed(_) | Bit::Any => false,
        })
    }

    /// Whether a program may take it for an option.
    pub(super) fn may_be_option(&self) -> bool {
        match self.bits.first() {
            None => self.many,
            Some(Bit::Text(text)) => text.starts_with('-'),
            Some(Bit::Plain | Bit::Child | Bit::Below) => self.many,
            Some(Bit::Star | Bit::One | Bit::Name | Bit::Listed(_) | Bit::Any) => true,
        }
    }

    /// The path that it names, seen from a folder; nothing where it could be any.
    pub(super) fn pattern(&self, cwd: &Pattern) -> Option<Pattern> {
        if self.many && self.is_open() {
            return None;
        }
        let absolute = self.prefix().starts_with('/');
        if !absolute && matches!(self.bits.first(), Some(Bit::Any | Bit::Listed(_))) {
            return None;
        }
        let mut pattern = if absolute { Pattern { names: vec![], deep: false } } else { cwd.clone() };
        let mut name = Letters::default();
        for bit in &self.bits {
            match bit {
                Bit::Text(text) => {
                    let mut parts = text.split('/');
                    name.text(parts.next().unwrap_or_default());
                    for part in parts {
                        name.end(&mut pattern)?;
                        name.text(part);
                    }
                }
                Bit::Star => name.letter(Letter::Many, false),
                Bit::One => name.letter(Letter::One, false),
                Bit::Plain | Bit::Child => {
                    name.solid = true;
                    name.letter(Letter::Many, false);
                }
                Bit::Name => name.letter(Letter::Many, true),
                Bit::Below => {
                    name.end(&mut pattern)?;
                    pattern.deep = true;
                }
                Bit::Any | Bit::Listed(_) => return None,
            }
        }
        name.end(&mut pattern)?;
        Some(pattern)
    }

    /// For a person.
    pub(super) fn show(&self) -> String {
        let mut text = String::new();
        for bit in &self.bits {
            match bit {
                Bit::Text(known) => text.push_str(known),
                Bit::Star => text.push('*'),
                Bit::One => text.push('?'),
                _ => text.push('…'),
            }
        }
        text
    }
}

/// A name as it is put together.
#[derive(Default)]
struct Letters {
    letters: Vec<Letter>,
    may_hide: bool,
    /// Whether something in it is certain to be more than dots.
    solid: bool,
}

impl Letters {
    fn text(&mut self, text: &str) {
        self.letters.extend(text.chars().map(Letter::Known));
    }

    fn letter(&mut self, letter: Letter, may_hide: bool) {
        self.may_hide |= may_hide && self.letters.iter().all(|letter| *letter == Letter::Many);
        self.letters.push(letter);
    }

    /// Puts the name into the path; nothing where it may be `..` or empty and so mean another folder.
    fn end(&mut self, pattern: &mut Pattern) -> Option<()> {
        let Self { letters, may_hide, solid } = std::mem::take(self);
        let known: Option<String> =
            letters.iter().map(|letter| if let Letter::Known(c) = letter { Some(*c) } else { None }).collect();
        match known.as_deref() {
            // What may stand below is below it, whatever it is called.
            Some("" | ".") => {}
            Some("..") if pattern.deep => return None,
            Some("..") => pattern.names.push(Name::Up),
            _ if pattern.deep => {}
            Some(name) => pattern.names.push(Name::Known(name.to_owned())),
            None => {
                let only_dots = letters.iter().all(|letter| !matches!(letter, Letter::Known(c) if *c != '.'));
                let hidden = letters.first() == Some(&Letter::Known('.'));
                if only_dots && !solid && (may_hide || hidden) {
                    return None;
                }
                pattern.names.push(Name::Like { letters, may_hide });
            }
        }
        Some(())
    }
}

/// What comes out of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Stream {
    /// Exactly this.
    Text(String),
    /// What is in this file.
    File(PathBuf),
    /// Plain words, such as numbers.
    Plain,
    /// Names and paths, none of them a secret's.
    Listing(Seen),
    /// Anything.
    #[default]
    Unknown,
}

impl Stream {
    /// What `$(...)` makes of it.
    pub(super) fn value(&self) -> Value {
        match self {
            Self::Text(text) => Value::text(text.trim_end_matches('\n')),
            Self::Plain => Value::of(Bit::Plain),
            Self::Listing(seen) => Value::of(Bit::Listed(*seen)),
            Self::File(_) | Self::Unknown => Value::any(),
        }
    }
}
