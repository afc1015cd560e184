//! Where a tool's arguments come from.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use serde_json::Value;

use crate::failure::Failure;

/// The most that is read, in bytes: the largest body that any endpoint takes, and its wrapping.
const LARGEST: u64 = 16 << 20;

/// The arguments behind `text`: themselves, `-` for standard input, `@FILE` for a file.
pub(super) fn read(text: &str) -> Result<Value, Failure> {
    match text.strip_prefix('@') {
        None if text == "-" => parse(&slurp(io::stdin().lock(), "standard input".as_ref())?),
        None => parse(text),
        Some(path) => {
            let path = Path::new(path);
            let file = File::open(path).map_err(|source| Failure::Unreadable { path: path.to_owned(), source })?;
            parse(&slurp(file, path)?)
        }
    }
}

fn slurp(from: impl Read, name: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = from.take(LARGEST + 1).read_to_string(&mut text);
    let length = read.map_err(|source| Failure::Unreadable { path: name.to_owned(), source })?;
    if length as u64 > LARGEST {
        return Err(Failure::Usage(format!(
            "{} holds more than {} MiB; no tool takes as much",
            name.display(),
            LARGEST >> 20
        )));
    }
    Ok(text)
}

fn parse(text: &str) -> Result<Value, Failure> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => {
            Err(Failure::Usage("the arguments must be a JSON object, such as {\"path\":\"/etc/hosts\"}".to_owned()))
        }
        Err(error) => Err(Failure::Usage(format!("the arguments are not JSON: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::repeat};

    use serde_json::json;

    use super::*;
    use crate::exit::Exit;

    #[test]
    fn arguments_are_a_json_object() {
        let table = [
            ("{}", Some(json!({}))),
            (r#" {"a":1} "#, Some(json!({"a": 1}))),
            ("[]", None),
            ("1", None),
            ("{", None),
            ("", None),
            ("{}{}", None),
        ];
        for (text, expected) in table {
            let read = read(text);
            assert_eq!(read.as_ref().ok(), expected.as_ref(), "{text}");
            if let Err(failure) = read {
                assert_eq!(failure.exit(), Exit::Usage);
            }
        }
    }

    #[test]
    fn a_file_is_read_up_to_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("args.json");
        let named = format!("@{}", path.display());
        assert!(matches!(read(&named), Err(Failure::Unreadable { .. })));
        fs::write(&path, r#"{"path":"/"}"#).unwrap();
        assert_eq!(read(&named).unwrap(), json!({"path": "/"}));
        assert!(matches!(slurp(repeat(b' '), Path::new("x")), Err(Failure::Usage(_))));
    }
}
