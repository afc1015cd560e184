//! Markdown with front matter: a few `key: value` lines between `---`, then text. What is written is YAML and JSON at once;
//! what is read may be what a person types.

use serde_json::{Map, Value};

const FENCE: &str = "---";

/// The keys before the text, and the text; `None` where there is no front matter.
pub(crate) fn parse(file: &str) -> Option<(Map<String, Value>, &str)> {
    let file = file.strip_prefix('\u{feff}').unwrap_or(file);
    let rest = file.strip_prefix(FENCE)?.trim_start_matches([' ', '\r']).strip_prefix('\n')?;
    let mut keys = Map::new();
    let mut list: Option<String> = None;
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        at += line.len();
        let text = line.trim_end();
        if text == FENCE {
            return Some((keys, &rest[at..]));
        }
        if let (Some(key), Some(item)) = (&list, text.trim_start().strip_prefix("- ")) {
            if let Some(Value::Array(items)) = keys.get_mut(key) {
                items.push(scalar(item.trim()));
            }
            continue;
        }
        list = None;
        let Some((key, value)) = text.split_once(':') else { continue };
        let (key, value) = (key.trim().to_owned(), value.trim());
        if value.is_empty() {
            list = Some(key.clone());
            keys.insert(key, Value::Array(Vec::new()));
        } else {
            keys.insert(key, read(value));
        }
    }
    None
}

/// JSON where it is JSON; `[a, b]` and bare words as YAML has them.
fn read(value: &str) -> Value {
    if let Ok(json) = serde_json::from_str(value) {
        return json;
    }
    match value.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) => inner.split(',').map(|item| scalar(item.trim())).collect(),
        None => scalar(value),
    }
}

fn scalar(text: &str) -> Value {
    if let Ok(json @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) = serde_json::from_str(text) {
        return json;
    }
    let quoted = text.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\''));
    Value::String(quoted.map_or_else(|| text.to_owned(), |inner| inner.replace("''", "'")))
}

/// The file's text.
pub(crate) fn print(keys: &[(&str, Value)], text: &str) -> String {
    let mut file = format!("{FENCE}\n");
    for (key, value) in keys {
        file.push_str(key);
        file.push_str(": ");
        file.push_str(&value.to_string());
        file.push('\n');
    }
    file.push_str(FENCE);
    file.push('\n');
    file.push_str(text);
    file
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let keys = [
            ("id", json!("mem_1")),
            ("tags", json!(["a: b", "c, d", "---", "quote \" and \\ and \n line"])),
            ("count", json!(3)),
        ];
        let file = print(&keys, "---\nbody: text\n---\n");
        let (read, body) = parse(&file).unwrap();
        assert_eq!(body, "---\nbody: text\n---\n");
        for (key, value) in keys {
            assert_eq!(read[key], value);
        }
    }

    #[test]
    fn what_a_person_types_is_read() {
        let cases = [
            ("---\ntags: [one, 'two words', \"three\"]\n---\nx", "tags", json!(["one", "two words", "three"])),
            ("---\ntags:\n- one\n  - two\ncategory: x\n---\n", "tags", json!(["one", "two"])),
            ("---\r\ncategory: it's fine\r\n---\r\nx", "category", json!("it's fine")),
            ("\u{feff}---\ncategory:   spaced  \n---\n", "category", json!("spaced")),
            ("---\nurl: https://example.org/a:b\n---\n", "url", json!("https://example.org/a:b")),
        ];
        for (file, key, expected) in cases {
            assert_eq!(parse(file).unwrap().0[key], expected, "{file:?}");
        }
    }

    #[test]
    fn what_is_no_front_matter_is_none() {
        for file in ["", "---", "---\n", "text", "--- text\n---\n", "---\nid: x\n", " ---\nid: x\n---\n"] {
            assert!(parse(file).is_none(), "{file:?}");
        }
    }
}
