//! sed: its script may run commands, read and write files.

use std::{iter::Peekable, str::Chars};

use super::{
    call::Call,
    options::{self, Style},
    state::{Flow, State},
    value::{Bit, Value},
    walk::Judge,
};

pub(super) fn sed(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = "m:e,expression= m:f,file= m:i,in-place=? -:n,quiet,silent -:E,r,regexp-extended -:s,separate -:u,unbuffered -:z,null-data -:l,line-length= -:b,binary \
        -:follow-symlinks -:posix -:sandbox -:debug";
    let parsed = options::parse(call.arguments, description, Style::default());
    let state = &call.state;
    if parsed.unclear.as_ref().is_some_and(Value::is_open) || !parsed.unknown.is_empty() {
        judge.ask("unknown_argument", "sed has an option that is not known");
    }
    if parsed.has("f") {
        judge.ask("script_unjudged", "the script that sed reads from a file can't be judged");
    }
    let given = parsed.has("e") || parsed.has("f");
    let (own, files) = match parsed.operands.split_first() {
        Some((script, files)) if !given => (Some(script), files),
        _ => (None, parsed.operands.as_slice()),
    };
    for script in own.into_iter().chain(parsed.values("e")) {
        judge.sed_script(script, state);
    }
    if parsed.value("i").is_some_and(|suffix| suffix.known().is_none_or(|text| text.contains(['/', '*']))) {
        judge.ask("unknown_target", "where sed keeps the old file can't be said before it runs");
    }
    for file in files {
        if let Some(end) = parsed.value("i") {
            let mut kept = file.clone();
            kept.extend(end);
            judge.writes(&kept, state);
        }
        if parsed.has("i") { judge.writes(file, state) } else { judge.reads(file, state) }
    }
    Flow::plain(call.state)
}

impl Judge<'_> {
    fn sed_script(&mut self, script: &Value, state: &State) {
        let mut text = String::new();
        for bit in &script.bits {
            match bit {
                Bit::Text(known) => text.push_str(known),
                // Letters and digits: they can't end what they stand in.
                Bit::Plain | Bit::Child => text.push('0'),
                _ => {
                    self.ask("hidden_command", "what sed runs can't be said before it runs");
                    return;
                }
            }
        }
        let mut reader = Reader { letters: text.chars().peekable() };
        let mut files = Vec::new();
        if script.many || reader.script(&mut files).is_none() {
            self.ask("hidden_command", "the script of sed runs a command, or can't be read");
            return;
        }
        for (writes, file) in files {
            let file = Value::text(file);
            if writes { self.writes(&file, state) } else { self.reads(&file, state) }
        }
    }
}

struct Reader<'t> {
    letters: Peekable<Chars<'t>>,
}

impl Reader<'_> {
    /// Reads a whole script; nothing where it runs a command or is not understood.
    fn script(&mut self, files: &mut Vec<(bool, String)>) -> Option<()> {
        loop {
            while self.letters.next_if(|c| c.is_whitespace() || *c == ';' || *c == '}').is_some() {}
            if self.letters.peek().is_none() {
                return Some(());
            }
            self.addresses()?;
            while self.letters.next_if(|c| *c == ' ' || *c == '\t' || *c == '!').is_some() {}
            match self.letters.next()? {
                '{' => {}
                '#' => while self.letters.next_if(|c| *c != '\n').is_some() {},
                '=' | 'd' | 'D' | 'g' | 'G' | 'h' | 'H' | 'n' | 'N' | 'p' | 'P' | 'x' | 'z' | 'F' => self.end()?,
                'q' | 'Q' | 'l' | 'L' => {
                    while self.letters.next_if(|c| c.is_ascii_digit() || *c == ' ').is_some() {}
                    self.end()?;
                }
                'a' | 'i' | 'c' => self.lines()?,
                ':' | 'b' | 't' | 'T' => while self.letters.next_if(|c| !matches!(c, ';' | '\n' | '}')).is_some() {},
                's' => {
                    let mark = self.letters.next()?;
                    self.until(mark, true)?;
                    self.until(mark, false)?;
                    self.flags(files)?;
                }
                'y' => {
                    let mark = self.letters.next()?;
                    self.until(mark, false)?;
                    self.until(mark, false)?;
                    self.end()?;
                }
                'r' | 'R' => files.push((false, self.file()?)),
                'w' | 'W' => files.push((true, self.file()?)),
                _ => return None,
            }
        }
    }

    fn end(&mut self) -> Option<()> {
        while self.letters.next_if(|c| *c == ' ' || *c == '\t').is_some() {}
        match self.letters.peek() {
            None | Some(';' | '\n' | '}' | '#') => Some(()),
            Some(_) => None,
        }
    }

    fn file(&mut self) -> Option<String> {
        let mut name = String::new();
        while let Some(c) = self.letters.next_if(|c| *c != '\n') {
            name.push(c);
        }
        let name = name.trim_start();
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn flags(&mut self, files: &mut Vec<(bool, String)>) -> Option<()> {
        loop {
            match self.letters.peek() {
                Some('g' | 'p' | 'i' | 'I' | 'm' | 'M' | '0'..='9') => drop(self.letters.next()),
                Some('w') => {
                    self.letters.next();
                    files.push((true, self.file()?));
                    return Some(());
                }
                _ => return self.end(),
            }
        }
    }

    /// What a, i and c put in: to the end of the line, over lines that end in a backslash.
    fn lines(&mut self) -> Option<()> {
        loop {
            match self.letters.next() {
                None | Some('\n') => return Some(()),
                Some('\\') => drop(self.letters.next()),
                Some(_) => {}
            }
        }
    }

    /// To the mark that ends a pattern, not including brackets where one may hold it.
    fn until(&mut self, mark: char, pattern: bool) -> Option<()> {
        if mark == '\n' || mark == '\\' {
            return None;
        }
        let mut class = false;
        loop {
            match self.letters.next()? {
                '\\' => drop(self.letters.next()?),
                // Inside brackets some seds end here, and some do not.
                c if c == mark && class => return None,
                c if c == mark => return Some(()),
                '[' if pattern => class = true,
                ']' if pattern => class = false,
                _ => {}
            }
        }
    }

    fn addresses(&mut self) -> Option<()> {
        loop {
            match self.letters.peek() {
                Some('0'..='9' | '$' | ',' | '~' | '+' | ' ') => drop(self.letters.next()),
                Some('/') => {
                    self.letters.next();
                    self.until('/', true)?;
                    while self.letters.next_if(|c| matches!(c, 'I' | 'M')).is_some() {}
                }
                Some('\\') => {
                    self.letters.next();
                    let mark = self.letters.next()?;
                    self.until(mark, true)?;
                    while self.letters.next_if(|c| matches!(c, 'I' | 'M')).is_some() {}
                }
                _ => return Some(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_read_to_their_end() {
        type Case = (&'static str, Option<&'static [(bool, &'static str)]>);
        let cases: &[Case] = &[
            ("1,5p", Some(&[])),
            ("s/a/b/g; s,x/y,z,2p", Some(&[])),
            ("/a/,/b/{s/x/y/;d}", Some(&[])),
            ("$!N;P;D", Some(&[])),
            ("s/a/b/e", None),
            ("1e rm x", None),
            ("e", None),
            ("s/a/b/w /etc/passwd", Some(&[(true, "/etc/passwd")])),
            ("/x/w out", Some(&[(true, "out")])),
            ("r /etc/shadow", Some(&[(false, "/etc/shadow")])),
            ("a\\\nhello\\\ne\np", Some(&[])),
            ("a hello\ne rm", None),
            ("s/[/]/x/e;s/a/b/", None),
            ("y/abc/xyz/", Some(&[])),
            (":a;N;$!ba;s/\\n/ /g", Some(&[])),
            ("s|a|b|;e", None),
        ];
        for (script, expected) in cases {
            let mut files = Vec::new();
            let read = Reader { letters: script.chars().peekable() }.script(&mut files).map(|()| files);
            let expected = expected
                .map(|files| files.iter().map(|(writes, file)| (*writes, (*file).to_owned())).collect::<Vec<_>>());
            assert_eq!(read, expected, "{script}");
        }
    }
}
