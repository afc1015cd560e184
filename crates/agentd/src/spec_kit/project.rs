//! Projects and the one folder that they are in.

use std::{
    fs, io,
    os::unix::fs::chown,
    path::{Path, PathBuf},
};

use super::{SpecKitError, child::Account};
use crate::config::SpecKitConfig;

/// A project's name, which becomes its folder's.
pub(super) fn name(text: &str) -> Result<&str, SpecKitError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    if begins && !text.ends_with('-') && text.len() <= 48 && text.chars().all(fits) {
        Ok(text)
    } else {
        Err(SpecKitError::BadName(text.chars().take(100).collect()))
    }
}

/// The workspace folder, which is made for the account where it is missing.
pub(super) fn workspace(config: &SpecKitConfig, account: &Account) -> Result<PathBuf, SpecKitError> {
    let path = &config.workspace;
    let make = || -> io::Result<PathBuf> {
        match fs::create_dir(path) {
            Ok(()) => account.ids().map_or(Ok(()), |(uid, gid)| chown(path, Some(uid), Some(gid)))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        fs::canonicalize(path)
    };
    make().map_err(|error| SpecKitError::NoWorkspace {
        path: path.clone(),
        account: config.account.clone(),
        why: error.to_string(),
    })
}

/// The folder of a project, with every link followed: it is below the workspace or it is none.
pub(super) fn find(config: &SpecKitConfig, path: &Path) -> Result<PathBuf, SpecKitError> {
    let outside = || SpecKitError::NotBelow { path: path.to_owned(), workspace: config.workspace.clone() };
    let workspace = fs::canonicalize(&config.workspace).map_err(|_| outside())?;
    let real = fs::canonicalize(path).map_err(|_| outside())?;
    let below = path.is_absolute() && real.starts_with(&workspace) && real != workspace && real.is_dir();
    if below { Ok(real) } else { Err(outside()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_name_is_refused_and_never_cleaned() {
        assert_eq!(name("shop-2").unwrap(), "shop-2");
        for text in ["", ".", "..", "a/b", "-a", "a-", "A", "a b", "--here", "a\n", "1a", &"x".repeat(49)] {
            assert!(name(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn nothing_outside_the_workspace_is_a_project() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("work/shop/src")).unwrap();
        fs::create_dir_all(at("work2/shop")).unwrap();
        fs::write(at("work/file"), "").unwrap();
        symlink(at("work2/shop"), at("work/link")).unwrap();
        let config = SpecKitConfig { workspace: at("work"), ..SpecKitConfig::default() };
        assert!(find(&config, &at("work/shop")).is_ok());
        assert!(find(&config, &at("work/shop/../shop")).is_ok());
        for path in ["work", "work2/shop", "work/link", "work/nowhere", "work/file", "work/shop/../../work2/shop"] {
            assert!(find(&config, &at(path)).is_err(), "{path}");
        }
        assert!(find(&config, Path::new("shop")).is_err());
    }
}
