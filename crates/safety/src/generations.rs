//! System generations as NixOS keeps them: `system` leads to `system-N-link`, which leads into the store.

use std::{fs, path::Path};

use jiff::Timestamp;
use osmoda_api::agentd::Generation;

/// The most generations that are told: the newest.
const MOST: usize = 1000;

/// Every generation, oldest first; none where the system has none.
pub(crate) fn all(profiles: &Path) -> Vec<Generation> {
    let current = fs::read_link(profiles.join("system")).ok().and_then(|link| number(link.file_name()?.to_str()?));
    let entries = fs::read_dir(profiles).into_iter().flatten().flatten();
    let mut all: Vec<Generation> = entries
        .filter_map(|entry| {
            let number = number(entry.file_name().to_str()?)?;
            let made = entry.metadata().ok()?.modified().ok()?;
            Some(Generation {
                number,
                path: fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned(),
                created_at: Timestamp::try_from(made).ok()?.to_string(),
                current: current == Some(number),
            })
        })
        .collect();
    all.sort_by_key(|generation| generation.number);
    all.split_off(all.len().saturating_sub(MOST))
}

/// The name of the link of a generation.
pub(crate) fn link(number: u64) -> String {
    format!("system-{number}-link")
}

fn number(name: &str) -> Option<u64> {
    name.strip_prefix("system-")?.strip_suffix("-link")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn generations_are_links_of_the_profile_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        assert!(all(&folder.path().join("absent")).is_empty());
        for number in [9, 10, 7] {
            symlink(format!("/nix/store/{number}"), folder.path().join(link(number))).unwrap();
        }
        symlink("x", folder.path().join("system-x-link")).unwrap();
        symlink("x", folder.path().join("per-user-1-link")).unwrap();
        fs::write(folder.path().join("system-8-link"), "no link").unwrap();
        let told = || all(folder.path()).into_iter().map(|one| (one.number, one.path, one.current)).collect::<Vec<_>>();
        let path = |number: u64| format!("/nix/store/{number}");
        assert_eq!(told(), [(7, path(7), false), (9, path(9), false), (10, path(10), false)]);
        symlink("system-9-link", folder.path().join("system")).unwrap();
        assert_eq!(told(), [(7, path(7), false), (9, path(9), true), (10, path(10), false)]);
    }
}
