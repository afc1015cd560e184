//! What is asked of a terminal: its size, its kind and where it starts, and what a client says while it is open.

use osmoda_ipc::{Fault, RawRequest};
use serde::Deserialize;
use serde_json::{Value, json};

/// The fields of the query string.
const FIELDS: [&str; 4] = ["cols", "rows", "term", "cwd"];
/// The largest number of rows and of columns.
const LARGEST: u16 = 1000;

/// A terminal's size in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(super) cols: u16,
    pub(super) rows: u16,
}

impl Size {
    fn checked(cols: u16, rows: u16) -> Option<Self> {
        let range = 1..=LARGEST;
        (range.contains(&cols) && range.contains(&rows)).then_some(Self { cols, rows })
    }
}

/// A terminal as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(super) size: Size,
    pub(super) term: String,
    /// Where the shell starts; the account's home where it is not said.
    pub(super) cwd: Option<String>,
}

impl Ask {
    /// Read from the address; 400 `invalid_request` where it makes no sense.
    pub(crate) fn of(asked: &RawRequest) -> Result<Self, Fault> {
        asked.only(&FIELDS)?;
        Self::from_fields(|name| asked.query(name))
    }

    fn from_fields<'a>(field: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Fault> {
        let invalid = |text: String| Fault::bad_request("invalid_request", text);
        let bad_size = || invalid(format!("cols and rows are 1 to {LARGEST}"));
        let number = |name: &str, default| field(name).map_or(Ok(default), str::parse).map_err(|_| bad_size());
        let size = Size::checked(number("cols", 80)?, number("rows", 24)?).ok_or_else(bad_size)?;
        let term = field("term").unwrap_or("xterm-256color");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
        if term.is_empty() || term.len() > 64 || !term.chars().all(is_plain) {
            return Err(invalid("term is the name of a terminal, such as xterm-256color".into()));
        }
        let cwd = field("cwd").map(str::to_owned);
        if cwd.as_deref().is_some_and(|cwd| !cwd.starts_with('/') || cwd.len() > 4096 || cwd.contains('\0')) {
            return Err(invalid("cwd is the absolute path of a folder".into()));
        }
        Ok(Self { size, term: term.to_owned(), cwd })
    }

    /// What the ledger keeps of it.
    pub(crate) fn record(&self) -> Value {
        json!({ "cols": self.size.cols, "rows": self.size.rows, "term": self.term, "cwd": self.cwd })
    }
}

/// What a client says in a text message; its keys travel in binary ones.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Said {
    Resize { cols: u16, rows: u16 },
}

/// The size that a text message asks for.
pub(super) fn resize(text: &str) -> Option<Size> {
    let Said::Resize { cols, rows } = serde_json::from_str(text).ok()?;
    Size::checked(cols, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fields: &[(&str, &'static str)]) -> Result<Ask, Fault> {
        Ask::from_fields(|name| fields.iter().find(|(given, _)| *given == name).map(|(_, value)| *value))
    }

    #[test]
    fn what_is_not_said_has_a_default_and_what_makes_no_sense_is_refused() {
        let plain = asked(&[]).unwrap();
        assert_eq!((plain.size, plain.term.as_str()), (Size { cols: 80, rows: 24 }, "xterm-256color"));
        let given = asked(&[("cols", "132"), ("rows", "50"), ("term", "tmux-256color"), ("cwd", "/srv")]).unwrap();
        assert_eq!((given.size, given.cwd.as_deref()), (Size { cols: 132, rows: 50 }, Some("/srv")));
        for (name, value) in [
            ("cols", "0"),
            ("cols", "1001"),
            ("rows", "-1"),
            ("rows", "x"),
            ("term", ""),
            ("term", "a b"),
            ("term", "../x"),
            ("cwd", "srv"),
            ("cwd", "/a\0b"),
        ] {
            assert_eq!(asked(&[(name, value)]).unwrap_err().code(), "invalid_request", "{name}={value}");
        }
    }

    #[test]
    fn only_a_whole_resize_is_understood() {
        assert_eq!(resize(r#"{"type":"resize","cols":100,"rows":30}"#), Some(Size { cols: 100, rows: 30 }));
        for text in [
            "",
            "ls",
            "{}",
            r#"{"type":"resize","cols":100}"#,
            r#"{"type":"resize","cols":0,"rows":30}"#,
            r#"{"type":"resize","cols":100,"rows":30,"x":1}"#,
            r#"{"type":"run","command":"ls"}"#,
            r#"{"type":"resize","cols":70000,"rows":30}"#,
        ] {
            assert_eq!(resize(text), None, "{text}");
        }
    }
}
