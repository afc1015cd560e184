//! Words as they are indexed: letters and digits in lower case, English endings taken off.

use std::collections::HashMap;

use tantivy::tokenizer::{Language, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, TextAnalyzer, TokenStream};

use super::Weighted;

/// Longer words are base64 and its like.
const LONGEST: usize = 64;
/// So much of a query is read.
const LONGEST_QUERY: usize = 32_768;

/// Words that stand in every text and mean little by themselves.
const STOP_WORDS: [&str; 123] = [
    "a", "about", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "because",
    "been", "before", "being", "between", "both", "but", "by", "can", "could", "did", "do", "does", "doing", "during",
    "each", "for", "from", "had", "has", "have", "having", "he", "her", "here", "hers", "him", "his", "how", "i", "if",
    "in", "into", "is", "it", "its", "just", "me", "more", "most", "my", "no", "nor", "not", "of", "on", "once",
    "only", "or", "other", "our", "ours", "over", "own", "s", "same", "she", "should", "so", "some", "such", "t",
    "than", "that", "the", "their", "theirs", "them", "then", "there", "these", "they", "this", "those", "through",
    "to", "too", "under", "until", "up", "us", "very", "was", "we", "were", "what", "when", "where", "which", "while",
    "who", "whom", "why", "will", "with", "would", "you", "your", "yours", "m", "re", "ve", "ll", "d", "don", "shall",
    "may", "might", "must",
];

/// Stop words only as what an apostrophe leaves of a word: `that's` has one, the `D compiler` and `re-entry` have none.
const AFTER_APOSTROPHE: [&str; 7] = ["s", "t", "m", "re", "ve", "ll", "d"];
const BEFORE_APOSTROPHE: &str = "don";
const APOSTROPHES: [char; 2] = ['\'', '\u{2019}'];

/// What such a word counts where words are all that is looked at.
const COMMON: f32 = 0.5;

/// The words of a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Asked {
    /// Those that tell what is asked for: all but those that stand in every text, unless there are no others.
    pub(crate) telling: Vec<Weighted>,
    /// Those that stand in every text, where there are others.
    pub(crate) common: Vec<Weighted>,
}

/// Whether a word stands in every text.
pub(crate) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.contains(&word)
}

/// Whether a word of a query stands in every text, given what is before and after it.
fn is_passed_over(word: &str, before: &str, after: &str) -> bool {
    is_stop_word(word)
        && (!AFTER_APOSTROPHE.contains(&word) || before.ends_with(APOSTROPHES))
        && (word != BEFORE_APOSTROPHE || after.starts_with(APOSTROPHES))
}

/// Takes texts apart.
#[derive(Clone)]
pub(crate) struct Words {
    stemmed: TextAnalyzer,
    plain: TextAnalyzer,
}

/// Words as they are written, and what is known of each: found out once, however many texts have it.
#[derive(Debug)]
pub(crate) struct Known<T>(HashMap<String, T>);

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl Default for Words {
    fn default() -> Self {
        let base = || {
            TextAnalyzer::builder(SimpleTokenizer::default())
                .filter(RemoveLongFilter::limit(LONGEST))
                .filter(LowerCaser)
        };
        Self { stemmed: base().filter(Stemmer::new(Language::English)).build(), plain: base().build() }
    }
}

impl Words {
    /// More different words than this add time and no meaning.
    pub(crate) const MOST: usize = 32;

    /// As Tantivy wants it.
    pub(super) fn analyzer(&self) -> TextAnalyzer {
        self.stemmed.clone()
    }

    /// Each word of a text as it is indexed.
    pub(crate) fn each(&self, text: &str, mut take: impl FnMut(&str)) {
        let mut analyzer = self.stemmed.clone();
        let mut stream = analyzer.token_stream(text);
        while stream.advance() {
            take(&stream.token().text);
        }
    }

    /// What is known of each word of a text as it is written, in lower case; `find_out` is told the word and how it is indexed
    /// where nothing is known yet.
    pub(crate) fn each_known<T>(
        &self,
        text: &str,
        known: &mut Known<T>,
        mut find_out: impl FnMut(&str, String) -> T,
        mut take: impl FnMut(&T),
    ) {
        let mut analyzer = self.plain.clone();
        let mut stream = analyzer.token_stream(text);
        while stream.advance() {
            let written = &stream.token().text;
            if !known.0.contains_key(written) {
                let mut indexed = String::new();
                self.each(written, |stem| indexed.push_str(stem));
                known.0.insert(written.clone(), find_out(written, indexed));
            }
            if let Some(word) = known.0.get(written) {
                take(word);
            }
        }
    }

    /// Each word of a text as it is indexed, and where it stands (in bytes).
    pub(crate) fn each_placed(&self, text: &str, mut take: impl FnMut(&str, std::ops::Range<usize>)) {
        let mut analyzer = self.stemmed.clone();
        let mut stream = analyzer.token_stream(text);
        while stream.advance() {
            let token = stream.token();
            take(&token.text, token.offset_from..token.offset_to);
        }
    }

    /// What is looked for: the different words of a query. Nothing in it is an operator.
    pub(crate) fn of_query(&self, query: &str) -> Asked {
        let query = cut(query, LONGEST_QUERY);
        let mut all = Vec::new();
        let mut analyzer = self.plain.clone();
        let mut stream = analyzer.token_stream(query);
        while stream.advance() {
            let token = stream.token();
            let (before, after) = (&query[..token.offset_from], &query[token.offset_to..]);
            all.push((token.text.clone(), is_passed_over(&token.text, before, after)));
        }
        let without_others = all.iter().all(|(_, stop)| *stop);
        let (common, telling): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, stop)| *stop && !without_others);
        Asked { telling: self.counted(&telling, 1.0), common: self.counted(&common, COMMON) }
    }

    /// Different words in the order of their first place, each with how often it was said times what it counts.
    fn counted(&self, words: &[(String, bool)], counts: f32) -> Vec<Weighted> {
        let mut counted: Vec<Weighted> = Vec::with_capacity(words.len());
        let mut places: HashMap<String, usize> = HashMap::new();
        for (word, _) in words {
            self.each(word, |stem| {
                let place = *places.entry(stem.to_owned()).or_insert_with(|| {
                    counted.push((stem.to_owned(), 0.0));
                    counted.len() - 1
                });
                counted[place].1 += counts;
            });
        }
        counted
    }

    /// The words that say most, given how rare each is.
    pub(crate) fn rarest(words: Vec<Weighted>, rarity: &[f32]) -> Vec<Weighted> {
        let mut ranked: Vec<(f32, Weighted)> =
            rarity.iter().copied().zip(words).map(|(rarity, word)| (rarity * word.1, word)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        ranked.truncate(Self::MOST);
        ranked.into_iter().map(|(_, word)| word).collect()
    }
}

/// The beginning of a text, at most so many bytes.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_words_and_nothing_else() {
        let words = Words::default();
        for (query, expected) in [
            ("Which port does the web-server use?", vec!["port", "web", "server", "use"]),
            (
                "\"quoted\" AND (x OR y) NEAR/3 z* -minus body:term ^2",
                vec!["quot", "x", "y", "near", "3", "z", "minus", "bodi", "term", "2"],
            ),
            ("to be or not to be", vec!["to", "be", "or", "not"]),
            ("running runs RUN", vec!["run"]),
            ("the D compiler doesn't say what's re-entry", vec!["d", "compil", "doesn", "say", "re", "entri"]),
            ("don\u{2019}t let Don do it", vec!["let", "don"]),
            (
                "caf\u{e9} \u{1f600} \u{5e9}\u{5dc}\u{5d5}\u{5dd} nul\0byte",
                vec!["caf\u{e9}", "\u{5e9}\u{5dc}\u{5d5}\u{5dd}", "nul", "byte"],
            ),
            ("?", vec![]),
            ("", vec![]),
        ] {
            let found: Vec<String> = words.of_query(query).telling.into_iter().map(|(word, _)| word).collect();
            assert_eq!(found, expected, "{query:?}");
        }
        assert_eq!(words.of_query("port port").telling, [("port".to_owned(), 2.0)]);
        let word = |word: &str, counts: f32| (word.to_owned(), counts);
        assert_eq!(words.of_query("the end of the port").common, [word("the", 1.0), word("of", 0.5)]);
        assert!(words.of_query("to be or not to be").common.is_empty());
    }

    #[test]
    fn of_many_words_the_rarest_are_looked_for() {
        let words: Vec<Weighted> = (0..100).map(|number| (format!("w{number}"), 1.0)).collect();
        let rarity: Vec<f32> = (0..100).map(|number| number as f32).collect();
        let kept = Words::rarest(words, &rarity);
        assert_eq!(kept.len(), Words::MOST);
        assert!(kept.iter().all(|(word, _)| word[1..].parse::<usize>().unwrap() >= 100 - Words::MOST));
    }
}
