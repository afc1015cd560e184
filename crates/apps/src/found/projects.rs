//! Folders in /home and /root that hold a project, told by a file that only projects have.

use std::path::Path;

use osmoda_api::agentd::{App, AppSource};

use super::{MOST, entries, shown};

/// The file, and the language that it stands for; the first one counts.
const MARKERS: [(&str, &str); 8] = [
    ("requirements.txt", "python"),
    ("main.py", "python"),
    ("app.py", "python"),
    ("package.json", "node"),
    ("index.js", "node"),
    ("index.ts", "node"),
    ("Cargo.toml", "rust"),
    ("go.mod", "go"),
];

pub(super) fn projects(root: &Path) -> Vec<App> {
    let homes = entries(&root.join("home"));
    let in_homes = homes.iter().flat_map(|home| entries(home));
    let of_root =
        entries(&root.join("root")).into_iter().filter(|path| path.file_name().is_none_or(|name| name != "workspace"));
    let folders: Vec<_> = homes.iter().cloned().chain(in_homes).chain(of_root).collect();
    folders.iter().filter_map(|folder| project(root, folder)).take(MOST).collect()
}

fn project(root: &Path, folder: &Path) -> Option<App> {
    // A link could lead anywhere, and what it leads to is found where it is.
    if !folder.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        return None;
    }
    let (_, language) = MARKERS.iter().find(|(marker, _)| folder.join(marker).is_file())?;
    Some(App {
        name: folder.file_name()?.to_string_lossy().into_owned(),
        source: AppSource::Project,
        path: Some(shown(root, folder)),
        detail: Some((*language).to_owned()),
        ..App::default()
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_with_a_marker_is_a_project() {
        let root = tempfile::tempdir().unwrap();
        for file in [
            "home/site/package.json",
            "home/ann/shop/Cargo.toml",
            "home/ann/shop/package.json",
            "home/ann/notes/todo.txt",
            "home/ann/.hidden/go.mod",
            "root/bot/main.py",
            "root/workspace/main.py",
            "root/.cache/go.mod",
            "srv/x/go.mod",
        ] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink("shop", root.path().join("home/ann/link")).unwrap();
        let found: Vec<_> =
            projects(root.path()).into_iter().map(|app| (app.path.unwrap(), app.detail.unwrap())).collect();
        let expected = [("/home/site", "node"), ("/home/ann/shop", "node"), ("/root/bot", "python")];
        assert_eq!(found, expected.map(|(path, language)| (path.to_owned(), language.to_owned())));
    }
}
