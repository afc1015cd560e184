//! awk: its program may run commands and write files.

use super::{
    call::Call,
    options::{self, Style},
    state::{Flow, State},
    value::Value,
    walk::Judge,
};

pub(super) fn awk(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = "-:F,field-separator= m:v,assign= m:f,file= a:i,include= a:l,load= a:E,exec= m:e,source= a:D,debug=? a:o,pretty-print=? a:p,profile=? a:d,dump-variables=? -:W=";
    let parsed = options::parse(call.arguments, description, Style { leading: true, ..Style::default() });
    judge.parsed_options(&parsed, description, &call);
    if parsed.has("f") || parsed.has("W") {
        judge.ask("script_unjudged", "the program that awk reads from a file can't be judged");
    }
    let given = parsed.has("e") || parsed.has("f");
    let (own, files) = match parsed.operands.split_first() {
        Some((program, files)) if !given => (Some(program), files),
        _ => (None, parsed.operands.as_slice()),
    };
    for program in own.into_iter().chain(parsed.values("e")) {
        match program.known().filter(|_| !program.many) {
            Some(text) => judge.awk_program(text, &call.state),
            None => judge.ask("hidden_command", "what awk runs can't be said before it runs"),
        }
    }
    for file in files {
        // `name=value` is an assignment, and may as well be a file's name.
        judge.reads(file, &call.state);
    }
    Flow::plain(call.state)
}

/// A piece of an awk program, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Other(char),
    End,
}

impl Judge<'_> {
    fn awk_program(&mut self, program: &str, state: &State) {
        if !["system", "getline", "|", ">", "@", "ARGV", "ARGC", "PROCINFO"].iter().any(|mark| program.contains(mark)) {
            return;
        }
        let Some(tokens) = tokens(program) else {
            self.ask("hidden_command", "the program of awk can't be read");
            return;
        };
        let mut prints = false;
        let mut depth = 0usize;
        for (index, token) in tokens.iter().enumerate() {
            let next = tokens.get(index + 1);
            match token {
                Token::Word(word) if matches!(word.as_str(), "system" | "getline" | "ARGV" | "ARGC" | "PROCINFO") => {
                    self.ask("hidden_command", format!("awk's {word} runs commands or opens other files"));
                }
                Token::Word(word) if matches!(word.as_str(), "print" | "printf") => {
                    prints = true;
                    depth = 0;
                }
                Token::Other('@') => self.ask("hidden_command", "awk loads or calls what can't be judged"),
                // `||` was read as one.
                Token::Other('|') => self.ask("hidden_command", "awk runs a command and talks to it"),
                Token::Other('(' | '[') => depth += 1,
                Token::Other(')' | ']') => depth = depth.saturating_sub(1),
                Token::Other(';' | '{' | '}') | Token::End => prints = false,
                Token::Other('>') if prints && depth == 0 => match (next, tokens.get(index + 2)) {
                    (Some(Token::Text(file)), None | Some(Token::End | Token::Other(';' | '}')))
                        if !file.contains('\\') =>
                    {
                        self.writes(&Value::text(file.clone()), state);
                    }
                    (Some(Token::Other('>')), _) => {}
                    _ => self.ask("unknown_target", "which file awk writes can't be said before it runs"),
                },
                _ => {}
            }
        }
    }
}

/// Nothing where the program is not closed, or a slash may mean two things.
fn tokens(program: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut letters = program.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            '"' => {
                let mut text = String::new();
                loop {
                    match letters.next()? {
                        '"' => break,
                        '\\' => text.extend(['\\', letters.next()?]),
                        c => text.push(c),
                    }
                }
                tokens.push(Token::Text(text));
            }
            '#' => while letters.next_if(|c| *c != '\n').is_some() {},
            '\\' if letters.peek() == Some(&'\n') => drop(letters.next()),
            '\n' => tokens.push(Token::End),
            c if c.is_whitespace() => {}
            c if c == '_' || c.is_alphabetic() => {
                let mut word = String::from(c);
                while let Some(c) = letters.next_if(|c| *c == '_' || c.is_alphanumeric()) {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            }
            '/' if divides(tokens.last())? => tokens.push(Token::Other('/')),
            '/' => {
                let mut class = false;
                loop {
                    match letters.next()? {
                        '\\' => drop(letters.next()?),
                        '[' => class = true,
                        ']' => class = false,
                        '\n' => return None,
                        // Inside brackets some awks end here, and some do not.
                        '/' if class => return None,
                        '/' => break,
                        _ => {}
                    }
                }
                tokens.push(Token::Text(String::new()));
            }
            '|' if letters.peek() == Some(&'|') => {
                letters.next();
                tokens.push(Token::Other('o'));
            }
            '>' if letters.peek() == Some(&'=') => {
                letters.next();
                tokens.push(Token::Other('='));
            }
            c => tokens.push(Token::Other(c)),
        }
    }
    Some(tokens)
}

/// Whether a slash after this divides; else it begins a pattern. Nothing where it may do either.
fn divides(before: Option<&Token>) -> Option<bool> {
    match before {
        Some(Token::Word(word)) => {
            Some(!matches!(word.as_str(), "print" | "printf" | "return" | "in" | "case" | "else" | "do"))
        }
        Some(Token::Text(_)) => Some(true),
        Some(Token::Other(')' | '+' | '-')) => None,
        Some(Token::Other(c)) => Some(matches!(c, ']' | '$') || c.is_ascii_digit()),
        Some(Token::End) | None => Some(false),
    }
}
