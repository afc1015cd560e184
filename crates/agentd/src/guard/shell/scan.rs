//! Takes the words of a shell text apart: quotes, escapes, expansions. One strict reading for every Bourne shell: what two of
//! them read differently is trouble, and trouble asks.

use super::lex;

/// Substitutions inside substitutions are read so deep.
const DEEPEST: usize = 12;

/// Why a text can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble(pub(super) &'static str);

pub(super) type Scan<T> = Result<T, Trouble>;

/// Which shell's grammar holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The POSIX grammar: dash, busybox.
    Sh,
    /// Bash's additions to it.
    Bash,
}

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Letters outside quotes: wildcards, braces and a tilde at the beginning mean something in them.
    Bare(String),
    /// Letters that stand for themselves.
    Quoted(String),
    /// A parameter's value, and whether it is in double quotes.
    Parameter(Parameter, bool),
    /// What a command says, and whether it is in double quotes.
    Command(String, bool),
    /// A number, from these pieces.
    Arithmetic(Vec<Piece>),
}

/// A parameter in an expansion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) change: Change,
}

/// What an expansion makes of its parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// Its length.
    Length,
    /// `${x:-word}` and `${x-word}`; with `=` it is assigned too.
    Or { word: Vec<Piece>, assigns: bool },
    /// `${x:?word}`.
    Must { word: Vec<Piece> },
    /// `${x:+word}`.
    Instead { word: Vec<Piece> },
    /// `${x%word}`, `${x##word}` and their like.
    Strip { word: Vec<Piece>, end: bool, longest: bool },
    /// Bash's further ones.
    Other { word: Vec<Piece> },
}

/// Where a run of pieces ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// Before a blank, a newline or an operator.
    Meta,
    /// Before the `}` of a parameter expansion; inside double quotes or not.
    Brace { quoted: bool },
    /// At the end of the text.
    End,
}

/// A place in a text.
#[derive(Clone)]
pub(super) struct Scanner<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) dialect: Dialect,
    pub(super) depth: usize,
}

/// A whole word that stands alone, such as a value.
pub(super) fn word(text: &str, dialect: Dialect) -> Scan<Vec<Piece>> {
    Scanner { text, at: 0, dialect, depth: 0 }.pieces(Stop::End)
}

/// The body of a here-document whose tag is not quoted: only `$`, the backquote and the backslash mean something.
pub(super) fn here_document(text: &str, dialect: Dialect) -> Scan<Vec<Piece>> {
    let mut scanner = Scanner { text, at: 0, dialect, depth: 0 };
    let mut out = Pieces::default();
    while let Some(c) = scanner.peek() {
        scanner.inside_quotes(c, &mut out, false)?;
    }
    Ok(out.done())
}

#[derive(Default)]
struct Pieces {
    done: Vec<Piece>,
}

impl Pieces {
    fn bare(&mut self, c: char) {
        match self.done.last_mut() {
            Some(Piece::Bare(text)) => text.push(c),
            _ => self.done.push(Piece::Bare(c.into())),
        }
    }

    fn quoted(&mut self, text: &str) {
        match self.done.last_mut() {
            Some(Piece::Quoted(last)) => last.push_str(text),
            _ => self.done.push(Piece::Quoted(text.to_owned())),
        }
    }

    fn letter(&mut self, c: char) {
        self.quoted(c.encode_utf8(&mut [0; 4]));
    }

    fn done(self) -> Vec<Piece> {
        self.done
    }
}

impl<'a> Scanner<'a> {
    pub(super) fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    pub(super) fn starts(&self, with: &str) -> bool {
        self.text[self.at..].starts_with(with)
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Reads a word and gives it as it is written.
    pub(super) fn raw_word(&mut self) -> Scan<&'a str> {
        let from = self.at;
        self.pieces(Stop::Meta)?;
        Ok(&self.text[from..self.at])
    }

    /// To the `}` of a parameter expansion, not including it.
    pub(super) fn until_brace(&mut self, quoted: bool) -> Scan<Vec<Piece>> {
        self.pieces(Stop::Brace { quoted })
    }

    fn pieces(&mut self, stop: Stop) -> Scan<Vec<Piece>> {
        let mut out = Pieces::default();
        let in_quotes = stop == Stop::Brace { quoted: true };
        while let Some(c) = self.peek() {
            match (stop, c) {
                (Stop::Meta, ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')')
                | (Stop::Brace { .. }, '}') => break,
                (Stop::Brace { .. }, '{') => return Err(Trouble("a brace inside a parameter expansion")),
                (Stop::Brace { quoted: true }, '\\') if self.starts("\\}") => {
                    return Err(Trouble("an escaped brace in a parameter expansion"));
                }
                (Stop::Brace { quoted: true }, '\'' | '"') => {
                    return Err(Trouble("quotes inside a quoted parameter expansion"));
                }
                _ => {}
            }
            match c {
                _ if in_quotes => self.inside_quotes(c, &mut out, true)?,
                '\\' => self.escape(&mut out)?,
                '\'' => {
                    let text = self.single()?;
                    out.quoted(text);
                }
                '"' => self.double(&mut out)?,
                '$' => self.dollar(&mut out, false)?,
                '`' => {
                    let command = self.backquoted(false)?;
                    out.done.push(Piece::Command(command, false));
                }
                c => {
                    self.at += c.len_utf8();
                    out.bare(c);
                }
            }
        }
        Ok(out.done())
    }

    fn escape(&mut self, out: &mut Pieces) -> Scan<()> {
        self.at += 1;
        match self.take() {
            None => return Err(Trouble("a backslash at the end")),
            Some('\n') => {}
            Some(c) => out.letter(c),
        }
        Ok(())
    }

    fn single(&mut self) -> Scan<&'a str> {
        let text = &self.text[self.at + 1..];
        let end = text.find('\'').ok_or(Trouble("a quote is not closed"))?;
        self.at += end + 2;
        Ok(&text[..end])
    }

    fn double(&mut self, out: &mut Pieces) -> Scan<()> {
        self.at += 1;
        out.quoted("");
        while let Some(c) = self.peek() {
            if c == '"' {
                self.at += 1;
                return Ok(());
            }
            self.inside_quotes(c, out, true)?;
        }
        Err(Trouble("a quote is not closed"))
    }

    /// One step inside double quotes or a here-document.
    fn inside_quotes(&mut self, c: char, out: &mut Pieces, escapes_quote: bool) -> Scan<()> {
        match c {
            '$' => self.dollar(out, true)?,
            '`' => {
                let command = self.backquoted(true)?;
                out.done.push(Piece::Command(command, true));
            }
            '\\' => {
                self.at += 1;
                match self.peek() {
                    None => return Err(Trouble("a backslash at the end")),
                    Some('\n') => self.at += 1,
                    Some(c) if matches!(c, '$' | '`' | '\\') || (c == '"' && escapes_quote) => {
                        self.at += 1;
                        out.letter(c);
                    }
                    Some(_) => out.letter('\\'),
                }
            }
            c => {
                self.at += c.len_utf8();
                out.letter(c);
            }
        }
        Ok(())
    }

    fn dollar(&mut self, out: &mut Pieces, quoted: bool) -> Scan<()> {
        self.at += 1;
        match self.peek() {
            Some('\\') if self.starts("\\\n") => return Err(Trouble("a line goes on after a dollar sign")),
            Some('(') if self.starts("((") => {
                self.at += 2;
                out.done.push(self.arithmetic()?);
            }
            Some('(') => {
                self.at += 1;
                let text = self.substituted()?;
                out.done.push(Piece::Command(text, quoted));
            }
            Some('{') => {
                self.at += 1;
                out.done.push(Piece::Parameter(self.braced(quoted)?, quoted));
            }
            Some('[') => return Err(Trouble("the old way to write arithmetic")),
            Some('"') if !quoted => return Err(Trouble("a translated string")),
            Some('\'') if !quoted => {
                let text = self.single()?;
                // Only bash decodes it, and only there can a backslash keep the quote open.
                if text.ends_with('\\') {
                    return Err(Trouble("a quote that shells read differently"));
                }
                self.ansi(text, out)?;
            }
            Some(c) if c == '_' || c.is_ascii_alphabetic() => {
                let name = self.name();
                out.done.push(Piece::Parameter(Parameter { name, change: Change::None }, quoted));
            }
            Some(c) if c.is_ascii_digit() || "@*#?-$!".contains(c) => {
                self.at += 1;
                out.done.push(Piece::Parameter(Parameter { name: c.into(), change: Change::None }, quoted));
            }
            _ if quoted => out.letter('$'),
            _ => out.bare('$'),
        }
        Ok(())
    }

    /// What `$'...'` can be: bash decodes it, dash keeps it with the dollar sign. Where they differ in more, it is trouble.
    fn ansi(&self, text: &str, out: &mut Pieces) -> Scan<()> {
        if !text.contains('\\') {
            out.quoted(text);
            return Ok(());
        }
        let mut decoded = String::new();
        let mut letters = text.chars();
        while let Some(c) = letters.next() {
            if c != '\\' {
                decoded.push(c);
                continue;
            }
            decoded.push(match letters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('\\') => '\\',
                Some('"') => '"',
                Some('e' | 'E') => '\u{1b}',
                _ => return Err(Trouble("letters written as numbers")),
            });
        }
        out.quoted(&decoded);
        Ok(())
    }

    pub(super) fn name(&mut self) -> String {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_owned()
    }

    fn backquoted(&mut self, quoted: bool) -> Scan<String> {
        let text = &self.text[self.at + 1..];
        let end = text.find('`').ok_or(Trouble("a backquote is not closed"))?;
        let command = &text[..end];
        if command.contains('\\') || (quoted && command.contains('"')) {
            return Err(Trouble("quotes or escapes inside backquotes"));
        }
        self.deeper()?;
        self.at += end + 2;
        Ok(command.to_owned())
    }

    pub(super) fn deeper(&self) -> Scan<()> {
        if self.depth >= DEEPEST { Err(Trouble("it is nested too deep")) } else { Ok(()) }
    }

    fn substituted(&mut self) -> Scan<String> {
        self.deeper()?;
        let from = self.at;
        self.at = lex::end_of_substitution(&Scanner { depth: self.depth + 1, ..self.clone() })?;
        let text = self.text[from..self.at].to_owned();
        self.at += 1;
        Ok(text)
    }

    /// After `$((`, to the end of `))`.
    fn arithmetic(&mut self) -> Scan<Piece> {
        self.deeper()?;
        self.depth += 1;
        let mut out = Pieces::default();
        let mut open = 0usize;
        let result = loop {
            match self.peek() {
                None => break Err(Trouble("arithmetic is not closed")),
                Some('`' | '\'' | '"' | '\\' | ';') => break Err(Trouble("quotes inside arithmetic")),
                Some('$') => {
                    if let Err(trouble) = self.dollar(&mut out, true) {
                        break Err(trouble);
                    }
                    continue;
                }
                Some(')') if open == 0 => {
                    if !self.starts("))") {
                        break Err(Trouble("arithmetic that may be a command"));
                    }
                    self.at += 2;
                    break Ok(Piece::Arithmetic(out.done()));
                }
                Some(c) => {
                    match c {
                        '(' => open += 1,
                        ')' => open -= 1,
                        _ => {}
                    }
                    self.at += c.len_utf8();
                    out.letter(c);
                }
            }
        };
        self.depth -= 1;
        result
    }
}
