//! Splits a shell text into the tokens that the grammar works on.

use std::sync::Arc;

use brush_parser::{SourcePosition, SourceSpan, Token};

use super::scan::{Dialect, Piece, Scan, Scanner, Trouble};

/// So many parentheses and so many reserved words may be open at a time: the grammar is read by recursion.
const DEEPEST: usize = 20;
/// Nested `case` is read twice at every level.
const DEEPEST_CASE: usize = 5;

const OPERATORS: &[&str] =
    &["<<-", "&&", "||", ";;", "<<", ">>", "<&", ">&", "<>", ">|", "&", "|", ";", "<", ">", "(", ")", "\n"];
const BASH_OPERATORS: &[&str] = &[";;&", "<<<", "&>>", "&>", ";&", "|&"];

/// The tokens of a whole text.
pub(super) fn tokens(text: &str, dialect: Dialect) -> Scan<Vec<Token>> {
    let mut lexer = Lexer::new(Scanner { text, at: 0, dialect, depth: 0 });
    lexer.run(false)?;
    Ok(lexer.tokens)
}

/// Where the `)` of a command substitution stands.
pub(super) fn end_of_substitution(scanner: &Scanner<'_>) -> Scan<usize> {
    let mut lexer = Lexer::new(scanner.clone());
    lexer.run(true)?;
    Ok(lexer.scanner.at)
}

struct Lexer<'a> {
    scanner: Scanner<'a>,
    tokens: Vec<Token>,
    waiting: Vec<HereDocument>,
    parentheses: usize,
    /// Open reserved words, counted without their grammar: an argument that looks like one counts too.
    open: usize,
    cases: usize,
    /// Whether two parentheses were opened at once: arithmetic may follow, where other rules hold.
    doubled: bool,
}

/// One whose body has not begun.
struct HereDocument {
    tag: String,
    quoted: bool,
    strips_tabs: bool,
    /// The token that takes the body.
    slot: usize,
}

impl<'a> Lexer<'a> {
    fn new(scanner: Scanner<'a>) -> Self {
        Self { scanner, tokens: vec![], waiting: vec![], parentheses: 0, open: 0, cases: 0, doubled: false }
    }

    fn run(&mut self, nested: bool) -> Scan<()> {
        loop {
            match self.scanner.peek() {
                None if nested => return Err(Trouble("a substitution is not closed")),
                None if self.waiting.is_empty() => return Ok(()),
                None => return Err(Trouble("a here-document is not closed")),
                Some(' ' | '\t') => self.scanner.at += 1,
                Some('\\') if self.scanner.starts("\\\n") => self.scanner.at += 2,
                Some('#') if self.doubled => return Err(Trouble("a comment that may be arithmetic")),
                Some('#') => {
                    let rest = &self.scanner.text[self.scanner.at..];
                    self.scanner.at += rest.find('\n').unwrap_or(rest.len());
                }
                Some(')') if nested && self.parentheses == 0 => {
                    return if self.waiting.is_empty() {
                        Ok(())
                    } else {
                        Err(Trouble("a here-document is not closed"))
                    };
                }
                Some(_) => match self.operator() {
                    Some(operator) => self.operate(operator)?,
                    None => self.word()?,
                },
            }
        }
    }

    fn operator(&self) -> Option<&'static str> {
        let own = OPERATORS.iter();
        let bash = BASH_OPERATORS.iter().filter(|_| self.scanner.dialect == Dialect::Bash);
        bash.chain(own).copied().find(|operator| self.scanner.starts(operator))
    }

    fn operate(&mut self, operator: &'static str) -> Scan<()> {
        let from = self.scanner.at;
        self.scanner.at += operator.len();
        if operator != "\n" && self.scanner.starts("\\\n") {
            let next = self.scanner.text[self.scanner.at + 2..].chars().next();
            if next.is_some_and(|c| "&|;<>()-\\".contains(c)) {
                return Err(Trouble("an operator that goes on in the next line"));
            }
        }
        self.push_operator(operator, from);
        match operator {
            "(" => {
                self.parentheses += 1;
                self.doubled |= self.scanner.starts("(");
                if self.parentheses > DEEPEST {
                    return Err(Trouble("it is nested too deep"));
                }
            }
            ")" => {
                self.parentheses = self.parentheses.saturating_sub(1);
                self.doubled &= self.parentheses > 0;
            }
            "\n" => self.bodies()?,
            "<<" | "<<-" => {
                if self.doubled {
                    return Err(Trouble("a here-document that may be arithmetic"));
                }
                self.here_document(operator == "<<-")?;
            }
            _ => {}
        }
        Ok(())
    }

    fn word(&mut self) -> Scan<()> {
        let from = self.scanner.at;
        let raw = self.scanner.raw_word()?;
        if raw.is_empty() {
            return Err(Trouble("a word that is none"));
        }
        match raw {
            "if" | "while" | "until" | "for" | "{" | "select" => self.open += 1,
            "case" => {
                self.open += 1;
                self.cases += 1;
            }
            "fi" | "done" | "}" => self.open = self.open.saturating_sub(1),
            "esac" => {
                self.open = self.open.saturating_sub(1);
                self.cases = self.cases.saturating_sub(1);
            }
            _ => {}
        }
        if self.open > DEEPEST || self.cases > DEEPEST_CASE {
            return Err(Trouble("it is nested too deep"));
        }
        let next = self.scanner.peek();
        if matches!(next, Some('<' | '>')) && raw.len() > 4 && raw.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Trouble("a file descriptor of such a number"));
        }
        if self.scanner.dialect == Dialect::Bash
            && matches!(next, Some('<' | '>'))
            && raw.starts_with('{')
            && raw.ends_with('}')
            && raw.len() > 2
        {
            return Err(Trouble("a file descriptor in a variable"));
        }
        if is_odd_element(raw) {
            return Err(Trouble("an array's element that is not named plainly"));
        }
        self.push_word(raw, from);
        Ok(())
    }

    fn here_document(&mut self, strips_tabs: bool) -> Scan<()> {
        while let Some(' ' | '\t') = self.scanner.peek() {
            self.scanner.at += 1;
        }
        let from = self.scanner.at;
        let raw = self.scanner.raw_word()?;
        let pieces = super::scan::word(raw, self.scanner.dialect)?;
        let mut tag = String::new();
        for piece in &pieces {
            match piece {
                Piece::Bare(text) | Piece::Quoted(text) => tag.push_str(text),
                _ => return Err(Trouble("a here-document's tag that is no plain word")),
            }
        }
        if tag.is_empty() || tag.contains('\n') || raw.contains("\\\n") || raw.contains('$') {
            return Err(Trouble("a here-document's tag that is no plain word"));
        }
        self.push_word(raw, from);
        let slot = self.tokens.len();
        self.push_word("", from);
        self.push_word(raw, from);
        self.waiting.push(HereDocument { tag, quoted: raw.contains(['\'', '"', '\\']), strips_tabs, slot });
        Ok(())
    }

    fn bodies(&mut self) -> Scan<()> {
        for document in std::mem::take(&mut self.waiting) {
            let from = self.scanner.at;
            let mut body = String::new();
            let mut goes_on = false;
            loop {
                let rest = &self.scanner.text[self.scanner.at..];
                if rest.is_empty() {
                    return Err(Trouble("a here-document is not closed"));
                }
                let (line, next) = rest.split_once('\n').map_or((rest, rest.len()), |(line, _)| (line, line.len() + 1));
                self.scanner.at += next;
                let line = if document.strips_tabs { line.trim_start_matches('\t') } else { line };
                if line == document.tag {
                    if goes_on {
                        return Err(Trouble("a here-document whose end is escaped"));
                    }
                    break;
                }
                goes_on = !document.quoted && line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
                body.push_str(line);
                body.push('\n');
            }
            self.tokens[document.slot] = Token::Word(body, span(from, self.scanner.at));
        }
        Ok(())
    }

    fn push_word(&mut self, text: &str, from: usize) {
        self.tokens.push(Token::Word(text.to_owned(), span(from, from + text.len())));
    }

    fn push_operator(&mut self, text: &str, from: usize) {
        // Arithmetic needs its parentheses side by side. The grammar does not look, and would take the commands of two
        // subshells for numbers; a newline between them leaves it no choice.
        let apart = |last: &Token| matches!(last, Token::Operator(own, at) if own == text && at.end.index != from);
        if matches!(text, "(" | ")") && self.tokens.last().is_some_and(apart) {
            self.tokens.push(Token::Operator("\n".into(), span(from, from)));
        }
        self.tokens.push(Token::Operator(text.to_owned(), span(from, from + text.len())));
    }
}

fn span(from: usize, to: usize) -> SourceSpan {
    let at = |index| Arc::new(SourcePosition { index, line: 1, column: 1 });
    SourceSpan { start: at(from), end: at(to) }
}

/// `name[...]` with more than letters between the brackets: an index is arithmetic, and may run commands.
fn is_odd_element(raw: &str) -> bool {
    let Some((name, index)) = raw.split_once('[') else { return false };
    let named = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    named && index.contains(['$', '`', '\'', '"', '\\', '('])
}
