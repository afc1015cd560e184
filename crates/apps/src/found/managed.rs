//! What another control plane left: one folder with an app.json each.

use std::path::Path;

use osmoda_api::agentd::{App, AppSource};
use serde::Deserialize;

use super::{MOST, entries, shown, text};

#[derive(Deserialize)]
struct Left {
    name: Option<String>,
    domain: Option<String>,
    status: Option<String>,
    port: Option<u16>,
}

pub(super) fn managed(root: &Path) -> Vec<App> {
    let folders = entries(&root.join("var/lib/osmoda/apps"));
    folders.into_iter().take(MOST).filter_map(|folder| read(root, &folder)).collect()
}

fn read(root: &Path, folder: &Path) -> Option<App> {
    let file = folder.join("app.json");
    let left: Left = serde_json::from_str(&text(&file)?).ok()?;
    let name = left.name.or_else(|| Some(folder.file_name()?.to_string_lossy().into_owned()))?;
    Some(App {
        name,
        source: AppSource::App,
        active: left.status,
        port: left.port,
        path: Some(shown(root, &file)),
        detail: left.domain,
        ..App::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_json_is_read_and_nonsense_is_not() {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("a", r#"{"name":"shop","domain":"x.example","status":"running","port":8080,"more":1}"#),
            ("b", "{}"),
            ("c", "nonsense"),
        ] {
            let folder = root.path().join("var/lib/osmoda/apps").join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("app.json"), text).unwrap();
        }
        let found: Vec<_> = managed(root.path()).into_iter().map(|app| (app.name, app.port)).collect();
        assert_eq!(found, [("shop".to_owned(), Some(8080)), ("b".to_owned(), None)]);
    }
}
