//! Installed packages, from the records of dpkg and of Nix.

mod dpkg;
mod nix;

use std::path::Path;

use super::SystemError;

/// The most packages of one manager that are read.
const MOST_PACKAGES: usize = 100_000;

/// A package that is installed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) architecture: Option<String>,
    /// `dpkg` or `nix`.
    pub(super) manager: &'static str,
    /// Where Nix keeps it.
    pub(super) path: Option<String>,
}

/// Every package that dpkg has installed, and every one that the system's Nix profiles lead to, by name.
pub(super) fn installed() -> Result<Vec<Package>, SystemError> {
    installed_below(Path::new("/"))
}

fn installed_below(root: &Path) -> Result<Vec<Package>, SystemError> {
    let told = [dpkg::installed(root)?, nix::installed(root)];
    if told.iter().all(Option::is_none) {
        return Err(SystemError::PackagesUnavailable);
    }
    let mut packages: Vec<Package> = told.into_iter().flatten().flatten().collect();
    packages.sort();
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use osmoda_ipc::Fault;

    use super::*;

    #[test]
    fn a_machine_with_neither_says_so() {
        let root = tempfile::tempdir().unwrap();
        let fault = Fault::from(installed_below(root.path()).unwrap_err());
        assert_eq!((fault.code(), fault.is_retryable()), ("packages_unavailable", false));
    }

    #[test]
    fn both_managers_are_told_together() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("var/lib/dpkg")).unwrap();
        fs::write(at("var/lib/dpkg/status"), "Package: zsh\nStatus: install ok installed\nVersion: 5\n").unwrap();
        fs::create_dir_all(at("nix/var/nix/profiles/default/bin")).unwrap();
        let git = "/nix/store/2v6zn0yjbw1qq5yfkgyc2vhgsj7wbf0a-git-2.45.1/bin/git";
        symlink(git, at("nix/var/nix/profiles/default/bin/git")).unwrap();
        let packages = installed_below(root.path()).unwrap();
        let told: Vec<_> = packages.iter().map(|package| (package.name.as_str(), package.manager)).collect();
        assert_eq!(told, [("git", "nix"), ("zsh", "dpkg")]);
    }
}
