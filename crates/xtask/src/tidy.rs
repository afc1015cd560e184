//! The laws of the tree that no compiler holds.

use std::{fs, path::Path, process::Command};

use toml::{Table, Value};

use crate::Failure;

/// What no test and no code may hold. Put together here, so that this file does not hold them either.
const FORBIDDEN: [(&str, &str); 2] = [
    (concat!("#[", "ignore"), "a test that does not run proves nothing: mend it or remove it"),
    (concat!("todo", "!("), "write it, or leave it out"),
];

/// One complaint for every breach in the tree at `root`.
pub(crate) fn check(root: &Path) -> Result<Vec<String>, Failure> {
    let daemons: Vec<&str> = osmoda_api::daemons().iter().map(|daemon| daemon.name).collect();
    let mut complaints = Vec::new();
    for file in files(root)? {
        let path = root.join(&file);
        if !path.is_file() {
            continue;
        }
        let read = || fs::read_to_string(&path).map_err(Failure::file(&path));
        if file.ends_with(".rs") {
            complaints.extend(source(&file, &read()?));
        } else if file.ends_with(".md") {
            let there = |target: &str| path.parent().is_some_and(|folder| folder.join(target).exists());
            complaints.extend(links(&file, &read()?, there));
        } else if let Some(daemon) = daemons.iter().find(|daemon| file == format!("crates/{daemon}/Cargo.toml")) {
            complaints.extend(dependencies(&file, daemon, &daemons, &read()?)?);
        }
    }
    Ok(complaints)
}

/// Every file that is, or could be, committed.
fn files(root: &Path) -> Result<Vec<String>, Failure> {
    let listed = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output();
    let listed = listed.map_err(|error| Failure::Git(error.to_string()))?;
    if !listed.status.success() {
        return Err(Failure::Git(String::from_utf8_lossy(&listed.stderr).trim().to_owned()));
    }
    let names = String::from_utf8(listed.stdout).map_err(|error| Failure::Git(error.to_string()))?;
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// A source file says in its first line what it is for, and holds nothing forbidden.
fn source(file: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if !text.starts_with("//!") {
        complaints.push(format!("{file}:1: begins without a `//!` line that says what the file is for"));
    }
    for (number, line) in text.lines().enumerate() {
        let found = FORBIDDEN.iter().filter(|(forbidden, _)| line.contains(forbidden));
        complaints.extend(found.map(|(forbidden, why)| format!("{file}:{}: {forbidden}: {why}", number + 1)));
    }
    complaints
}

/// A daemon depends on no other daemon's crate: they meet in crates/api.
fn dependencies(file: &str, daemon: &str, daemons: &[&str], text: &str) -> Result<Vec<String>, Failure> {
    let manifest: Table = text
        .parse()
        .map_err(|error: toml::de::Error| Failure::Unreadable { file: file.to_owned(), why: error.to_string() })?;
    let mut names = Vec::new();
    collect(&manifest, &mut names);
    let others = daemons.iter().filter(|other| **other != daemon && names.contains(&format!("osmoda-{other}")));
    Ok(others.map(|other| format!("{file}: {daemon} depends on {other}'s crate; say what is needed in crates/api and call it over its socket")).collect())
}

/// The packages of every table of dependencies, also those of targets.
fn collect(table: &Table, names: &mut Vec<String>) {
    for (key, value) in table {
        let Value::Table(inner) = value else { continue };
        if key.ends_with("dependencies") {
            let package = |(name, value): (&String, &Value)| {
                value.get("package").and_then(Value::as_str).unwrap_or(name).to_owned()
            };
            names.extend(inner.iter().map(package));
        } else {
            collect(inner, names);
        }
    }
}

/// Every relative link of a page leads somewhere.
fn links(file: &str, text: &str, there: impl Fn(&str) -> bool) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut in_code = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for target in targets(line) {
            let path = target.split(['#', '?']).next().unwrap_or_default();
            let is_elsewhere = target.contains("://") || target.starts_with("mailto:");
            if !is_elsewhere && !path.is_empty() && !there(path) {
                complaints.push(format!("{file}:{}: the link to {target} leads nowhere", number + 1));
            }
        }
    }
    complaints
}

/// The targets of `[text](target)` and of `[name]: target` in a line.
fn targets(line: &str) -> Vec<&str> {
    let outside_code = line.split('`').step_by(2);
    let mut found: Vec<&str> = outside_code
        .flat_map(|part| part.split("](").skip(1))
        .filter_map(|rest| rest.split([')', ' ']).next())
        .collect();
    if let Some((_, target)) = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
        found.extend(target.split_whitespace().next());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_file_says_what_it_is_for_and_holds_nothing_forbidden() {
        let cases = [
            ("//! Fine.\nfn main() {}\n", vec![]),
            ("fn main() {}\n", vec!["a.rs:1: begins"]),
            ("", vec!["a.rs:1: begins"]),
            (
                concat!("//! Fine.\n#[", "ignore = \"later\"]\nfn a() { todo", "!() }\n"),
                vec!["a.rs:2: #[", "a.rs:3: todo"],
            ),
        ];
        for (text, expected) in cases {
            let complaints = source("a.rs", text);
            assert_eq!(complaints.len(), expected.len(), "{text:?}: {complaints:?}");
            assert!(
                complaints.iter().zip(expected).all(|(complaint, start)| complaint.starts_with(start)),
                "{text:?}: {complaints:?}"
            );
        }
    }

    #[test]
    fn a_daemon_depends_on_no_other_daemon_by_any_name() {
        let daemons = ["agentd", "keyd"];
        let cases = [
            ("[dependencies]\nosmoda-api.workspace = true\nosmoda-keyd-client = \"1\"\n", 0),
            ("[package]\nname = \"osmoda-keyd\"\n[dependencies]\nosmoda-keyd = { path = \".\" }\n", 1),
            ("[dev-dependencies]\nosmoda-keyd.workspace = true\n", 1),
            ("[target.'cfg(unix)'.dependencies]\nkeys = { package = \"osmoda-keyd\", path = \"../keyd\" }\n", 1),
            ("[dependencies]\nosmoda-agentd = { path = \".\" }\n", 0),
        ];
        for (text, count) in cases {
            assert_eq!(dependencies("f", "agentd", &daemons, text).unwrap().len(), count, "{text}");
        }
        assert!(dependencies("f", "agentd", &daemons, "[").is_err());
    }

    #[test]
    fn a_relative_link_leads_to_what_is_there() {
        let cases = [
            ("[a](there.md) and [b](there.md#part)", 0),
            ("[a](https://example.org/gone) [b](#part) [c](mailto:x@example.org)", 0),
            ("[a](gone.md)", 1),
            ("![a](gone.png \"title\") [b](there.md) [c](gone/b.md#x)", 2),
            ("[a]: gone.md", 1),
            ("[a]: there.md \"title\"", 0),
            ("`[a](gone.md)` is how a link is written", 0),
            ("```\n[a](gone.md)\n```\n[b](gone.md)", 1),
        ];
        for (text, count) in cases {
            assert_eq!(links("a.md", text, |target| target == "there.md").len(), count, "{text}");
        }
    }

    #[test]
    fn the_tree_holds_its_laws() {
        assert_eq!(check(&crate::root()).unwrap(), Vec::<String>::new());
    }
}
