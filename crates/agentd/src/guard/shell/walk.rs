//! Goes through the syntax tree in the order in which the shell would.

use std::path::PathBuf;

use brush_parser::ast::{
    AndOr, AndOrList, Command, CommandPrefixOrSuffixItem, CompoundCommand, CompoundList, Pipeline, RedirectList,
    SeparatorOperator, Word,
};

use super::{
    Scene, parse,
    scan::{self, Dialect, Piece},
    state::{Flow, Function, State, joined},
    value::{Stream, Value},
};
use crate::guard::{Reason, pattern::Pattern};

/// So many commands are judged in one text: loops over literals multiply.
const MOST_STEPS: usize = 3000;
/// So many bytes are put together from variables and arguments: each may double what it takes.
const MOST_EFFORT: usize = 4 << 20;
/// Commands inside commands are judged so deep: each takes its part of the stack.
const DEEPEST_COMMAND: usize = 64;
/// Texts inside texts are judged so deep.
pub(super) const DEEPEST: usize = 16;
/// One judgement of one text.
pub(super) struct Judge<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) dialect: Dialect,
    pub(super) reasons: Vec<Reason>,
    steps: usize,
    /// How much was put together from variables and arguments, in bytes.
    effort: usize,
    depth: usize,
    /// How many commands are around: those that run others, groups, loops, functions.
    around: usize,
    /// How many background commands and pipelines are around.
    pub(super) parallel: usize,
    /// The functions being called, and how parallel it was when they were.
    pub(super) calls: Vec<(String, usize)>,
    pub(super) defined: Vec<(Function, State)>,
    pub(super) called: Vec<Function>,
    /// With which state each loop that is around was left early.
    pub(super) loops: Vec<Option<State>>,
    /// With which state each function that is around returned.
    pub(super) returns: Vec<Option<State>>,
    /// Variables that an expansion may have set.
    pub(super) defaulted: Vec<String>,
    /// What the text may write.
    pub(super) written: Vec<Pattern>,
    /// Symbolic links that the text makes.
    pub(super) links: Vec<Pattern>,
    /// Files whose contents decided something.
    pub(super) relied_on: Vec<PathBuf>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(scene: &'a Scene<'a>, dialect: Dialect) -> Self {
        Self {
            scene,
            dialect,
            reasons: vec![],
            steps: 0,
            effort: 0,
            depth: 0,
            around: 0,
            parallel: 0,
            calls: vec![],
            defined: vec![],
            called: vec![],
            loops: vec![],
            returns: vec![],
            defaulted: vec![],
            written: vec![],
            links: vec![],
            relied_on: vec![],
        }
    }

    pub(super) fn ask(&mut self, code: &'static str, text: impl Into<String>) {
        self.add(Reason::new(code, text));
    }

    pub(super) fn add(&mut self, reason: Reason) {
        if self.reasons.len() < super::MOST_REASONS && !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    /// Judges the whole text, and what only its end shows.
    pub(super) fn whole(&mut self, text: &str, state: State) {
        self.script(text, state);
        let mut index = 0;
        while let Some((function, state)) = self.defined.get(index).cloned() {
            index += 1;
            if !self.called.contains(&function) {
                self.called.push(function.clone());
                let mut state = state;
                state.forget();
                self.compound(&function.0.0, function.0.1.as_ref(), state);
            }
        }
        self.relies_on_written();
    }

    /// Judges a text as the running shell would go on with it.
    pub(super) fn script(&mut self, text: &str, state: State) -> Flow {
        if self.depth >= DEEPEST {
            self.ask("too_complex", "it is nested too deep to be judged");
            return Flow::plain(state);
        }
        // It costs more to read a text than to put it together.
        self.spend(text.len() * 8);
        if self.is_exhausted() {
            return Flow::plain(state);
        }
        match parse::parse(text, self.dialect) {
            Err(trouble) => {
                self.ask("unparsed", format!("it can't be read: {}", trouble.0));
                Flow::plain(state)
            }
            Ok(program) => {
                self.depth += 1;
                let items = program.complete_commands.iter().flat_map(|list| &list.0);
                let flow = self.items(items.map(|item| (&item.0, &item.1)), state);
                self.depth -= 1;
                flow
            }
        }
    }

    /// Counts what was put together; too much of it asks, and nothing more is looked at.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.effort = self.effort.saturating_add(bytes);
        if self.effort > MOST_EFFORT {
            self.ask("too_complex", "it puts too much together to be judged");
        }
    }

    /// Goes into a command; nothing more is looked at, and it asks, where it is too deep.
    pub(super) fn goes_deeper(&mut self) -> bool {
        if self.around >= DEEPEST_COMMAND {
            self.ask("too_complex", "it is nested too deep to be judged");
            return false;
        }
        self.around += 1;
        true
    }

    /// Comes out of a command.
    pub(super) fn comes_back(&mut self) {
        self.around -= 1;
    }

    /// Whether it was found to be too much; it asks already then.
    pub(super) fn is_exhausted(&self) -> bool {
        self.steps > MOST_STEPS || self.effort > MOST_EFFORT
    }

    /// Judges a text in a shell of its own.
    pub(super) fn substitution(&mut self, text: &str, state: &State) -> Stream {
        self.script(text, state.clone()).out
    }

    pub(super) fn list(&mut self, list: &CompoundList, state: State) -> Flow {
        self.items(list.0.iter().map(|item| (&item.0, &item.1)), state)
    }

    fn items<'t>(&mut self, items: impl Iterator<Item = (&'t AndOrList, &'t SeparatorOperator)>, state: State) -> Flow {
        let mut last = state.clone();
        let mut flow = Flow::both(state, Stream::Text(String::new()));
        for (index, (and_or, separator)) in items.enumerate() {
            let before = flow.end();
            let reachable = before.is_some();
            // What seems never to be reached is judged all the same, as if it were.
            let at = before.unwrap_or(last);
            last = at.clone();
            let mut next = match separator {
                SeparatorOperator::Sequence => self.and_or(and_or, at),
                SeparatorOperator::Async => {
                    self.parallel += 1;
                    self.and_or(and_or, at.clone());
                    self.parallel -= 1;
                    Flow::plain(at)
                }
            };
            if index > 0 {
                next.out = Stream::Unknown;
            }
            flow = if reachable { next } else { Flow::never() };
        }
        flow
    }

    fn and_or(&mut self, list: &AndOrList, state: State) -> Flow {
        let before = state.clone();
        let mut flow = self.pipeline(&list.first, state);
        for next in &list.additional {
            let (pipeline, reached) = match next {
                AndOr::And(pipeline) => (pipeline, flow.ok.take()),
                AndOr::Or(pipeline) => (pipeline, flow.fail.take()),
            };
            let reachable = reached.is_some();
            let done = self.pipeline(pipeline, reached.unwrap_or_else(|| before.clone()));
            flow.out = Stream::Unknown;
            if reachable {
                flow = Flow { ok: joined(flow.ok, done.ok), fail: joined(flow.fail, done.fail), out: Stream::Unknown };
            }
        }
        flow
    }

    fn pipeline(&mut self, pipeline: &Pipeline, state: State) -> Flow {
        let mut flow = match pipeline.seq.as_slice() {
            [] => Flow::plain(state),
            [one] => self.command(one, state),
            several => {
                self.parallel += 1;
                let mut out = state.stdin.clone();
                for command in several {
                    let mut inner = state.clone();
                    inner.stdin = out;
                    out = self.command(command, inner).out;
                }
                self.parallel -= 1;
                Flow::both(state, out)
            }
        };
        if pipeline.bang {
            std::mem::swap(&mut flow.ok, &mut flow.fail);
        }
        flow
    }

    pub(super) fn command(&mut self, command: &Command, state: State) -> Flow {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            self.ask("too_complex", "it has too many commands to be judged");
        }
        if self.is_exhausted() {
            return Flow::plain(state);
        }
        if !self.goes_deeper() {
            return Flow::plain(state);
        }
        let flow = self.entered(command, state);
        self.comes_back();
        flow
    }

    fn entered(&mut self, command: &Command, state: State) -> Flow {
        match command {
            Command::Simple(simple) => self.simple(simple, state),
            Command::Compound(compound, redirects) => self.compound(compound, redirects.as_ref(), state),
            Command::Function(function) => self.define(function, state),
            Command::ExtendedTest(test, redirects) => {
                let state = self.redirected(redirects.as_ref(), &state).unwrap_or(state);
                self.extended_test(&test.expr, &state);
                Flow::plain(state)
            }
        }
    }

    /// The state inside redirections; nothing where there are none.
    fn redirected(&mut self, redirects: Option<&RedirectList>, state: &State) -> Option<State> {
        let redirects = redirects?;
        let mut inner = state.clone();
        for redirect in &redirects.0 {
            self.redirect(redirect, &mut inner);
        }
        Some(inner)
    }

    pub(super) fn compound(
        &mut self,
        command: &CompoundCommand,
        redirects: Option<&RedirectList>,
        state: State,
    ) -> Flow {
        let stdin = state.stdin.clone();
        let inner = self.redirected(redirects, &state).unwrap_or(state);
        let restore = |state: Option<State>| state.map(|state| State { stdin: stdin.clone(), ..state });
        let flow = self.grouped(command, inner);
        let out = if redirects.is_some() { Stream::Unknown } else { flow.out };
        Flow { ok: restore(flow.ok), fail: restore(flow.fail), out }
    }

    pub(super) fn pieces(&mut self, text: &str) -> Vec<Piece> {
        scan::word(text, self.dialect).unwrap_or_else(|trouble| {
            self.ask("unparsed", format!("a word can't be read: {}", trouble.0));
            vec![]
        })
    }

    pub(super) fn word_fields(&mut self, word: &Word, state: &State) -> Vec<Value> {
        let pieces = self.pieces(&word.value);
        self.fields(&pieces, state)
    }

    pub(super) fn word_one(&mut self, word: &Word, state: &State) -> Value {
        let pieces = self.pieces(&word.value);
        self.one(&pieces, state)
    }

    pub(super) fn word_target(&mut self, word: &Word, state: &State) -> Value {
        let pieces = self.pieces(&word.value);
        self.target(&pieces, state)
    }

    /// Judges what a process substitution runs.
    pub(super) fn process_substitution(&mut self, item: &CommandPrefixOrSuffixItem, state: &State) {
        if let CommandPrefixOrSuffixItem::ProcessSubstitution(_, shell) = item {
            self.parallel += 1;
            self.list(&shell.list, state.clone());
            self.parallel -= 1;
        }
    }
}
