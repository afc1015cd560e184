//! Text from elsewhere, made safe to be shown: what an operator reads is what is there.
//!
//! Commands, reasons and payloads come from agents. A control sequence in them could move the cursor and paint over
//! the line that the operator is about to approve; a mark that turns the writing direction could reorder it.

use std::borrow::Cow;

/// The text with everything that a terminal obeys, or hides, written out as `\u{…}`.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_hidden(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Control characters, direction marks, and characters without width that are not accents.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{ffa0}' | '\u{feff}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_or_hide_is_written_out() {
        let table = [
            ("plain ü 漢 é e\u{301}", "plain ü 漢 é e\u{301}"),
            ("rm -rf /\r\u{1b}[2Kls", "rm -rf /\\r\\u{1b}[2Kls"),
            ("a\nb\tc", "a\\nb\\tc"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("ls \u{202e}fr- mr", "ls \\u{202e}fr- mr"),
            ("a\u{200b}b\u{feff}\u{e0041}", "a\\u{200b}b\\u{feff}\\u{e0041}"),
            ("del\u{7f}", "del\\u{7f}"),
        ];
        for (text, shown) in table {
            assert_eq!(visible(text), shown, "{text:?}");
        }
    }

    #[test]
    fn text_that_needs_nothing_is_not_copied() {
        assert!(matches!(visible("ls -l"), Cow::Borrowed(_)));
    }
}
