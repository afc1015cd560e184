//! Goes through the syntax tree in the order in which the shell would.

use std::{path::PathBuf, rc::Rc};

use brush_parser::ast::{
    AndOr, AndOrList, CaseClauseCommand, Command, CommandPrefixOrSuffixItem, CompoundCommand, CompoundList,
    ExtendedTestExpr, ForClauseCommand, FunctionDefinition, IfClauseCommand, Pipeline, RedirectList, SeparatorOperator,
    WhileOrUntilClauseCommand, Word,
};

use super::{
    Scene, names, parse,
    scan::{self, Dialect, Piece},
    state::{Flow, Function, State, joined, merged},
    value::{Stream, Value},
};
use crate::guard::{Reason, pattern::Pattern};

/// So many commands are judged in one text: loops over literals multiply.
const MOST_STEPS: usize = 3000;
/// Texts inside texts are judged so deep.
const DEEPEST: usize = 16;
/// A loop over so many known values is judged value by value.
const MOST_ROUNDS: usize = 12;

/// One judgement of one text.
pub(super) struct Judge<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) dialect: Dialect,
    pub(super) reasons: Vec<Reason>,
    steps: usize,
    depth: usize,
    /// How many background commands and pipelines are around.
    pub(super) parallel: usize,
    /// The functions being called, and how parallel it was when they were.
    calls: Vec<(String, usize)>,
    defined: Vec<(Function, State)>,
    called: Vec<Function>,
    /// With which state each loop that is around was left early.
    loops: Vec<Option<State>>,
    /// With which state each function that is around returned.
    returns: Vec<Option<State>>,
    /// Variables that an expansion may have set.
    pub(super) defaulted: Vec<String>,
    /// What the text may write.
    pub(super) written: Vec<Pattern>,
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
            depth: 0,
            parallel: 0,
            calls: vec![],
            defined: vec![],
            called: vec![],
            loops: vec![],
            returns: vec![],
            defaulted: vec![],
            written: vec![],
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
                    inner.fresh = true;
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

    fn command(&mut self, command: &Command, state: State) -> Flow {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            self.ask("too_complex", "it has too many commands to be judged");
            return Flow::plain(state);
        }
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
        let mut inner = self.redirected(redirects, &state).unwrap_or(state);
        inner.fresh = false;
        let restore = |state: Option<State>| state.map(|state| State { stdin: stdin.clone(), ..state });
        let flow = self.grouped(command, inner);
        let out = if redirects.is_some() { Stream::Unknown } else { flow.out };
        Flow { ok: restore(flow.ok), fail: restore(flow.fail), out }
    }

    fn grouped(&mut self, command: &CompoundCommand, state: State) -> Flow {
        match command {
            CompoundCommand::BraceGroup(group) => self.list(&group.list, state),
            CompoundCommand::Subshell(shell) => {
                let out = self.list(&shell.list, state.clone()).out;
                Flow::both(state, out)
            }
            CompoundCommand::ForClause(clause) => self.for_clause(clause, state),
            CompoundCommand::CaseClause(clause) => self.case_clause(clause, &state),
            CompoundCommand::IfClause(clause) => self.if_clause(clause, state),
            CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
                self.while_clause(clause, state)
            }
            CompoundCommand::Arithmetic(arithmetic) => {
                self.raw_arithmetic(&arithmetic.expr.value, &state);
                Flow::plain(self.arithmetic_sets(&arithmetic.expr.value, state))
            }
            CompoundCommand::ArithmeticForClause(clause) => {
                let mut state = state;
                for part in [&clause.initializer, &clause.condition, &clause.updater].into_iter().flatten() {
                    self.raw_arithmetic(&part.value, &state);
                    state = self.arithmetic_sets(&part.value, state);
                }
                let body = &clause.body.list;
                Flow::plain(self.looped(state, |judge, state| judge.list(body, state).end()))
            }
            CompoundCommand::Coprocess(process) => {
                self.parallel += 1;
                self.command(&process.body, state.clone());
                self.parallel -= 1;
                Flow::plain(state)
            }
        }
    }

    /// Judges a body that may run any number of times.
    fn looped(&mut self, state: State, mut body: impl FnMut(&mut Self, State) -> Option<State>) -> State {
        let first = state.clone();
        let mut at = state;
        for _ in 0..3 {
            let (after, left) = self.round(|judge| body(judge, at.clone()));
            let together = joined(Some(at.clone()), joined(after, left)).unwrap_or_else(|| at.clone());
            if together == at {
                return at;
            }
            at = together;
        }
        at.forget_changes(&first);
        self.round(|judge| body(judge, at.clone()));
        at
    }

    /// One round of a loop's body: where it ends, and where it is left early.
    fn round(&mut self, body: impl FnOnce(&mut Self) -> Option<State>) -> (Option<State>, Option<State>) {
        self.loops.push(None);
        let after = body(self);
        (after, self.loops.pop().flatten())
    }

    /// `break` and `continue`: the loop goes on, or ends, with this state.
    pub(super) fn leaves_loop(&mut self, state: State) -> Flow {
        if self.loops.is_empty() {
            return Flow::plain(state);
        }
        for left in &mut self.loops {
            *left = joined(left.take(), Some(state.clone()));
        }
        Flow::never()
    }

    pub(super) fn enter_function(&mut self) {
        self.returns.push(None);
    }

    /// What was left early of the function that is around.
    pub(super) fn leave_function(&mut self) -> Option<State> {
        self.returns.pop().flatten()
    }

    /// `return`: the function ends with this state.
    pub(super) fn leaves_function(&mut self, state: State) -> Flow {
        if let Some(left) = self.returns.last_mut() {
            *left = joined(left.take(), Some(state));
        }
        Flow::never()
    }

    fn for_clause(&mut self, clause: &ForClauseCommand, state: State) -> Flow {
        self.checks_name(&clause.variable_name);
        let values = match &clause.values {
            Some(words) => words.iter().flat_map(|word| self.word_fields(word, &state)).collect(),
            None => state.arguments.clone().unwrap_or_else(|| vec![Value::anything()]),
        };
        let body = &clause.body.list;
        let name = clause.variable_name.as_str();
        let known = values.len() <= MOST_ROUNDS && values.iter().all(|value| !value.many);
        if known {
            let mut at = state;
            let mut early = None;
            for value in values {
                let mut round = at.clone();
                round.set(name, value);
                self.meets_traps(&at, &round);
                let (after, left) = self.round(|judge| judge.list(body, round).end());
                early = joined(early, left.clone());
                at = joined(after, left).unwrap_or(at);
            }
            return joined(Some(at), early).map_or_else(Flow::never, Flow::plain);
        }
        let value = merged(&values);
        let end = self.looped(state, |judge, mut state| {
            let before = state.clone();
            state.set(name, value.clone());
            judge.meets_traps(&before, &state);
            judge.list(body, state).end()
        });
        Flow::plain(end)
    }

    fn while_clause(&mut self, clause: &WhileOrUntilClauseCommand, state: State) -> Flow {
        let WhileOrUntilClauseCommand(condition, body, _) = clause;
        let end = self.looped(state, |judge, state| {
            let tested = judge.list(condition, state.clone()).end().unwrap_or(state);
            judge.list(&body.list, tested).end()
        });
        Flow::plain(end)
    }

    fn if_clause(&mut self, clause: &IfClauseCommand, state: State) -> Flow {
        let before = state.clone();
        let tested = self.list(&clause.condition, state);
        let mut result = self.branch(&clause.then, tested.ok, &before);
        let mut otherwise = tested.fail;
        for part in clause.elses.iter().flatten() {
            if let Some(condition) = &part.condition {
                let reachable = otherwise.is_some();
                let tested = self.list(condition, otherwise.unwrap_or_else(|| before.clone()));
                let tested = if reachable { tested } else { Flow::never() };
                result = result.or(self.branch(&part.body, tested.ok, &before));
                otherwise = tested.fail;
            } else {
                result = result.or(self.branch(&part.body, otherwise.take(), &before));
            }
        }
        let rest = otherwise.map_or_else(Flow::never, Flow::plain);
        Flow { out: Stream::Unknown, ..result.or(rest) }
    }

    /// Judges a branch; one that seems never to be taken is judged as if it were, and leads nowhere.
    fn branch(&mut self, list: &CompoundList, state: Option<State>, otherwise: &State) -> Flow {
        let reachable = state.is_some();
        let flow = self.list(list, state.unwrap_or_else(|| otherwise.clone()));
        if reachable { flow } else { Flow::never() }
    }

    fn case_clause(&mut self, clause: &CaseClauseCommand, state: &State) -> Flow {
        self.word_one(&clause.value, state);
        let mut result = Flow::plain(state.clone());
        for item in &clause.cases {
            for pattern in &item.patterns {
                self.word_one(pattern, state);
            }
            if let Some(body) = &item.cmd {
                // A body may also follow the one before it.
                let from = result.clone().end().unwrap_or_else(|| state.clone());
                result = result.or(self.list(body, from));
            }
        }
        Flow { out: Stream::Unknown, ..result }
    }

    fn define(&mut self, function: &FunctionDefinition, mut state: State) -> Flow {
        let name = function.fname.value.clone();
        if names::is_special_builtin(&name) || !name.chars().all(|c| c.is_alphanumeric() || "_-.:+@".contains(c)) {
            self.ask("shadowed_name", format!("a function takes the name {name}"));
        }
        let body = Function(Rc::new(function.body.clone()));
        self.defined.push((body.clone(), state.clone()));
        state.functions.insert(name, vec![body]);
        Flow::plain(state)
    }

    /// Judges a call of a function that the text defines.
    pub(super) fn call_function(
        &mut self,
        name: &str,
        bodies: &[Function],
        arguments: Vec<Value>,
        mut state: State,
    ) -> Flow {
        let own: Vec<usize> =
            self.calls.iter().filter(|(called, _)| called == name).map(|(_, parallel)| *parallel).collect();
        if own.iter().any(|parallel| self.parallel > *parallel) {
            self.ask("fork_bomb", format!("{name} starts itself again and again"));
        }
        if own.len() > 1 || self.calls.len() > DEEPEST {
            state.forget();
            return Flow::plain(state);
        }
        let outer = state.arguments.take();
        // A function that calls itself is judged once more, for any arguments.
        state.arguments = own.is_empty().then_some(arguments);
        self.calls.push((name.to_owned(), self.parallel));
        self.enter_function();
        let loops = std::mem::take(&mut self.loops);
        let mut result: Option<Flow> = None;
        for body in bodies {
            if !self.called.contains(body) {
                self.called.push(body.clone());
            }
            let flow = self.compound(&body.0.0, body.0.1.as_ref(), state.clone());
            result = Some(match result {
                Some(before) => before.or(flow),
                None => flow,
            });
        }
        self.calls.pop();
        self.loops = loops;
        let left = self.leave_function();
        let flow = result.unwrap_or_else(|| Flow::plain(state));
        let flow = flow.or(left.map_or_else(Flow::never, Flow::plain));
        let restore = |state: Option<State>| state.map(|state| State { arguments: outer.clone(), ..state });
        Flow { ok: restore(flow.ok), fail: restore(flow.fail), out: flow.out }
    }

    fn extended_test(&mut self, test: &ExtendedTestExpr, state: &State) {
        match test {
            ExtendedTestExpr::And(a, b) | ExtendedTestExpr::Or(a, b) => {
                self.extended_test(a, state);
                self.extended_test(b, state);
            }
            ExtendedTestExpr::Not(inner) | ExtendedTestExpr::Parenthesized(inner) => self.extended_test(inner, state),
            ExtendedTestExpr::UnaryTest(_, word) => {
                self.word_one(word, state);
            }
            ExtendedTestExpr::BinaryTest(_, a, b) => {
                for word in [a, b] {
                    let value = self.word_one(word, state);
                    if let Some(text) = value.known() {
                        self.arithmetic_in_test(text);
                    }
                }
            }
        }
    }

    fn arithmetic_in_test(&mut self, text: &str) {
        if text.contains("[$(") || text.contains("[`") {
            self.ask("hidden_command", "a command may stand in arithmetic");
        }
    }

    fn raw_arithmetic(&mut self, text: &str, state: &State) {
        match scan::word(text, self.dialect) {
            Ok(pieces) => self.arithmetic(&pieces, state),
            Err(trouble) => self.ask("unparsed", format!("arithmetic can't be read: {}", trouble.0)),
        }
    }

    /// Names in arithmetic may be set to numbers.
    pub(super) fn arithmetic_sets(&mut self, text: &str, mut state: State) -> State {
        for name in text.split(|c: char| c != '_' && !c.is_ascii_alphanumeric()).filter(|name| !name.is_empty()) {
            if !name.starts_with(|c: char| c.is_ascii_digit()) {
                self.checks_name(name);
                state.set(name, Value::of(super::value::Bit::Plain));
            }
        }
        state
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
