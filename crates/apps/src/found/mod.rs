//! What else on the machine looks like an app: folders with projects, sites of web servers, containers, listeners, what
//! other control planes left. Files are read, no program is run.

mod containers;
mod listeners;
mod managed;
mod projects;
mod sites;

use std::path::Path;

use osmoda_api::agentd::App;

pub use self::{containers::containers, listeners::listeners};

/// The most of one kind.
const MOST: usize = 200;
/// The longest file that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// What files tell, below `root`, which is `/` outside of tests. Blocks on the file system.
pub fn on_disk(root: &Path) -> Vec<App> {
    let mut found = projects::projects(root);
    found.extend(sites::nginx(root));
    found.extend(sites::caddy(root));
    found.extend(managed::managed(root));
    found
}

/// Each of a kind, name and port once, in order of kinds.
pub fn once(mut apps: Vec<App>) -> Vec<App> {
    apps.sort_by(|a, b| (a.source, &a.name, a.port, &a.path).cmp(&(b.source, &b.name, b.port, &b.path)));
    apps.dedup_by(|a, b| (a.source, &a.name, a.port) == (b.source, &b.name, b.port));
    apps
}

/// The entries of a folder by name, hidden ones left out.
fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| entry.path())
        .take(MOST * 4)
        .collect();
    all.sort();
    all
}

/// A file's text; nothing where it is none, or too long.
fn text(path: &Path) -> Option<String> {
    let fits = path.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= LONGEST);
    fits.then(|| std::fs::read(path).ok()).flatten().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// As it is named outside of tests.
fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).map_or_else(|_| path.display().to_string(), |path| format!("/{}", path.display()))
}
