//! What of this machine every sandbox sees: its programs and libraries, wherever the distribution keeps them.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// The folders of programs and libraries in the root, as links or as folders.
const ROOTS: [&str; 8] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "nix/store"];

/// What is mounted or linked in every sandbox's root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Host {
    /// Bound, read only.
    pub(crate) folders: Vec<PathBuf>,
    /// Where, and whereto.
    pub(crate) links: Vec<(PathBuf, PathBuf)>,
    /// Where a shell looks for programs inside.
    pub(crate) path: OsString,
}

impl Host {
    /// Looks below `root`, which is `/` outside of tests.
    pub(crate) fn look(root: &Path) -> Self {
        let mut host = Self::default();
        for name in ROOTS {
            let (real, inside) = (root.join(name), Path::new("/").join(name));
            match fs::symlink_metadata(&real) {
                Ok(meta) if meta.is_dir() => host.folders.push(inside),
                Ok(meta) if meta.is_symlink() => host.links.extend(fs::read_link(&real).ok().map(|to| (inside, to))),
                _ => {}
            }
        }
        let mut path = "/usr/local/bin:/usr/bin:/bin".to_owned();
        // NixOS: its programs stand behind one link into the store.
        if let Ok(system) = fs::canonicalize(root.join("run/current-system")) {
            host.links.push(("/run/current-system".into(), system));
            path.push_str(":/run/current-system/sw/bin");
        }
        host.path = path.into();
        host
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn both_layouts_of_distributions_are_known() {
        let debian = tempfile::tempdir().unwrap();
        fs::create_dir_all(debian.path().join("usr/bin")).unwrap();
        symlink("usr/bin", debian.path().join("bin")).unwrap();
        fs::create_dir(debian.path().join("lib")).unwrap();
        let host = Host::look(debian.path());
        assert_eq!(host.folders, ["/lib", "/usr"].map(PathBuf::from));
        assert_eq!(host.links, [("/bin".into(), "usr/bin".into())]);
        assert_eq!(host.path, "/usr/local/bin:/usr/bin:/bin");

        let nixos = tempfile::tempdir().unwrap();
        fs::create_dir_all(nixos.path().join("nix/store/abc-system")).unwrap();
        fs::create_dir_all(nixos.path().join("run")).unwrap();
        symlink(nixos.path().join("nix/store/abc-system"), nixos.path().join("run/current-system")).unwrap();
        let host = Host::look(nixos.path());
        assert_eq!(host.folders, [PathBuf::from("/nix/store")]);
        assert_eq!(host.links.len(), 1);
        assert!(host.path.to_str().unwrap().ends_with("/sw/bin"));
    }
}
