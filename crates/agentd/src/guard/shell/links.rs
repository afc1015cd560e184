//! Symbolic links that a text makes: the file system does not know them yet when the text is judged.

use super::{state::State, value::Value, walk::Judge};
use crate::guard::pattern::{Name, Pattern};

impl Judge<'_> {
    /// Remembers a link.
    pub(super) fn makes_link(&mut self, link: &Value, state: &State) {
        let made = self.patterns(link, state).unwrap_or_default();
        self.links.extend(made.iter().filter_map(Pattern::plain));
    }

    /// Forgets a link whose name is taken by another.
    pub(super) fn replaces_link(&mut self, link: &Value, state: &State) {
        let made: Vec<Pattern> =
            self.patterns(link, state).unwrap_or_default().iter().filter_map(Pattern::plain).collect();
        self.links.retain(|link| !made.contains(link));
    }

    /// Asks where a link of this very text is put elsewhere: seen from there it leads to another file.
    pub(super) fn carries_links(&mut self, source: &Value, state: &State) {
        if self.links.is_empty() {
            return;
        }
        let sources = self.patterns(source, state).unwrap_or_default();
        let carried = sources.iter().filter_map(|source| source.clone().and_below().plain()).any(|source| {
            // A link may also be a folder above what is named, or lie in the folder that is named.
            self.links.iter().any(|link| source.covers(link) || link.clone().and_below().covers(&source))
        });
        if carried {
            self.ask(
                "unknown_target",
                format!("where the links in {} lead can't be said once they are moved", source.show()),
            );
        }
    }

    /// Whether a path goes up from behind a link of this very text: `..` is then not the folder that it seems to be.
    pub(super) fn leaves_link(&self, pattern: &Pattern) -> bool {
        !self.links.is_empty()
            && pattern.names.iter().enumerate().any(|(at, name)| {
                let before = Pattern { names: pattern.names[..at].to_vec(), deep: false }.plain();
                *name == Name::Up
                    && before
                        .is_none_or(|before| self.links.iter().any(|link| link.clone().and_below().covers(&before)))
            })
    }
}
