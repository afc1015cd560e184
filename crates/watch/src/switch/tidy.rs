//! What sessions leave in the state folder when whoever drove them is killed after their last move: locks, what their
//! programs said, and the old contents of files, which may be secrets.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::{SwitchError, Switches, lock::Driving};

/// The folders in which names begin with a session's id.
const FOLDERS: [&str; 3] = ["locks", "running", "kept"];

/// The session that a file is of.
fn session_of(name: &str) -> Option<&str> {
    let id = name.split(['.', '-']).next()?;
    id.starts_with("sw_").then_some(id)
}

fn left_by_others(folder: &Path, needed: &HashSet<String>) -> Vec<PathBuf> {
    let entries = FOLDERS.iter().flat_map(|one| fs::read_dir(folder.join(one)).into_iter().flatten().flatten());
    let names = entries.filter(|entry| {
        let name = entry.file_name();
        name.to_str().and_then(session_of).is_some_and(|id| !needed.contains(id))
    });
    names.map(|entry| entry.path()).collect()
}

/// A lock goes only where nobody holds it: who does removes it.
fn remove(path: &Path) -> io::Result<()> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("lock" | "guard") => {
            Driving::of(path.to_owned())?.done();
            Ok(())
        }
        _ if path.is_dir() => fs::remove_dir_all(path),
        _ => fs::remove_file(path),
    }
}

impl Switches {
    /// Removes what belongs to no session that is open or stranded.
    pub(super) async fn tidy(&self) -> Result<(), SwitchError> {
        let mut needed = self.store.open_sessions().await?;
        needed.extend(self.store.troubled().await?);
        let needed = needed.into_iter().map(|session| session.id).collect();
        for path in left_by_others(&self.folder, &needed) {
            if let Err(error) = remove(&path) {
                tracing::debug!(path = %path.display(), %error, "left where it is");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_session_needs_goes_and_what_is_held_or_needed_stays() {
        let folder = tempfile::tempdir().unwrap();
        for one in FOLDERS {
            fs::create_dir(folder.path().join(one)).unwrap();
        }
        fs::create_dir(folder.path().join("kept/sw_OVER")).unwrap();
        let names = [
            "kept/sw_OVER/old-0",
            "locks/sw_OVER.lock",
            "locks/sw_OVER.deadline",
            "locks/other",
            "running/sw_OVER-apply.out",
            "running/sw_OPEN.running",
        ];
        for name in names {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let held = Driving::guard(folder.path(), "sw_OVER").unwrap();
        let needed = HashSet::from(["sw_OPEN".to_owned()]);
        for path in left_by_others(folder.path(), &needed) {
            let _ = remove(&path);
        }
        let mut left: Vec<String> = left_by_others(folder.path(), &HashSet::new())
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        left.sort();
        assert_eq!(left, ["sw_OPEN.running", "sw_OVER.guard"]);
        assert!(folder.path().join("locks/other").exists());
        held.done();
    }
}
