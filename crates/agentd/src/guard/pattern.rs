//! A path of which some letters may be unknown: what a wildcard or a number can turn into.

use std::path::{Component, Path, PathBuf};

/// A letter of a name, known or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Letter {
    /// This one.
    Known(char),
    /// Any one.
    One,
    /// Any number of any.
    Many,
}

/// One name of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// Wholly known.
    Known(String),
    /// Only partly known. A shell's wildcard at its beginning matches no leading dot.
    Like {
        /// Its letters.
        letters: Vec<Letter>,
        /// Whether it can begin with a dot that is not among its known letters.
        may_hide: bool,
    },
    /// The folder above.
    Up,
}

impl Name {
    /// A name with `*` for any letters, as the rules write it.
    pub(crate) fn rule(text: &str) -> Self {
        if !text.contains('*') {
            return Self::Known(text.to_owned());
        }
        let letters = text.chars().map(|c| if c == '*' { Letter::Many } else { Letter::Known(c) }).collect();
        Self::Like { letters, may_hide: true }
    }

    /// Whether both can be the same name.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Known(a), Self::Known(b)) => a == b,
            (Self::Up, _) | (_, Self::Up) => false,
            (Self::Like { letters, may_hide }, Self::Known(known))
            | (Self::Known(known), Self::Like { letters, may_hide }) => {
                let known: Vec<Letter> = known.chars().map(Letter::Known).collect();
                !(hides(&known) && !may_hide && !hides(letters)) && meet(letters, &known)
            }
            (Self::Like { letters: a, may_hide: ah }, Self::Like { letters: b, may_hide: bh }) => {
                let apart = (hides(a) && !hides(b) && !bh) || (hides(b) && !hides(a) && !ah);
                !apart && meet(a, b)
            }
        }
    }

    /// Whether every name that this can be ends so.
    pub(crate) fn ends_with(&self, end: &str) -> bool {
        match self {
            Self::Known(name) => name.ends_with(end),
            Self::Like { letters, .. } => {
                let end: Vec<Letter> = end.chars().map(Letter::Known).collect();
                letters.ends_with(&end)
            }
            Self::Up => false,
        }
    }
}

fn hides(letters: &[Letter]) -> bool {
    letters.first() == Some(&Letter::Known('.'))
}

/// Whether two patterns have a text in common. Row by row from the end: `row[j]` says it of what is left of both.
fn meet(a: &[Letter], b: &[Letter]) -> bool {
    let mut row = vec![false; b.len() + 1];
    for i in (0..=a.len()).rev() {
        let below = std::mem::replace(&mut row, vec![false; b.len() + 1]);
        for j in (0..=b.len()).rev() {
            row[j] = match (a.get(i), b.get(j)) {
                (None, None) => true,
                (Some(Letter::Many), None) => below[j],
                (None, Some(Letter::Many)) => row[j + 1],
                (Some(Letter::Many), Some(_)) | (Some(_), Some(Letter::Many)) => below[j] || row[j + 1],
                (Some(Letter::Known(x)), Some(Letter::Known(y))) => x == y && below[j + 1],
                (Some(_), Some(_)) => below[j + 1],
                _ => false,
            };
        }
    }
    row[0]
}

/// An absolute path that may be known only in part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pattern {
    /// Its names from the root.
    pub(crate) names: Vec<Name>,
    /// Whether it stands for everything at it and below it.
    pub(crate) deep: bool,
}

impl Pattern {
    /// A known path; nothing where it is not absolute.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        if !path.is_absolute() {
            return None;
        }
        let names = path.components().filter_map(|component| match component {
            Component::Normal(name) => Some(Name::Known(name.to_string_lossy().into_owned())),
            Component::ParentDir => Some(Name::Up),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        });
        Some(Self { names: names.collect(), deep: false })
    }

    /// The same, and everything below.
    pub(crate) fn and_below(mut self) -> Self {
        self.deep = true;
        self
    }

    /// The known names at its beginning as a path, and how many they are.
    pub(crate) fn known(&self) -> (PathBuf, usize) {
        let mut path = PathBuf::from("/");
        let mut count = 0;
        for name in &self.names {
            match name {
                Name::Known(name) => path.push(name),
                Name::Up => path.push(".."),
                Name::Like { .. } => break,
            }
            count += 1;
        }
        (path, count)
    }

    /// The path, where all of it is known.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        let (path, count) = self.known();
        (count == self.names.len() && !self.deep).then_some(path)
    }

    /// Without `..`, taken by the letter; nothing where that would leave an unknown name.
    pub(crate) fn plain(&self) -> Option<Self> {
        let mut names: Vec<Name> = Vec::with_capacity(self.names.len());
        for name in &self.names {
            match name {
                Name::Up => match names.pop() {
                    Some(Name::Like { .. }) => return None,
                    _ => continue,
                },
                name => names.push(name.clone()),
            }
        }
        Some(Self { names, deep: self.deep })
    }

    /// Whether it can be this path, or a folder of which everything is meant and that holds it.
    pub(crate) fn covers(&self, path: &Self) -> bool {
        let long_enough =
            if self.deep { path.names.len() >= self.names.len() } else { path.names.len() == self.names.len() };
        long_enough && self.names.iter().zip(&path.names).all(|(own, name)| own.meets(name))
    }

    /// For a person.
    pub(crate) fn show(&self) -> String {
        let mut text = String::new();
        for name in &self.names {
            text.push('/');
            match name {
                Name::Known(name) => text.push_str(name),
                Name::Up => text.push_str(".."),
                Name::Like { letters, .. } => text.extend(letters.iter().map(|letter| match letter {
                    Letter::Known(c) => *c,
                    Letter::One => '?',
                    Letter::Many => '*',
                })),
            }
        }
        if self.deep {
            text.push_str("/**");
        }
        if text.is_empty() { "/".to_owned() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(text: &str) -> Name {
        let letters: Vec<Letter> = text
            .chars()
            .map(|c| match c {
                '*' => Letter::Many,
                '?' => Letter::One,
                c => Letter::Known(c),
            })
            .collect();
        Name::Like { letters, may_hide: false }
    }

    #[test]
    fn patterns_meet_where_a_name_fits_both() {
        let cases = [
            ("shadow", "shadow", true),
            ("sh*", "shadow", true),
            ("*w", "shadow", true),
            ("s?adow", "shadow", true),
            ("s?dow", "shadow", false),
            ("*", "shadow", true),
            ("", "shadow", false),
            ("*.pub", "id_*", true),
            ("known*", "id_*", false),
            ("*a*b*", "*c*", true),
            ("*", ".ssh", false),
            (".*", ".ssh", true),
            (".s??", ".ssh", true),
            ("?ssh", ".ssh", false),
        ];
        for (a, b, expected) in cases {
            assert_eq!(glob(a).meets(&Name::rule(b)), expected, "{a} {b}");
            assert_eq!(Name::rule(b).meets(&glob(a)), expected, "{b} {a}");
        }
    }

    #[test]
    fn an_unknown_name_has_no_folder_above_that_is_known() {
        let up = |names: Vec<Name>| Pattern { names, deep: false }.plain().map(|it| it.show());
        assert_eq!(up(vec![Name::Known("a".into()), Name::Up, Name::Up, Name::Known("b".into())]), Some("/b".into()));
        assert_eq!(up(vec![glob("*"), Name::Up]), None);
    }
}
