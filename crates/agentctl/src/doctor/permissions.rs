//! Whether files and folders belong to whom they should.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nix::unistd::{Gid, Group};

use super::{Finding, Patient};

const CHECK: &str = "permissions";

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let dirs = &patient.context.dirs;
    let mut findings = Vec::new();
    if patient.installed {
        findings.extend(owned(CHECK, dirs.run(), 0o750, Some("osmoda")));
    }
    for daemon in &patient.daemons {
        findings.extend(private(&dirs.state().join(daemon)));
    }
    if patient.installed {
        let programs = patient.daemons.iter().map(|daemon| format!("/usr/lib/osmoda/osmoda-{daemon}"));
        for path in programs.chain(["/etc/osmoda".into(), "/etc/osmoda/osmoda.toml".into()]) {
            findings.extend(roots_alone(&patient.path(&path)));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::good(CHECK, "files and folders belong to whom they should"));
    }
    findings
}

/// What is wrong with a path that should have this mode, and belong to this group.
pub(super) fn owned(check: &'static str, path: &Path, mode: u32, group: Option<&str>) -> Option<Finding> {
    let meta = fs::symlink_metadata(path).ok()?;
    let shown = path.display();
    if meta.mode() & 0o777 != mode {
        let found = format!("{shown} has mode {:o}, not {mode:o}", meta.mode() & 0o777);
        return Some(Finding::bad(check, found, format!("chmod {mode:o} {shown}")));
    }
    let group = group?;
    match Group::from_name(group).ok().flatten() {
        Some(known) if known.gid.as_raw() != meta.gid() => {
            let has = Group::from_gid(Gid::from_raw(meta.gid())).ok().flatten();
            let has = has.map_or_else(|| meta.gid().to_string(), |group| group.name);
            let found = format!("{shown} belongs to group {has}, not {group}");
            Some(Finding::bad(check, found, format!("chgrp {group} {shown}")))
        }
        // A group that does not exist is the accounts' finding.
        _ => None,
    }
}

/// A daemon's folder is its own.
fn private(folder: &Path) -> Option<Finding> {
    let meta = fs::symlink_metadata(folder).ok()?;
    let shown = folder.display();
    (meta.mode() & 0o077 != 0).then(|| {
        let found = format!("{shown} is open to others (mode {:o})", meta.mode() & 0o777);
        Finding::bad(CHECK, found, format!("chmod 700 {shown}"))
    })
}

/// Whoever may change a program or its settings is root.
fn roots_alone(path: &PathBuf) -> Option<Finding> {
    let meta = fs::metadata(path).ok()?;
    let shown = path.display();
    if meta.uid() != 0 {
        let found = format!("{shown} belongs to uid {}, who decides by it what root does", meta.uid());
        return Some(Finding::bad(CHECK, found, format!("chown root:root {shown}")));
    }
    (meta.mode() & 0o022 != 0).then(|| {
        let found = format!("{shown} can be changed by others than root (mode {:o})", meta.mode() & 0o777);
        Finding::bad(CHECK, found, format!("chmod go-w {shown}"))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder(mode: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        folder
    }

    #[test]
    fn a_wrong_mode_is_named_with_the_command_that_mends_it() {
        assert_eq!(owned(CHECK, folder(0o750).path(), 0o750, None), None);
        let wide = folder(0o777);
        let finding = owned(CHECK, wide.path(), 0o750, None).unwrap();
        assert_eq!(finding.advice.unwrap(), format!("chmod 750 {}", wide.path().display()));
        assert_eq!(owned(CHECK, Path::new("/nonexistent"), 0o750, None), None);
    }

    #[test]
    fn a_private_folder_is_open_to_nobody_else() {
        for (mode, open) in [(0o700, false), (0o500, false), (0o710, true), (0o704, true), (0o755, true)] {
            assert_eq!(private(folder(mode).path()).is_some(), open, "{mode:o}");
        }
    }

    #[test]
    fn what_others_may_change_is_found() {
        for mode in [0o775, 0o757, 0o777] {
            assert!(roots_alone(&folder(mode).path().to_owned()).is_some(), "{mode:o}");
        }
        assert_eq!(roots_alone(&PathBuf::from("/nonexistent")), None);
    }
}
