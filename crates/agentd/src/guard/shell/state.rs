//! What is known of the running shell at a point of the text.

use std::{collections::BTreeMap, rc::Rc};

use brush_parser::ast::FunctionBody;

use super::value::{Bit, Seen, Stream, Value};
use crate::guard::pattern::Pattern;

/// A variable or a folder is followed through so many possible values.
const MOST_VALUES: usize = 8;

/// A function's body; two are the same when they stand at the same place of the text.
#[derive(Clone, Debug)]
pub(super) struct Function(pub(super) Rc<FunctionBody>);

impl Eq for Function {}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// The state of a shell, as far as the text says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// What each variable may hold. One that is not here comes from outside.
    pub(super) variables: Rc<BTreeMap<String, Vec<Value>>>,
    /// Where the shell may be; empty where that is not known.
    pub(super) cwd: Vec<Pattern>,
    /// What a name may call.
    pub(super) functions: Rc<BTreeMap<String, Vec<Function>>>,
    /// `$1` and those after it; nothing where they are not known.
    pub(super) arguments: Option<Rc<Vec<Value>>>,
    /// What is read from standard input.
    pub(super) stdin: Stream,
    /// Whether it ends at the first failure.
    pub(super) errexit: bool,
    /// What runs at a signal or at the end.
    pub(super) traps: Vec<Rc<str>>,
}

impl State {
    pub(super) fn join(mut self, other: Self) -> Self {
        if !Rc::ptr_eq(&self.variables, &other.variables) {
            let variables = Rc::make_mut(&mut self.variables);
            for (name, values) in other.variables.iter() {
                if variables.get(name) == Some(values) {
                    continue;
                }
                variables.entry(name.clone()).or_insert_with(|| vec![Value::any()]).extend_from_slice(values);
            }
            for (name, values) in variables {
                match other.variables.get(name) {
                    Some(others) if others == values => continue,
                    Some(_) => {}
                    None => values.push(Value::any()),
                }
                values.sort();
                values.dedup();
                if values.len() > MOST_VALUES {
                    *values = vec![merged(values)];
                }
            }
        }
        if self.cwd.is_empty() || other.cwd.is_empty() {
            self.cwd.clear();
        } else {
            self.cwd.extend(other.cwd);
            self.cwd.sort();
            self.cwd.dedup();
            if self.cwd.len() > MOST_VALUES {
                self.cwd.clear();
            }
        }
        if !Rc::ptr_eq(&self.functions, &other.functions) {
            let functions = Rc::make_mut(&mut self.functions);
            for (name, bodies) in other.functions.iter() {
                let own = functions.entry(name.clone()).or_default();
                own.extend(bodies.iter().filter(|body| !own.contains(body)).cloned().collect::<Vec<_>>());
            }
        }
        if self.arguments != other.arguments {
            self.arguments = None;
        }
        if self.stdin != other.stdin {
            self.stdin = Stream::Unknown;
        }
        self.errexit &= other.errexit;
        self.traps.extend(other.traps.into_iter().filter(|text| !self.traps.contains(text)).collect::<Vec<_>>());
        self
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        Rc::make_mut(&mut self.variables).insert(name.to_owned(), vec![value]);
    }

    /// Forgets whatever is not the same in an earlier state.
    pub(super) fn forget_changes(&mut self, earlier: &Self) {
        for (name, values) in Rc::make_mut(&mut self.variables) {
            if earlier.variables.get(name) != Some(values) {
                *values = vec![merged(values)];
                if !values[0].is_plain() {
                    *values = vec![Value::any()];
                }
            }
        }
        if self.cwd != earlier.cwd {
            self.cwd.clear();
        }
    }

    /// Forgets everything that a part of the text that is not followed could have changed.
    pub(super) fn forget(&mut self) {
        for values in Rc::make_mut(&mut self.variables).values_mut() {
            *values = vec![Value::any()];
        }
        self.cwd.clear();
        self.arguments = None;
    }
}

/// One value for several.
pub(super) fn merged(values: &[Value]) -> Value {
    let listed = |value: &Value| matches!(value.bits.as_slice(), [Bit::Listed(_)]);
    let singles = values.iter().all(|value| !value.many || value.bits == [Bit::Plain] || listed(value));
    let plain = |value: &Value| value.is_plain() || value.bits == [Bit::Plain];
    match values {
        [one] if !one.many => one.clone(),
        _ if singles && values.iter().all(plain) => Value::of(Bit::Plain),
        _ if singles && values.iter().all(|value| listed(value) || plain(value)) => Value::of(Bit::Listed(Seen::Here)),
        _ if singles && values.iter().all(Value::is_name) => Value::of(Bit::Name),
        _ => Value::any(),
    }
}

/// Where a command leads: the state after it went well, and the one after it failed; nothing where it does not come back.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) ok: Option<State>,
    pub(super) fail: Option<State>,
    /// What it writes to standard output.
    pub(super) out: Stream,
}

impl Flow {
    pub(super) fn both(state: State, out: Stream) -> Self {
        Self { ok: Some(state.clone()), fail: Some(state), out }
    }

    pub(super) fn plain(state: State) -> Self {
        Self::both(state, Stream::Unknown)
    }

    pub(super) fn never() -> Self {
        Self { ok: None, fail: None, out: Stream::Unknown }
    }

    pub(super) fn end(self) -> Option<State> {
        joined(self.ok, self.fail)
    }

    pub(super) fn or(self, other: Self) -> Self {
        let out = if self.out == other.out { self.out } else { Stream::Unknown };
        Self { ok: joined(self.ok, other.ok), fail: joined(self.fail, other.fail), out }
    }
}

pub(super) fn joined(a: Option<State>, b: Option<State>) -> Option<State> {
    match (a, b) {
        (Some(a), Some(b)) if a == b => Some(a),
        (Some(a), Some(b)) => Some(a.join(b)),
        (a, b) => a.or(b),
    }
}
