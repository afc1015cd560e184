//! Functions that a text defines: judged where they are called, with what they are called with.

use std::rc::Rc;

use brush_parser::ast::FunctionDefinition;

use super::{
    names,
    state::{Flow, Function, State, joined},
    value::Value,
    walk::{DEEPEST, Judge},
};

impl Judge<'_> {
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

    pub(super) fn define(&mut self, function: &FunctionDefinition, mut state: State) -> Flow {
        let name = function.fname.value.clone();
        if names::is_special_builtin(&name) || !name.chars().all(|c| c.is_alphanumeric() || "_-.:+@".contains(c)) {
            self.ask("shadowed_name", format!("a function takes the name {name}"));
        }
        let body = Function(Rc::new(function.body.clone()));
        self.spend(32 * state.functions.len());
        self.defined.push((body.clone(), state.clone()));
        Rc::make_mut(&mut state.functions).insert(name, vec![body]);
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
        state.arguments = own.is_empty().then(|| Rc::new(arguments));
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
}
