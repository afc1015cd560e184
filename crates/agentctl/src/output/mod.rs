//! How results are shown: text and colour to people, JSON to programs, failures in one clear line.

pub(crate) mod describe;
mod table;
pub(crate) mod units;

use std::{
    env,
    io::{self, IsTerminal, Write},
};

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use serde_json::Value;

pub(crate) use osmoda_ipc::visible;

pub(crate) use self::table::{Cell, Table};
use crate::failure::Failure;

/// Good news.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Bad news.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What wants attention.
pub(crate) const CARE: Style = AnsiColor::Yellow.on_default();
/// What matters most in a line.
pub(crate) const STRONG: Style = Style::new().bold();
/// What matters least in a line.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// As it is.
pub(crate) const PLAIN: Style = Style::new();

/// Standard output and standard error, as this run wants them.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    colour: bool,
    colour_of_errors: bool,
    /// Whether standard output is a terminal.
    watched: bool,
    /// Its columns, where it knows them.
    width: Option<usize>,
}

impl Output {
    pub(crate) fn new(json: bool, no_color: bool) -> Self {
        let wanted = !no_color && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let watched = io::stdout().is_terminal();
        let width = if watched { terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)) } else { None };
        Self { json, colour: wanted && watched, colour_of_errors: wanted && io::stderr().is_terminal(), watched, width }
    }

    /// Text without colour or width.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { json: false, colour: false, colour_of_errors: false, watched: false, width: None }
    }

    /// Whether a program reads the result.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether standard output takes colour.
    pub(crate) fn is_coloured(&self) -> bool {
        self.colour
    }

    /// Whether a person watches standard output.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched
    }

    /// The text in a style, where there is colour. The text must be [`visible`].
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        paint(self.colour, style, text)
    }

    /// As [`Output::paint`], for standard error.
    pub(crate) fn paint_error(&self, style: Style, text: &str) -> String {
        paint(self.colour_of_errors, style, text)
    }

    /// The value for a program: on one line, or indented where a person watches.
    pub(crate) fn json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), Failure> {
        let text = if self.is_watched() { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        self.text(&(text.map_err(|error| Failure::Output(error.into()))? + "\n"))
    }

    /// The value on one line, for streams of them.
    pub(crate) fn json_line<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(|error| Failure::Output(error.into()))?;
        self.text(&(text + "\n"))
    }

    /// Rows for people.
    pub(crate) fn table(&self, table: &Table) -> Result<(), Failure> {
        self.text(&table.render(self.width, self.colour))
    }

    /// One line for people.
    pub(crate) fn line(&self, text: &str) -> Result<(), Failure> {
        self.text(&format!("{text}\n"))
    }

    /// Text as it is, to the end or not at all.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::Output)
    }

    /// A remark beside the result, on standard error.
    pub(crate) fn remark(&self, text: &str) {
        // Nothing can be said about a standard error that can't be written.
        let _ = writeln!(io::stderr(), "{}", paint(self.colour_of_errors, FAINT, &visible(text)));
    }

    /// What went wrong: one line for people, the envelope for programs; on standard error.
    pub(crate) fn failure(&self, failure: &Failure) {
        let fault = failure.fault();
        let _ = if self.json {
            writeln!(io::stderr(), "{}", serde_json::to_string(&fault.envelope()).unwrap_or_default())
        } else {
            let label = paint(self.colour_of_errors, BAD, "error:");
            let act = fault.request_id().map(|id| format!(", {id}")).unwrap_or_default();
            let code = paint(self.colour_of_errors, FAINT, &visible(&format!("({}{act})", fault.code())));
            let log = fault.detail().and_then(|detail| detail.get("log")).and_then(Value::as_array);
            let tail: String = log
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(|line| format!("  | {}\n", visible(line)))
                .collect();
            write!(io::stderr(), "{label} {} {code}\n{tail}", visible(fault.message()))
        };
    }
}

fn paint(colour: bool, style: Style, text: &str) -> String {
    if colour && style != PLAIN { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_wraps_the_text_only_where_it_is_wanted() {
        assert_eq!(paint(false, BAD, "x"), "x");
        assert_eq!(paint(true, PLAIN, "x"), "x");
        assert_eq!(paint(true, FAINT, "x"), "\u{1b}[2mx\u{1b}[0m");
    }
}
