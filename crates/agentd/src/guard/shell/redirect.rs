//! Redirections, and the two questions about a path: may it be written, may it be read?

use std::fs;

use brush_parser::ast::{IoFileRedirectKind, IoFileRedirectTarget, IoRedirect, ProcessSubstitutionKind};

use super::{
    scan,
    state::State,
    value::{Bit, Seen, Stream, Value},
    walk::Judge,
};
use crate::guard::{Reason, pattern::Pattern, resolve};

/// Files are looked into so far.
const LARGEST_SCRIPT: u64 = 256 << 10;

impl Judge<'_> {
    /// Judges a redirection and keeps what it puts on standard input. Says whether it takes standard output away.
    pub(super) fn redirect(&mut self, redirect: &IoRedirect, state: &mut State) -> bool {
        match redirect {
            IoRedirect::File(fd, kind, target) => {
                let reads = matches!(kind, IoFileRedirectKind::Read | IoFileRedirectKind::DuplicateInput);
                let stdin = fd.is_none_or(|fd| fd == 0)
                    && matches!(
                        kind,
                        IoFileRedirectKind::Read
                            | IoFileRedirectKind::ReadAndWrite
                            | IoFileRedirectKind::DuplicateInput
                    );
                match target {
                    IoFileRedirectTarget::Filename(word) => {
                        let value = self.word_target(word, state);
                        if reads {
                            self.reads(&value, state);
                        } else {
                            self.writes(&value, state);
                        }
                        if stdin {
                            state.stdin = self.contents(&value, state);
                        }
                    }
                    IoFileRedirectTarget::Duplicate(word) => {
                        let value = self.word_target(word, state);
                        self.duplicate(&value, kind, state);
                        if stdin {
                            state.stdin = Stream::Unknown;
                        }
                    }
                    IoFileRedirectTarget::Fd(_) => {}
                    IoFileRedirectTarget::ProcessSubstitution(way, shell) => {
                        self.parallel += 1;
                        let out = self.list(&shell.list, state.clone()).out;
                        self.parallel -= 1;
                        if stdin {
                            state.stdin =
                                if matches!(way, ProcessSubstitutionKind::Read) { out } else { Stream::Unknown };
                        }
                    }
                }
                // `2>&1` and `2>/dev/null` leave what is said where it is.
                !reads && !matches!(fd, Some(2))
            }
            IoRedirect::OutputAndError(word, _) => {
                let value = self.word_target(word, state);
                self.writes(&value, state);
                true
            }
            IoRedirect::HereString(fd, word) => {
                let value = self.word_one(word, state);
                if fd.is_none_or(|fd| fd == 0) {
                    state.stdin = value.known().map_or(Stream::Unknown, |text| Stream::Text(format!("{text}\n")));
                }
                false
            }
            IoRedirect::HereDocument(fd, document) => {
                let text = if document.requires_expansion {
                    match scan::here_document(&document.doc.value, self.dialect) {
                        Ok(pieces) => self.one(&pieces, state).known().map(str::to_owned),
                        Err(trouble) => {
                            self.ask("unparsed", format!("a here-document can't be read: {}", trouble.0));
                            None
                        }
                    }
                } else {
                    Some(document.doc.value.clone())
                };
                if fd.is_none_or(|fd| fd == 0) {
                    state.stdin = text.map_or(Stream::Unknown, Stream::Text);
                }
                false
            }
        }
    }

    fn duplicate(&mut self, value: &Value, kind: &IoFileRedirectKind, state: &State) {
        let descriptor =
            |text: &str| text == "-" || text.trim_end_matches('-').bytes().all(|byte| byte.is_ascii_digit());
        match value.known() {
            Some(text) if descriptor(text) => {}
            None if value.bits == [Bit::Plain] => {}
            _ if matches!(kind, IoFileRedirectKind::DuplicateOutput) => self.writes(value, state),
            _ => self.ask("unknown_target", "a redirection copies an unknown descriptor"),
        }
    }

    /// The file that the argument names, where that is certain.
    pub(super) fn contents(&self, value: &Value, state: &State) -> Stream {
        let patterns = self.patterns(value, state).unwrap_or_default();
        match patterns.as_slice() {
            [pattern] => pattern.path().map_or(Stream::Unknown, Stream::File),
            _ => Stream::Unknown,
        }
    }

    /// What a stream says, where that is known. A file must then not be written by the text that relies on it.
    pub(super) fn text_of(&mut self, stream: &Stream) -> Option<String> {
        let path = match stream {
            Stream::Text(text) => return Some(text.clone()),
            Stream::File(path) => path,
            Stream::Plain | Stream::Listing(_) | Stream::Unknown => return None,
        };
        let meta = fs::metadata(path).ok()?;
        if !meta.is_file() || meta.len() > LARGEST_SCRIPT || self.scene.paths.judge_read(path).is_some() {
            return None;
        }
        let text = fs::read_to_string(path).ok()?;
        if !self.relied_on.contains(path) {
            self.relied_on.push(path.clone());
        }
        Some(text)
    }

    /// Asks where the text relies on a file that it may write.
    pub(super) fn relies_on_written(&mut self) {
        for path in std::mem::take(&mut self.relied_on) {
            let names: Vec<_> = [Some(path.clone()), resolve::follow(&path)]
                .into_iter()
                .flatten()
                .filter_map(|path| Pattern::of(&path)?.plain())
                .collect();
            let written = self.written.iter().any(|written| {
                let views = [written.plain(), written.path().and_then(|path| Pattern::of(&resolve::follow(&path)?))];
                views.iter().flatten().any(|view| names.iter().any(|name| view.covers(name)))
            });
            if written {
                self.ask(
                    "script_unjudged",
                    format!("{} may be written by the same command that relies on it", path.display()),
                );
            }
        }
    }

    fn paths_of<'v>(&self, value: &'v Value, state: &'v State) -> impl Iterator<Item = Option<Pattern>> + 'v {
        let absolute = value.prefix().starts_with('/');
        let here: &[Pattern] = if absolute { &ROOT } else { &state.cwd };
        let unknown = here.is_empty().then_some(None);
        here.iter().map(|cwd| value.pattern(cwd)).chain(unknown)
    }

    /// The paths that an argument may name, one for each folder that the shell may be in.
    pub(super) fn patterns(&self, value: &Value, state: &State) -> Option<Vec<Pattern>> {
        self.paths_of(value, state).collect()
    }

    /// Asks where writing to the argument needs leave.
    pub(super) fn writes(&mut self, value: &Value, state: &State) {
        self.touches(value, state, super::super::paths::GuardedPaths::write);
    }

    /// Asks where writing anything below the argument needs leave.
    pub(super) fn writes_below(&mut self, value: &Value, state: &State) {
        self.touches(value, state, |paths, pattern| paths.write(&pattern.clone().and_below()));
    }

    /// Asks where removing or replacing the file itself needs leave.
    pub(super) fn alters(&mut self, value: &Value, state: &State) {
        self.touches(value, state, super::super::paths::GuardedPaths::alter);
    }

    /// Asks where changing what is at the argument and below it needs leave.
    pub(super) fn alters_below(&mut self, value: &Value, state: &State) {
        self.touches(value, state, |paths, pattern| paths.alter(&pattern.clone().and_below()));
    }

    /// Asks where removing the argument with all that is in it, or changing all of it, needs leave.
    pub(super) fn removes(&mut self, value: &Value, state: &State) {
        self.touches(value, state, super::super::paths::GuardedPaths::remove);
    }

    fn touches(
        &mut self,
        value: &Value,
        state: &State,
        judge: impl Fn(&crate::guard::GuardedPaths, &Pattern) -> Option<Reason>,
    ) {
        match self.patterns(value, state) {
            None => self.ask("unknown_target", format!("what {} names can't be said before it runs", value.show())),
            Some(patterns) => {
                for pattern in patterns {
                    if let Some(reason) = judge(self.scene.paths, &pattern) {
                        self.add(reason);
                    }
                    if self.leaves_link(&pattern) {
                        self.ask("unknown_target", format!("{} goes up from behind a link", pattern.show()));
                    }
                    self.written.push(pattern);
                }
            }
        }
    }

    /// Asks where reading the argument needs leave.
    pub(super) fn reads(&mut self, value: &Value, state: &State) {
        self.looks(value, state, false);
    }

    /// Asks where reading everything below the argument needs leave.
    pub(super) fn reads_below(&mut self, value: &Value, state: &State) {
        self.looks(value, state, true);
    }

    fn looks(&mut self, value: &Value, state: &State, below: bool) {
        if value.known() == Some("-") {
            return;
        }
        // A listing was judged where it was made. Where it may be cut, a part of it is seen from the shell's own folder.
        let here_is_open = || self.is_open_below(&Value::text("."), state);
        let at_root = !state.cwd.is_empty() && state.cwd.iter().all(|cwd| cwd.names.is_empty());
        match value.bits.as_slice() {
            [Bit::Listed(Seen::Root)] if !value.many || at_root || here_is_open() => return,
            [Bit::Listed(Seen::Here)] if here_is_open() => return,
            [Bit::Text(folder), Bit::Listed(_)]
                if folder.ends_with('/') && (!value.many || at_root || here_is_open()) =>
            {
                return self.looks(&Value::text(folder.clone()), state, true);
            }
            _ => {}
        }
        match self.patterns(value, state) {
            None => self.ask("unknown_source", format!("what {} names can't be said before it runs", value.show())),
            Some(patterns) => {
                for pattern in patterns {
                    if self.leaves_link(&pattern) {
                        self.ask("unknown_source", format!("{} goes up from behind a link", pattern.show()));
                    }
                    let pattern = if below { pattern.and_below() } else { pattern };
                    if let Some(reason) = self.scene.paths.read(&pattern) {
                        self.add(reason);
                    }
                }
            }
        }
    }

    /// Whether everything below the argument may be read.
    pub(super) fn is_open_below(&self, value: &Value, state: &State) -> bool {
        let patterns = self.patterns(value, state);
        patterns.is_some_and(|patterns| {
            patterns.into_iter().all(|pattern| self.scene.paths.read(&pattern.and_below()).is_none())
        })
    }
}

/// Where an absolute path is seen from: it does not matter.
static ROOT: [Pattern; 1] = [Pattern { names: vec![], deep: false }];
