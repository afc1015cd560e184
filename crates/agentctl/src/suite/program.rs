//! Where the daemons' programs are.

use std::{
    env,
    ffi::OsStr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use osmoda_ipc::daemon::SUITE;

use super::SuiteError;

/// A daemon and its program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// Its name.
    pub(crate) daemon: &'static str,
    /// The executable.
    pub(crate) path: PathBuf,
}

/// The programs of the named daemons, or of all that are installed, in the order in which they start.
pub(crate) fn find(only: &[&'static str]) -> Result<Vec<Program>, SuiteError> {
    find_in(only, &folders(env::current_exe().ok().as_deref(), env::var_os("PATH").as_deref()))
}

/// Beside this program, in the package's own folder of programs, then where the shell looks.
fn folders(exe: Option<&Path>, path: Option<&OsStr>) -> Vec<PathBuf> {
    let beside = exe.and_then(Path::parent).map(Path::to_owned);
    let own = beside.as_deref().and_then(Path::parent).map(|prefix| prefix.join("lib/osmoda"));
    let shells = path.map(|path| env::split_paths(path).filter(|folder| folder.is_absolute()).collect::<Vec<_>>());
    beside.into_iter().chain(own).chain(shells.into_iter().flatten()).collect()
}

fn find_in(only: &[&'static str], folders: &[PathBuf]) -> Result<Vec<Program>, SuiteError> {
    let looked = || folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ");
    let mut programs = Vec::new();
    for daemon in SUITE {
        if !only.is_empty() && !only.contains(&daemon) {
            continue;
        }
        match folders.iter().map(|folder| folder.join(format!("osmoda-{daemon}"))).find(|path| is_program(path)) {
            Some(path) => programs.push(Program { daemon, path }),
            None if only.is_empty() => {}
            None => return Err(SuiteError::NotInstalled { daemon, looked: looked() }),
        }
    }
    if programs.is_empty() { Err(SuiteError::NothingInstalled { looked: looked() }) } else { Ok(programs) }
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn install(folder: &Path, daemon: &str, mode: u32) {
        let path = folder.join(format!("osmoda-{daemon}"));
        fs::write(&path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn programs_are_found_in_order_and_the_nearest_one_wins() {
        let (near, far) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        install(near.path(), "keyd", 0o755);
        install(near.path(), "watch", 0o644);
        install(far.path(), "keyd", 0o755);
        install(far.path(), "agentd", 0o755);
        let folders = [near.path().to_owned(), far.path().to_owned()];
        let found = find_in(&[], &folders).unwrap();
        let expected = [("agentd", far.path()), ("keyd", near.path())];
        assert_eq!(
            found.iter().map(|program| (program.daemon, program.path.parent().unwrap())).collect::<Vec<_>>(),
            expected
        );
        assert_eq!(find_in(&["keyd"], &folders).unwrap().len(), 1);
        assert!(matches!(find_in(&["watch"], &folders), Err(SuiteError::NotInstalled { daemon: "watch", .. })));
        assert!(matches!(find_in(&[], &[]), Err(SuiteError::NothingInstalled { .. })));
    }

    #[test]
    fn folders_are_beside_then_lib_then_the_shells() {
        let folders = folders(Some(Path::new("/usr/bin/agentctl")), Some(OsStr::new("/bin:relative::/opt")));
        assert_eq!(folders, ["/usr/bin", "/usr/lib/osmoda", "/bin", "/opt"].map(PathBuf::from));
    }
}
