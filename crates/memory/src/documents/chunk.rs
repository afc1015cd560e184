//! Taking a document apart: by heading first, then by size at paragraphs, sentences and words.

use crate::catalog::PartRow;

/// What a part has at most, in bytes: about what an embedding model reads.
const MOST: usize = 1200;
/// A paragraph is not split off where the part would be smaller than this.
const LEAST: usize = 300;
/// No document has more parts.
const MOST_PARTS: usize = 20_000;

/// The parts of a markdown text, in order, none of them empty.
pub(super) fn parts(title: &str, text: &str) -> Vec<PartRow> {
    let mut parts = Vec::new();
    let mut above: Vec<(usize, String)> = Vec::new();
    let mut section = String::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let level = if in_code { 0 } else { heading(line) };
        if level == 0 {
            section.push_str(line);
            section.push('\n');
            continue;
        }
        close(title, &above, &mut section, &mut parts);
        above.retain(|(higher, _)| *higher < level);
        above.push((level, line[level..].trim().trim_end_matches('#').trim().to_owned()));
    }
    close(title, &above, &mut section, &mut parts);
    parts.truncate(MOST_PARTS);
    parts
}

/// The first heading of a text.
pub(super) fn title(text: &str) -> Option<String> {
    let line = text.lines().find(|line| heading(line) > 0)?;
    let title: String = line.trim_matches('#').trim().chars().take(200).collect();
    Some(title).filter(|title| !title.is_empty())
}

/// The level of a heading; 0 where the line is none.
fn heading(line: &str) -> usize {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    if (1..=6).contains(&level) && line[level..].starts_with(' ') { level } else { 0 }
}

fn close(title: &str, above: &[(usize, String)], section: &mut String, parts: &mut Vec<PartRow>) {
    let mut path = title.to_owned();
    for (_, heading) in above.iter().filter(|(_, heading)| heading != title && !heading.is_empty()) {
        path.push_str(" > ");
        path.push_str(heading);
    }
    for text in split(section.trim()) {
        if text.chars().any(char::is_alphanumeric) {
            parts.push(PartRow { heading: path.clone(), text: text.to_owned() });
        }
    }
    section.clear();
}

/// Pieces of about one size, cut where a person would.
fn split(mut text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    while text.len() > MOST {
        let window = &text[..text.floor_char_boundary(MOST)];
        let cut = ["\n\n", "\n", ". ", "? ", "! ", " "]
            .iter()
            .filter_map(|mark| window.rfind(mark).map(|at| at + mark.len()))
            .find(|at| *at >= LEAST)
            .unwrap_or(window.len());
        let (piece, rest) = text.split_at(cut);
        pieces.push(piece.trim());
        text = rest.trim_start();
    }
    pieces.push(text);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_part_stands_under_its_headings() {
        let text = "before\n# Guide\nintro\n## Install\napt install\n```\n# no heading\n```\n### Old ##\nx\n## Use\ny\n#none\n";
        let found: Vec<(String, String)> =
            parts("Guide", text).into_iter().map(|part| (part.heading, part.text)).collect();
        let expected = [
            ("Guide", "before"),
            ("Guide", "intro"),
            ("Guide > Install", "apt install\n```\n# no heading\n```"),
            ("Guide > Install > Old", "x"),
            ("Guide > Use", "y\n#none"),
        ];
        assert_eq!(found, expected.map(|(heading, text)| (heading.to_owned(), text.to_owned())));
        assert_eq!(title(text).as_deref(), Some("Guide"));
    }

    proptest! {
        #[test]
        fn no_word_is_lost(text in "([a-z]{1,12}[ .\n\u{e9}]{1,3}){0,800}") {
            let parts = parts("t", &text);
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            let joined: Vec<String> = parts.iter().flat_map(|part| words(&part.text)).collect();
            let spoken = |words: Vec<String>| words.into_iter().filter(|word| word.chars().any(char::is_alphanumeric)).collect::<Vec<_>>();
            prop_assert_eq!(spoken(joined), spoken(words(&text)));
            prop_assert!(parts.iter().all(|part| part.text.len() <= MOST));
        }
    }
}
