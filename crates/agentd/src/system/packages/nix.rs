//! What the system's Nix profiles lead to: the store paths that their links point into.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::{MOST_PACKAGES, Package};
use crate::system::text;

/// The system of NixOS, and what an administrator installed for everybody.
const PROFILES: [&str; 2] = ["run/current-system/sw", "nix/var/nix/profiles/default"];
const STORE: &[u8] = b"/nix/store/";
/// Digits of a store path's hash.
const HASH: usize = 32;
/// A profile links whole folders where only one package has them, else single files: `share/man/man1/git.1.gz`.
const DEEPEST: usize = 4;
const MOST_ENTRIES: usize = 200_000;
/// The outputs that a package may be divided into, which follow its version.
const OUTPUTS: [&str; 10] = ["bin", "data", "debug", "dev", "devdoc", "doc", "info", "lib", "man", "out"];

/// What is installed; None where there is no profile of Nix.
pub(super) fn installed(root: &Path) -> Option<Vec<Package>> {
    let profiles: Vec<PathBuf> =
        PROFILES.iter().map(|profile| root.join(profile)).filter(|path| path.is_dir()).collect();
    (!profiles.is_empty()).then(|| {
        let mut packages = BTreeMap::new();
        for profile in profiles {
            collect(profile, &mut packages);
        }
        packages.into_values().collect()
    })
}

/// Adds each package that links below `profile` lead to, once, whichever of its outputs they lead to.
fn collect(profile: PathBuf, packages: &mut BTreeMap<(String, Option<String>), Package>) {
    let mut folders = vec![(profile, 0)];
    let mut entries_left = MOST_ENTRIES;
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            entries_left -= 1;
            if entries_left == 0 || packages.len() >= MOST_PACKAGES {
                return;
            }
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth < DEEPEST {
                folders.push((entry.path(), depth + 1));
            } else if kind.is_symlink() {
                let target = fs::read_link(entry.path()).ok();
                if let Some(package) = target.and_then(|target| package(target.as_os_str().as_bytes())) {
                    packages.entry((package.name.clone(), package.version.clone())).or_insert(package);
                }
            }
        }
    }
}

/// The package of a path such as `/nix/store/HASH-git-2.45.1-doc/share/doc`.
fn package(target: &[u8]) -> Option<Package> {
    let folder = target.strip_prefix(STORE)?.split(|byte| *byte == b'/').next()?;
    let folder = text::lossy(folder, 255);
    let (hash, full) = folder.split_once('-')?;
    if hash.len() != HASH || full.is_empty() {
        return None;
    }
    let (name, version) = name_and_version(full);
    let version = version.map(without_output).filter(|version| !version.is_empty());
    Some(Package {
        name: name.into(),
        version: version.map(Into::into),
        architecture: None,
        manager: "nix",
        path: Some(format!("{}{folder}", String::from_utf8_lossy(STORE))),
    })
}

/// As Nix parts them: the version begins after the first dash that no letter follows.
fn name_and_version(full: &str) -> (&str, Option<&str>) {
    let begins = full.char_indices().find(|(at, character)| {
        *character == '-' && full[at + 1..].chars().next().is_some_and(|next| !next.is_ascii_alphabetic())
    });
    begins.map_or((full, None), |(at, _)| (&full[..at], Some(&full[at + 1..])))
}

fn without_output(version: &str) -> &str {
    match version.rsplit_once('-') {
        Some((bare, output)) if OUTPUTS.contains(&output) => bare,
        _ => version,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const HASH_TEXT: &str = "2v6zn0yjbw1qq5yfkgyc2vhgsj7wbf0a";

    #[test]
    fn a_store_path_tells_name_and_version() {
        for (folder, told) in [
            ("git-2.45.1", Some(("git", Some("2.45.1")))),
            ("git-2.45.1-doc", Some(("git", Some("2.45.1")))),
            ("bash-interactive-5.2p26", Some(("bash-interactive", Some("5.2p26")))),
            ("python3.11-requests-2.31.0", Some(("python3.11-requests", Some("2.31.0")))),
            ("nixos-rebuild", Some(("nixos-rebuild", None))),
            ("unstable-2024-05-01", Some(("unstable", Some("2024-05-01")))),
            ("glibc-2.39-52-bin", Some(("glibc", Some("2.39-52")))),
            ("ends-", Some(("ends-", None))),
            ("", None),
        ] {
            let package = package(format!("/nix/store/{HASH_TEXT}-{folder}/bin/x").as_bytes());
            let package = package.as_ref().map(|package| (package.name.as_str(), package.version.as_deref()));
            assert_eq!(package, told, "{folder}");
        }
        for path in ["/nix/store/", "/nix/store/short-a-1", "/usr/bin/x", "../store/x-1", ""] {
            assert_eq!(package(path.as_bytes()), None, "{path}");
        }
    }

    #[test]
    fn links_at_every_depth_lead_to_packages() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(installed(root.path()), None);
        let profile = root.path().join("run/current-system/sw");
        fs::create_dir_all(profile.join("bin")).unwrap();
        fs::create_dir_all(profile.join("share/man/man1")).unwrap();
        let link = |folder: &str, at: &str| {
            symlink(format!("/nix/store/{HASH_TEXT}-{folder}"), profile.join(at)).unwrap();
        };
        link("git-2.45.1/bin/git", "bin/git");
        link("git-2.45.1-doc/share/man/man1/git.1.gz", "share/man/man1/git.1.gz");
        link("tzdata-2024a/share/zoneinfo", "share/zoneinfo");
        link("only-one-1.0/etc", "etc");
        symlink("git", profile.join("bin/alias")).unwrap();
        symlink(&profile, profile.join("loop")).unwrap();
        let packages = installed(root.path()).unwrap();
        let told: Vec<_> = packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(told, ["git", "only-one", "tzdata"]);
    }
}
