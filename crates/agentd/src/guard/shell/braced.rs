//! Reads `${...}`.

use super::scan::{Change, Parameter, Piece, Scan, Scanner, Trouble};

impl Scanner<'_> {
    /// After `${`, to the end of `}`.
    pub(super) fn braced(&mut self, quoted: bool) -> Scan<Parameter> {
        let length = self.starts("#")
            && !["#}", "#:", "#-", "#=", "#?", "#+", "#%", "##"].iter().any(|other| self.starts(other));
        if length {
            self.at += 1;
        }
        let name = self.parameter_name()?;
        let change = self.change(quoted)?;
        if !self.starts("}") {
            return Err(Trouble("a parameter expansion is not closed"));
        }
        self.at += 1;
        match (length, change) {
            (false, change) => Ok(Parameter { name, change }),
            (true, Change::Other { word }) if word.is_empty() => Ok(Parameter { name, change: Change::Length }),
            (true, Change::None) => Ok(Parameter { name, change: Change::Length }),
            (true, _) => Err(Trouble("the length of a changed parameter")),
        }
    }

    fn parameter_name(&mut self) -> Scan<String> {
        match self.peek() {
            Some(c) if c == '_' || c.is_ascii_alphabetic() => Ok(self.name()),
            Some(c) if c.is_ascii_digit() => {
                let name = self.name();
                if name.len() < 5 && name.bytes().all(|byte| byte.is_ascii_digit()) {
                    Ok(name)
                } else {
                    Err(Trouble("a bad parameter"))
                }
            }
            // `${!x}` takes another parameter's name from x.
            Some('!') if !self.starts("!}") => Err(Trouble("an indirect parameter")),
            Some(c) if "@*#?-$!".contains(c) => {
                self.at += 1;
                Ok(c.into())
            }
            _ => Err(Trouble("a command in a parameter's place")),
        }
    }

    fn change(&mut self, quoted: bool) -> Scan<Change> {
        let operators = [":-", ":=", ":?", ":+", "-", "=", "?", "+", "%%", "%", "##", "#"];
        if let Some(operator) = operators.iter().find(|operator| self.starts(operator)) {
            self.at += operator.len();
            let word = self.expansion_word(quoted)?;
            return Ok(match *operator {
                ":-" | "-" => Change::Or { word, assigns: false },
                ":=" | "=" => Change::Or { word, assigns: true },
                ":?" | "?" => Change::Must { word },
                ":+" | "+" => Change::Instead { word },
                operator => Change::Strip { word, end: operator.starts_with('%'), longest: operator.len() == 2 },
            });
        }
        match self.peek() {
            Some('}') => Ok(Change::None),
            // `${x@P}` runs the commands in a value.
            Some('@') => Err(Trouble("a transformed parameter")),
            Some('[') => {
                self.at += 1;
                let index = self.name();
                let all = if self.starts("@") || self.starts("*") { 1 } else { 0 };
                self.at += all;
                let number = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
                if !self.starts("]") || !(number || (index.is_empty() && all == 1)) {
                    return Err(Trouble("an array's element whose index is no number"));
                }
                self.at += 1;
                let rest = self.change(quoted)?;
                let word = match rest {
                    Change::None | Change::Length => vec![],
                    Change::Or { word, .. } | Change::Must { word } | Change::Instead { word } => word,
                    Change::Strip { word, .. } | Change::Other { word } => word,
                };
                Ok(Change::Other { word })
            }
            Some('/' | '^' | ',' | ':') => {
                self.at += 1;
                Ok(Change::Other { word: self.expansion_word(quoted)? })
            }
            _ => Err(Trouble("a parameter expansion that is not known")),
        }
    }

    fn expansion_word(&mut self, quoted: bool) -> Scan<Vec<Piece>> {
        self.deeper()?;
        self.depth += 1;
        let word = self.until_brace(quoted);
        self.depth -= 1;
        word
    }
}
