//! A simple command: its assignments, its redirections, and the words that it runs.

use std::collections::BTreeSet;

use brush_parser::ast::{AssignmentName, AssignmentValue, CommandPrefixOrSuffixItem, SimpleCommand};

use super::{
    braces,
    scan::{Change, Piece},
    state::{Flow, State, merged},
    value::{Bit, Stream, Value},
    walk::Judge,
};

/// A command is judged for so many combinations of what its variables may hold.
const MOST_WORLDS: usize = 16;

impl Judge<'_> {
    pub(super) fn simple(&mut self, command: &SimpleCommand, state: State) -> Flow {
        let mut names = BTreeSet::new();
        for item in items(command) {
            match item {
                CommandPrefixOrSuffixItem::Word(word) | CommandPrefixOrSuffixItem::AssignmentWord(_, word) => {
                    collect_names(&self.quiet_pieces(&word.value), &mut names);
                }
                CommandPrefixOrSuffixItem::IoRedirect(redirect) => {
                    collect_names(&self.quiet_pieces(&redirect.to_string()), &mut names);
                }
                CommandPrefixOrSuffixItem::ProcessSubstitution(..) => {}
            }
        }
        if let Some(word) = &command.word_or_name {
            collect_names(&self.quiet_pieces(&word.value), &mut names);
        }
        let mut worlds = vec![state];
        for name in names {
            let Some(values) =
                worlds.first().and_then(|state| state.variables.get(&name)).filter(|values| values.len() > 1).cloned()
            else {
                continue;
            };
            let choices = if worlds.len() * values.len() > MOST_WORLDS { vec![merged(&values)] } else { values };
            worlds = worlds
                .iter()
                .flat_map(|world| {
                    choices.iter().map(|value| {
                        let mut world = world.clone();
                        world.set(&name, value.clone());
                        world
                    })
                })
                .collect();
        }
        let mut result: Option<Flow> = None;
        for world in worlds {
            let flow = self.simple_in(command, world);
            result = Some(match result {
                Some(before) => before.or(flow),
                None => flow,
            });
        }
        result.unwrap_or_else(Flow::never)
    }

    fn quiet_pieces(&self, text: &str) -> Vec<Piece> {
        super::scan::word(text, self.dialect).unwrap_or_default()
    }

    fn simple_in(&mut self, command: &SimpleCommand, mut state: State) -> Flow {
        let outer_stdin = state.stdin.clone();
        let before = state.clone();
        let mut arguments: Vec<Value> = vec![];
        let mut assignments = vec![];
        let mut takes_output = false;
        if let Some(word) = &command.word_or_name {
            let pieces = self.pieces(&word.value);
            if braces::has_braces(&pieces) {
                self.ask("unknown_command", "what runs depends on braces that not every shell expands");
            }
            if pieces.iter().any(|piece| matches!(piece, Piece::Command(..))) {
                self.ask("unknown_command", "what runs is said by another command");
            }
            arguments.extend(self.fields(&pieces, &state));
        }
        let prefix_count = command.prefix.as_ref().map_or(0, |prefix| prefix.0.len());
        for (index, item) in items(command).enumerate() {
            match item {
                CommandPrefixOrSuffixItem::AssignmentWord(assignment, _) if index < prefix_count => {
                    let name = match &assignment.name {
                        AssignmentName::VariableName(name) => name.clone(),
                        AssignmentName::ArrayElementName(name, index) => {
                            self.arithmetic_text(index, &before);
                            name.clone()
                        }
                    };
                    let value = match &assignment.value {
                        AssignmentValue::Scalar(word) => self.word_one(word, &state),
                        AssignmentValue::Array(elements) => {
                            for (key, element) in elements {
                                key.iter().for_each(|key| drop(self.word_one(key, &before)));
                                self.word_fields(element, &before);
                            }
                            Value::anything()
                        }
                    };
                    let whole = matches!(assignment.name, AssignmentName::VariableName(_));
                    let value = match (assignment.append, whole, state.variables.get(&name).map(Vec::as_slice)) {
                        (_, false, _) | (true, true, None | Some([_, _, ..] | [])) => Value::any(),
                        (true, true, Some([old])) => {
                            let mut joined = old.clone();
                            joined.extend(&value);
                            joined
                        }
                        (false, true, _) => value,
                    };
                    // Before `read` it only says how the line is taken apart.
                    let for_read =
                        name == "IFS" && command.word_or_name.as_ref().is_some_and(|word| word.value == "read");
                    if !for_read || state.functions.contains_key("read") {
                        self.checks_name(&name);
                    }
                    // Each keeps a list of all that there are.
                    self.spend(16 * state.variables.len());
                    if command.word_or_name.is_none() {
                        state.set(&name, value.clone());
                    }
                    assignments.push((name, value));
                }
                CommandPrefixOrSuffixItem::AssignmentWord(_, word) | CommandPrefixOrSuffixItem::Word(word) => {
                    let pieces = self.pieces(&word.value);
                    arguments.extend(self.fields(&pieces, &before));
                }
                CommandPrefixOrSuffixItem::IoRedirect(redirect) => takes_output |= self.redirect(redirect, &mut state),
                CommandPrefixOrSuffixItem::ProcessSubstitution(..) => {
                    self.process_substitution(item, &before);
                    arguments.push(Value::text("/dev/fd/63"));
                }
            }
        }
        for name in std::mem::take(&mut self.defaulted) {
            state.set(&name, Value::any());
        }
        let mut flow = if arguments.is_empty() {
            Flow::both(state, Stream::Text(String::new()))
        } else {
            self.dispatch(&arguments, state, false)
        };
        for state in [&mut flow.ok, &mut flow.fail].into_iter().flatten() {
            state.stdin = outer_stdin.clone();
            // Before a special builtin they last.
            for (name, _) in assignments.iter().filter(|_| command.word_or_name.is_some()) {
                state.set(name, Value::any());
            }
        }
        for after in [&flow.ok, &flow.fail].into_iter().flatten() {
            self.meets_traps(&before, after);
        }
        if takes_output {
            flow.out = Stream::Unknown;
        }
        flow
    }

    /// What runs at a signal may meet any state that the text goes through.
    pub(super) fn meets_traps(&mut self, before: &State, after: &State) {
        let same =
            before.variables == after.variables && before.cwd == after.cwd && before.functions == after.functions;
        for trap in after.traps.iter().filter(|_| !same) {
            self.script(trap, State { traps: vec![], ..after.clone() });
        }
    }

    /// Judges a command that is given as arguments, as another program would run it. `external` where the shell's own
    /// functions and commands are not looked for.
    pub(super) fn dispatch(&mut self, arguments: &[Value], state: State, external: bool) -> Flow {
        let Some((name, rest)) = arguments.split_first() else { return Flow::plain(state) };
        if !self.goes_deeper() {
            return Flow::plain(state);
        }
        let flow = self.dispatched(name, rest, state, external);
        self.comes_back();
        flow
    }

    fn dispatched(&mut self, name: &Value, rest: &[Value], state: State, external: bool) -> Flow {
        let Some(name) = name.known().filter(|_| !name.many).map(str::to_owned) else {
            self.ask("unknown_command", format!("which program {} is can't be said before it runs", name.show()));
            return Flow::plain(state);
        };
        if name.is_empty() {
            return Flow::plain(state);
        }
        if !external && let Some(bodies) = state.functions.get(&name).cloned() {
            return self.call_function(&name, &bodies, rest.to_vec(), state);
        }
        self.program(&name, rest, state, external)
    }
}

fn items(command: &SimpleCommand) -> impl Iterator<Item = &CommandPrefixOrSuffixItem> {
    let prefix = command.prefix.iter().flat_map(|prefix| &prefix.0);
    prefix.chain(command.suffix.iter().flat_map(|suffix| &suffix.0))
}

/// The variables that a word looks at.
fn collect_names(pieces: &[Piece], names: &mut BTreeSet<String>) {
    for piece in pieces {
        match piece {
            Piece::Bare(_) | Piece::Quoted(_) | Piece::Command(..) => {}
            Piece::Arithmetic(inner) => collect_names(inner, names),
            Piece::Parameter(parameter, _) => {
                names.insert(parameter.name.clone());
                match &parameter.change {
                    Change::None | Change::Length => {}
                    Change::Or { word, .. }
                    | Change::Must { word }
                    | Change::Instead { word }
                    | Change::Strip { word, .. }
                    | Change::Other { word } => {
                        collect_names(word, names);
                    }
                }
            }
        }
    }
}

/// A number or another plain word.
pub(super) fn plain_word() -> Value {
    Value::of(Bit::Plain)
}
