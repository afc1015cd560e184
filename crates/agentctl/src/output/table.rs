//! Rows in aligned columns, without lines: easy on the eye, and on awk.

use anstyle::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{FAINT, PLAIN, paint, visible};

/// The space between two columns.
const GAP: usize = 2;

/// One cell. Its text is made visible.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell in a style.
    pub(crate) fn styled(style: Style, text: impl AsRef<str>) -> Self {
        Self { text: visible(text.as_ref()).into_owned(), style }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::styled(PLAIN, text)
    }
}

/// Rows under a head.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these columns; without a head where there are none.
    pub(crate) fn new(head: &[&str]) -> Self {
        let head: Vec<Cell> = head.iter().map(|name| Cell::styled(FAINT, name)).collect();
        Self { rows: if head.is_empty() { Vec::new() } else { vec![head] } }
    }

    /// One more row.
    pub(crate) fn row(&mut self, cells: impl Into<Vec<Cell>>) {
        self.rows.push(cells.into());
    }

    /// The rows as lines. In a terminal of `width` columns the last cell is cut where it would wrap.
    pub(crate) fn render(&self, width: Option<usize>, colour: bool) -> String {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(cell.text.width());
            }
        }
        let mut text = String::new();
        for row in &self.rows {
            let mut used = 0;
            for (index, (cell, widest)) in row.iter().zip(&widths).enumerate() {
                if index + 1 == row.len() {
                    let room = width.map_or(usize::MAX, |width| width.saturating_sub(used));
                    text.push_str(&paint(colour, cell.style, &cut(&cell.text, room)));
                } else {
                    text.push_str(&paint(colour, cell.style, &cell.text));
                    text.extend(std::iter::repeat_n(' ', widest - cell.text.width() + GAP));
                    used += widest + GAP;
                }
            }
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
        }
        text
    }
}

/// The beginning of the text that fits, with `…` where something is left out. Less than 8 columns are not worth it.
fn cut(text: &str, room: usize) -> String {
    if text.width() <= room || room < 8 {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(&["NAME", "STATE", "WHY"]);
        table.row(["agentd".into(), Cell::styled(FAINT, "up"), "".into()]);
        table.row(["漢字".into(), "down".into(), "nobody\nlistens".into()]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_end_clean() {
        assert_eq!(sample().render(None, false), "NAME    STATE  WHY\nagentd  up\n漢字    down   nobody\\nlistens\n");
    }

    #[test]
    fn only_the_last_cell_is_cut_and_only_in_a_terminal() {
        assert!(sample().render(Some(24), false).ends_with("漢字    down   nobody\\n…\n"));
        assert!(sample().render(Some(3), false).ends_with("listens\n"));
    }

    #[test]
    fn colour_does_not_move_columns() {
        let coloured = sample().render(None, true);
        let stripped: String = coloured.replace("\u{1b}[2m", "").replace("\u{1b}[0m", "");
        assert_eq!(stripped.replace("up     \n", "up\n"), sample().render(None, false));
    }
}
