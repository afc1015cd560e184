//! docs/contracts: what the suite promises to callers, as committed text, so that a changed promise is a line in review.

use std::{collections::BTreeMap, fs, path::Path};

use osmoda_ipc::openapi;
use serde_json::Value;

use crate::Failure;

/// The file of the MCP tools, beside one file a daemon.
const TOOLS: &str = "mcp-tools.json";

/// Every file of the folder as the code says it.
fn pages() -> Result<BTreeMap<String, String>, Failure> {
    let daemons = osmoda_api::daemons().into_iter().map(|daemon| {
        let raw = osmoda_api::raw_routes(daemon.name);
        (
            format!("{}.json", daemon.name),
            openapi::page(daemon.name, &daemon.endpoints, &raw, &osmoda_api::websockets(daemon.name)),
        )
    });
    let pages = daemons.chain([(TOOLS.to_owned(), osmoda_mcp::listing())]);
    pages.map(|(file, page)| Ok((file.clone(), pretty(file, &page)?))).collect()
}

fn pretty(file: String, page: &Value) -> Result<String, Failure> {
    let mut text =
        serde_json::to_string_pretty(page).map_err(|error| Failure::Unreadable { file, why: error.to_string() })?;
    text.push('\n');
    Ok(text)
}

/// Writes what differs and removes what nothing makes any more; answers with the names of what changed.
pub(crate) fn generate(folder: &Path) -> Result<Vec<String>, Failure> {
    fs::create_dir_all(folder).map_err(Failure::file(folder))?;
    let (made, there) = (pages()?, committed(folder)?);
    let mut changed = Vec::new();
    for (file, text) in &made {
        if there.get(file) != Some(text) {
            let path = folder.join(file);
            fs::write(&path, text).map_err(Failure::file(&path))?;
            changed.push(file.clone());
        }
    }
    for stray in there.keys().filter(|file| !made.contains_key(*file)) {
        let path = folder.join(stray);
        fs::remove_file(&path).map_err(Failure::file(&path))?;
        changed.push(format!("{stray} (removed)"));
    }
    Ok(changed)
}

/// One complaint for every file that is not what the code says.
pub(crate) fn check(folder: &Path) -> Result<Vec<String>, Failure> {
    Ok(compare(&pages()?, &committed(folder)?))
}

fn compare(made: &BTreeMap<String, String>, there: &BTreeMap<String, String>) -> Vec<String> {
    let complaint = |file: &str, what: &str| {
        format!("docs/contracts/{file} {what}; run `cargo xtask contracts generate` and commit the change")
    };
    let mut complaints = Vec::new();
    for (file, text) in made {
        match there.get(file) {
            None => complaints.push(complaint(file, "is missing")),
            Some(old) if old != text => {
                let same = text.lines().zip(old.lines()).take_while(|(new, old)| new == old).count();
                complaints.push(complaint(file, &format!("is not what the code says, from line {} on", same + 1)));
            }
            Some(_) => {}
        }
    }
    complaints.extend(
        there
            .keys()
            .filter(|file| !made.contains_key(*file))
            .map(|file| complaint(file, "is made by nothing any more")),
    );
    complaints
}

/// The JSON files of the folder; none where there is no folder.
fn committed(folder: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut files = BTreeMap::new();
    if !folder.exists() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder).map_err(Failure::file(folder))? {
        let path = entry.map_err(Failure::file(folder))?.path();
        if let (Some(name), true) =
            (path.file_name().and_then(|name| name.to_str()), path.extension().is_some_and(|ending| ending == "json"))
        {
            let text = fs::read_to_string(&path).map_err(Failure::file(&path))?;
            files.insert(name.to_owned(), text);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_contracts_are_what_the_code_says() {
        assert_eq!(check(&crate::root().join("docs/contracts")).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_is_generated_passes_and_every_difference_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("contracts");
        assert!(check(&folder).unwrap()[0].contains("agentd.json is missing"));
        let written = generate(&folder).unwrap();
        assert!(written.contains(&TOOLS.to_owned()) && written.contains(&"agentd.json".to_owned()), "{written:?}");
        assert_eq!(check(&folder).unwrap(), Vec::<String>::new());
        assert_eq!(generate(&folder).unwrap(), Vec::<String>::new());

        let tools = fs::read_to_string(folder.join(TOOLS)).unwrap();
        fs::write(folder.join(TOOLS), tools.replacen("\"tools\"", "\"tool\"", 1)).unwrap();
        fs::write(folder.join("gone.json"), "{}").unwrap();
        let complaints = check(&folder).unwrap();
        assert!(
            complaints[0].contains("mcp-tools.json is not what the code says, from line 2 on; run `cargo xtask"),
            "{complaints:?}"
        );
        assert!(complaints[1].contains("gone.json is made by nothing"), "{complaints:?}");
        assert_eq!(generate(&folder).unwrap(), ["mcp-tools.json", "gone.json (removed)"]);
    }
}
