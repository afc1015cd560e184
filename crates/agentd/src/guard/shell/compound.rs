//! Groups, loops and branches: every way through them is followed.

use brush_parser::ast::{
    CaseClauseCommand, CompoundCommand, CompoundList, ForClauseCommand, IfClauseCommand, WhileOrUntilClauseCommand,
};

use super::{
    state::{Flow, State, joined, merged},
    value::{Stream, Value},
    walk::Judge,
};

/// A loop over so many known values is judged value by value.
const MOST_ROUNDS: usize = 12;

impl Judge<'_> {
    pub(super) fn grouped(&mut self, command: &CompoundCommand, state: State) -> Flow {
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
    pub(super) fn looped(&mut self, state: State, mut body: impl FnMut(&mut Self, State) -> Option<State>) -> State {
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
    pub(super) fn round(&mut self, body: impl FnOnce(&mut Self) -> Option<State>) -> (Option<State>, Option<State>) {
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

    pub(super) fn for_clause(&mut self, clause: &ForClauseCommand, state: State) -> Flow {
        self.checks_name(&clause.variable_name);
        let values = match &clause.values {
            Some(words) => words.iter().flat_map(|word| self.word_fields(word, &state)).collect(),
            None => state.arguments.as_deref().cloned().unwrap_or_else(|| vec![Value::anything()]),
        };
        let body = &clause.body.list;
        let name = clause.variable_name.as_str();
        let known = values.len() <= MOST_ROUNDS && values.iter().all(|value| !value.many);
        if values.is_empty() {
            // Its body is judged all the same, as if it were reached.
            let mut round = state.clone();
            round.set(name, Value::default());
            self.round(|judge| judge.list(body, round).end());
        }
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

    pub(super) fn while_clause(&mut self, clause: &WhileOrUntilClauseCommand, state: State) -> Flow {
        let WhileOrUntilClauseCommand(condition, body, _) = clause;
        let end = self.looped(state, |judge, state| {
            let tested = judge.list(condition, state.clone()).end().unwrap_or(state);
            judge.list(&body.list, tested).end()
        });
        Flow::plain(end)
    }

    pub(super) fn if_clause(&mut self, clause: &IfClauseCommand, state: State) -> Flow {
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
    pub(super) fn branch(&mut self, list: &CompoundList, state: Option<State>, otherwise: &State) -> Flow {
        let reachable = state.is_some();
        let flow = self.list(list, state.unwrap_or_else(|| otherwise.clone()));
        if reachable { flow } else { Flow::never() }
    }

    pub(super) fn case_clause(&mut self, clause: &CaseClauseCommand, state: &State) -> Flow {
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
}
