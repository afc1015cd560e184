//! Tests and arithmetic: bash runs commands that stand in an index.

use brush_parser::ast::{BinaryPredicate, ExtendedTestExpr, UnaryPredicate};

use super::{
    scan,
    state::State,
    value::{Bit, Value},
    walk::Judge,
};

impl Judge<'_> {
    pub(super) fn extended_test(&mut self, test: &ExtendedTestExpr, state: &State) {
        match test {
            ExtendedTestExpr::And(a, b) | ExtendedTestExpr::Or(a, b) => {
                self.extended_test(a, state);
                self.extended_test(b, state);
            }
            ExtendedTestExpr::Not(inner) | ExtendedTestExpr::Parenthesized(inner) => self.extended_test(inner, state),
            ExtendedTestExpr::UnaryTest(predicate, word) => {
                let value = self.word_one(word, state);
                let names = matches!(predicate, UnaryPredicate::ShellVariableIsSetAndAssigned);
                if names && value.known().is_none_or(|text| text.contains('[')) {
                    self.ask("hidden_command", "a command may stand in an array's index");
                }
            }
            ExtendedTestExpr::BinaryTest(predicate, a, b) => {
                let (a, b) = (self.word_one(a, state), self.word_one(b, state));
                if is_arithmetic(predicate) {
                    for value in [a, b] {
                        self.arithmetic_text(value.known().unwrap_or_default(), state);
                    }
                }
            }
        }
    }

    pub(super) fn raw_arithmetic(&mut self, text: &str, state: &State) {
        match scan::word(text, self.dialect) {
            Ok(pieces) => self.arithmetic(&pieces, state),
            Err(trouble) => self.ask("unparsed", format!("arithmetic can't be read: {}", trouble.0)),
        }
    }

    /// What is set in a word's arithmetic must not be what other commands listen to.
    pub(super) fn arithmetic_assigns(&mut self, text: &str) {
        if !text.contains(['=']) && !text.contains("++") && !text.contains("--") {
            return;
        }
        for name in text.split(|c: char| c != '_' && !c.is_ascii_alphanumeric()).filter(|name| !name.is_empty()) {
            self.checks_name(name);
            self.defaulted.push(name.to_owned());
        }
    }

    /// Names in arithmetic may be set to numbers.
    pub(super) fn arithmetic_sets(&mut self, text: &str, mut state: State) -> State {
        for name in text.split(|c: char| c != '_' && !c.is_ascii_alphanumeric()).filter(|name| !name.is_empty()) {
            if !name.starts_with(|c: char| c.is_ascii_digit()) {
                self.checks_name(name);
                state.set(name, Value::of(Bit::Plain));
            }
        }
        state
    }
}

fn is_arithmetic(predicate: &BinaryPredicate) -> bool {
    matches!(
        predicate,
        BinaryPredicate::ArithmeticEqualTo
            | BinaryPredicate::ArithmeticNotEqualTo
            | BinaryPredicate::ArithmeticLessThan
            | BinaryPredicate::ArithmeticLessThanOrEqualTo
            | BinaryPredicate::ArithmeticGreaterThan
            | BinaryPredicate::ArithmeticGreaterThanOrEqualTo
    )
}
