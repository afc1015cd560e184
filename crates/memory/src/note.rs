//! A memory and its file.

use std::str::FromStr;

use jiff::Timestamp;
use osmoda_api::agentd::{MemoryItem, MemoryNew};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{MemoryError, front_matter};

const LONGEST_SUMMARY: usize = 2000;
const LONGEST_DETAIL: usize = 65_536;
const LONGEST_WORD: usize = 64;
const LONGEST_KEY: usize = 128;
const MOST_TAGS: usize = 32;
/// A tag that begins so names the conversation that a memory is from.
pub(crate) const SESSION: &str = "session:";

/// A memory as its file has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// `mem_` and a ULID.
    pub id: String,
    /// The memory in a sentence.
    pub summary: String,
    /// Everything else.
    pub detail: Option<String>,
    /// Its kind in a word.
    pub category: Option<String>,
    /// Words to filter by.
    pub tags: Vec<String>,
    /// What it is about.
    pub key: Option<String>,
    /// When it was first stored.
    pub created: Timestamp,
    /// When it was last stored.
    pub updated: Timestamp,
    /// How often it was stored.
    pub count: u32,
    /// The memory whose place it took.
    pub supersedes: Option<String>,
    /// When it stops being true.
    pub expires: Option<Timestamp>,
    /// Where it is from.
    pub source: Option<String>,
}

impl Note {
    /// A new memory; 400 `invalid_field` where it is none.
    pub(crate) fn new(new: MemoryNew, source: Option<String>, now: Timestamp) -> Result<Self, MemoryError> {
        let summary = new.summary.trim().to_owned();
        within("summary", &summary, LONGEST_SUMMARY)?;
        if !summary.chars().any(char::is_alphanumeric) {
            return Err(MemoryError::field("summary", "holds no word; say in a sentence what is to be remembered"));
        }
        let detail = new.detail.filter(|detail| !detail.trim().is_empty());
        within("detail", detail.as_deref().unwrap_or_default(), LONGEST_DETAIL)?;
        let category = word("category", new.category, LONGEST_WORD)?;
        let key = word("key", new.key, LONGEST_KEY)?;
        let tags = tags(new.tags)?;
        let expires = match new.expires_at {
            Some(text) => Some(Timestamp::from_str(&text).map_err(|_| {
                MemoryError::field("expires_at", "is no time in RFC 3339, such as 2026-12-24T18:00:00Z")
            })?),
            None => None,
        };
        Ok(Self {
            id: format!("mem_{}", ulid::Ulid::generate()),
            summary,
            detail,
            category,
            tags,
            key,
            created: now,
            updated: now,
            count: 1,
            supersedes: new.supersedes,
            expires,
            source,
        })
    }

    /// What a file says; `None` where it is no memory. A person's file needs no more than text: its name is its id then.
    pub(crate) fn parse(file: &str, name: &str, modified: Timestamp) -> Option<Self> {
        let empty = Map::new();
        let (keys, body) = match front_matter::parse(file) {
            Some((keys, body)) => (keys, body),
            // A front matter that never ends is a torn file, not a text.
            None if file.starts_with("---") => return None,
            None => (empty, file),
        };
        let (heading, rest) = first_line(body);
        let summary: String = heading.chars().take(LONGEST_SUMMARY).collect();
        if !summary.chars().any(char::is_alphanumeric) || name.is_empty() {
            return None;
        }
        let text = |key: &str| keys.get(key).and_then(Value::as_str).map(str::to_owned);
        let time = |key: &str| text(key).and_then(|text| Timestamp::from_str(&text).ok());
        let tags = match keys.get("tags") {
            Some(Value::Array(tags)) => tags.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(tags)) => {
                tags.split([',', ' ']).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        let created = time("created").unwrap_or(modified);
        Some(Self {
            id: text("id").filter(|id| !id.is_empty() && id.len() <= LONGEST_WORD).unwrap_or_else(|| name.to_owned()),
            summary,
            detail: Some(rest.trim().to_owned()).filter(|rest| !rest.is_empty()),
            category: text("category"),
            tags,
            key: text("key"),
            created,
            updated: time("updated").unwrap_or(created),
            count: keys.get("count").and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
            supersedes: text("supersedes"),
            expires: time("expires"),
            source: text("source"),
        })
    }

    /// The file's text.
    pub(crate) fn print(&self) -> String {
        let mut keys = vec![("id", json!(self.id))];
        let mut optional = |key, value: &Option<String>| keys.extend(value.as_ref().map(|text| (key, json!(text))));
        optional("category", &self.category);
        optional("key", &self.key);
        optional("supersedes", &self.supersedes);
        optional("source", &self.source);
        optional("expires", &self.expires.map(|time| time.to_string()));
        if !self.tags.is_empty() {
            keys.push(("tags", json!(self.tags)));
        }
        keys.push(("created", json!(self.created)));
        keys.push(("updated", json!(self.updated)));
        keys.push(("count", json!(self.count)));
        // A summary of several lines would be read as summary and detail.
        let summary = self.summary.split_whitespace().collect::<Vec<_>>().join(" ");
        let detail = self.detail.as_deref().map(|detail| format!("\n{}\n", detail.trim())).unwrap_or_default();
        front_matter::print(&keys, &format!("# {summary}\n{detail}"))
    }

    /// What is searched.
    pub(crate) fn text(&self) -> String {
        let parts = [self.detail.as_deref(), self.category.as_deref(), self.key.as_deref()];
        searched(&self.summary, parts, &self.tags)
    }

    /// The same for what says the same: letters and digits in lower case, one space between words.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [Some(self.summary.as_str()), self.detail.as_deref()] {
            for word in words(part.unwrap_or_default()) {
                hash.update(word.as_bytes());
                hash.update(b" ");
            }
            hash.update(b"\n");
        }
        for part in [&self.category, &self.key] {
            hash.update(part.as_deref().unwrap_or_default());
            hash.update(b"\n");
        }
        hash.finalize().into()
    }

    /// As callers see it.
    pub(crate) fn item(self, file: String, superseded_by: Option<String>) -> MemoryItem {
        MemoryItem {
            id: self.id,
            summary: self.summary,
            detail: self.detail,
            category: self.category,
            tags: self.tags,
            created_at: self.created.to_string(),
            ts: self.updated.to_string(),
            count: self.count,
            key: self.key,
            supersedes: self.supersedes,
            superseded_by,
            expires_at: self.expires.map(|time| time.to_string()),
            source: self.source,
            file,
        }
    }
}

/// What is searched of a memory or a part of a document. The name of a conversation is nothing that anybody looks for.
pub(crate) fn searched(summary: &str, parts: [Option<&str>; 3], tags: &[String]) -> String {
    let mut text = summary.to_owned();
    for part in parts.into_iter().flatten() {
        text.push('\n');
        text.push_str(part);
    }
    for tag in tags.iter().filter(|tag| !tag.starts_with(SESSION)) {
        text.push(' ');
        text.push_str(tag);
    }
    text
}

/// Words as they are compared. Numbers keep what stands inside them: 10.0.0.5 is not 10.0.05.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace()
        .map(|word| {
            word.trim_matches(|letter: char| {
                matches!(letter, '.' | ',' | ';' | ':' | '!' | '?' | '"' | '\'' | '`' | '*')
            })
            .to_lowercase()
        })
        .filter(|word| !word.is_empty())
}

/// The first line that is not empty, without what marks it as a heading, and what stands after it.
fn first_line(body: &str) -> (&str, &str) {
    let body = body.trim_start();
    let (line, rest) = body.split_once('\n').unwrap_or((body, ""));
    (line.trim_start_matches('#').trim(), rest)
}

pub(crate) fn within(field: &'static str, text: &str, most: usize) -> Result<(), MemoryError> {
    if text.len() > most {
        return Err(MemoryError::field(field, format!("has {} bytes; {most} is the most", text.len())));
    }
    match text.contains('\0') {
        true => Err(MemoryError::field(field, "holds a NUL byte")),
        false => Ok(()),
    }
}

fn word(field: &'static str, text: Option<String>, most: usize) -> Result<Option<String>, MemoryError> {
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    within(field, text.as_deref().unwrap_or_default(), most)?;
    Ok(text)
}

pub(crate) fn tags(given: Option<Vec<String>>) -> Result<Vec<String>, MemoryError> {
    let given = given.unwrap_or_default();
    if given.len() > MOST_TAGS {
        return Err(MemoryError::field("tags", format!("are {}; {MOST_TAGS} is the most", given.len())));
    }
    let mut tags = Vec::with_capacity(given.len());
    for tag in given {
        let Some(tag) = word("tags", Some(tag), LONGEST_WORD)? else { continue };
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(summary: &str, detail: Option<&str>) -> Result<Note, MemoryError> {
        let new = MemoryNew { summary: summary.into(), detail: detail.map(Into::into), ..MemoryNew::default() };
        Note::new(new, None, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_file_holds_all_of_a_memory() {
        let asked = MemoryNew {
            summary: "The web server listens on 8443".into(),
            detail: Some("# Not a summary\n---\nid: no\n---\n\nsince: the move".into()),
            category: Some("fact".into()),
            tags: Some(vec!["web, server".into(), "port".into(), "port".into()]),
            key: Some("web.port".into()),
            supersedes: Some("mem_0".into()),
            expires_at: Some("2027-01-01T00:00:00Z".into()),
        };
        let note = Note::new(asked, Some("ledger:7".into()), Timestamp::from_second(1_800_000_000).unwrap()).unwrap();
        assert_eq!(note.tags, ["web, server", "port"]);
        assert_eq!(Note::parse(&note.print(), "other", Timestamp::UNIX_EPOCH).unwrap(), note);
    }

    #[test]
    fn a_persons_file_needs_no_more_than_text() {
        let note = Note::parse("\nBackups run at three.\n\nBy cron.\n", "backups", Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((note.id.as_str(), note.summary.as_str()), ("backups", "Backups run at three."));
        assert_eq!(note.detail.as_deref(), Some("By cron."));
    }

    #[test]
    fn a_torn_or_empty_file_is_no_memory() {
        for file in ["", "\n\n", "---\nid: mem_1\ncount: 1\n", "---\nid: mem_1\n---\n", "---\nid: mem_1\n---\n# ...\n"]
        {
            assert_eq!(Note::parse(file, "x", Timestamp::UNIX_EPOCH), None, "{file:?}");
        }
    }

    #[test]
    fn the_same_fact_has_the_same_fingerprint() {
        let print = |summary, detail| new(summary, detail).unwrap().fingerprint();
        let first = print("Port 22 is closed.", None);
        for same in ["port 22 is  closed", " PORT 22 is closed!\n", "`Port` 22 is *closed*"] {
            assert_eq!(print(same, None), first, "{same}");
        }
        for other in ["Port 23 is closed.", "Port 2.2 is closed.", "Port 22 closed is"] {
            assert_ne!(print(other, None), first, "{other}");
        }
        assert_ne!(print("Port 22", Some("is closed")), first);
    }

    #[test]
    fn what_is_no_memory_is_refused() {
        let long = "x".repeat(LONGEST_SUMMARY + 1);
        for summary in ["", "  ", "...", "a\0b", &long] {
            assert!(matches!(new(summary, None), Err(MemoryError::Field { field: "summary", .. })), "{summary:?}");
        }
        assert!(new("fine", Some(&"x".repeat(LONGEST_DETAIL + 1))).is_err());
    }
}
