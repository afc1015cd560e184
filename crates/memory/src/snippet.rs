//! The part of a text that matches, with the matching words between `**`.

use std::{collections::HashSet, ops::Range};

use crate::text::Words;

/// About how long a snippet is, in bytes.
const LENGTH: usize = 240;

/// The window with most of the wanted words, and which of them stand in the text.
pub(crate) fn snippet(words: &Words, text: &str, wanted: &HashSet<&str>) -> (String, Vec<String>) {
    let mut hits: Vec<(String, Range<usize>)> = Vec::new();
    words.each_placed(text, |word, place| {
        if wanted.contains(word) {
            hits.push((word.to_owned(), place));
        }
    });
    let mut matched: Vec<String> = Vec::new();
    for (word, _) in &hits {
        if !matched.contains(word) {
            matched.push(word.clone());
        }
    }
    let best = (0..hits.len()).max_by_key(|first| {
        let start = hits[*first].1.start;
        let inside = hits[*first..].iter().take_while(|(_, place)| place.end <= start + LENGTH);
        let different: HashSet<&str> = inside.map(|(word, _)| word.as_str()).collect();
        (different.len(), std::cmp::Reverse(*first))
    });
    let start = best.map_or(0, |first| hits[first].1.start);
    // A little of what stands before, from the beginning of a word.
    let from =
        text[..text.floor_char_boundary(start.saturating_sub(40))].rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let from = text.ceil_char_boundary(from);
    let until = text.floor_char_boundary(from + LENGTH + 40);
    let until = if until < text.len() {
        text[from..until].rfind(char::is_whitespace).map_or(until, |at| from + at)
    } else {
        until
    };
    let mut out = String::with_capacity(LENGTH + 64);
    if from > 0 {
        out.push('\u{2026}');
    }
    let mut at = from;
    for (_, place) in hits.iter().filter(|(_, place)| place.start >= from && place.end <= until) {
        out.push_str(&text[at..place.start]);
        out.push_str("**");
        out.push_str(&text[place.clone()]);
        out.push_str("**");
        at = place.end;
    }
    out.push_str(&text[at..until]);
    if until < text.len() {
        out.push('\u{2026}');
    }
    (out.split_whitespace().collect::<Vec<_>>().join(" "), matched)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_part_that_matches_is_shown() {
        let words = Words::default();
        let text = format!(
            "{} The web server listens on port 8443. {}",
            "Nothing here. ".repeat(40),
            "Nor there. ".repeat(40)
        );
        let (snippet, matched) = snippet(&words, &text, &HashSet::from(["port", "server", "listen"]));
        assert!(snippet.contains("web **server** **listens** on **port** 8443"), "{snippet}");
        assert!(snippet.starts_with('\u{2026}') && snippet.ends_with('\u{2026}') && snippet.len() < 400);
        assert_eq!(matched, ["server", "listen", "port"]);
        let (whole, none) = super::snippet(&words, "short text", &HashSet::from(["port"]));
        assert_eq!((whole.as_str(), none.len()), ("short text", 0));
    }

    proptest! {
        #[test]
        fn any_text_has_a_snippet(text in "\\PC{0,600}", word in "[a-z]{1,3}") {
            let (snippet, _) = snippet(&Words::default(), &text, &HashSet::from([word.as_str()]));
            prop_assert!(snippet.len() <= 6 * (LENGTH + 80) + 8);
        }
    }
}
