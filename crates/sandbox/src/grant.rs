//! The files of the capabilities, opened without following a link: what is mounted is what was named, whatever moves
//! meanwhile.

use std::{
    os::fd::OwnedFd,
    path::{Component, Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, open, openat},
    sys::stat::{Mode, SFlag, fstat},
};

use crate::plan::{Grant, Refusal};

/// What is no file of the machine's, and what a sandbox has of its own.
const NEVER: [&str; 6] = ["/proc", "/sys", "/dev", "/tmp", "/sandbox", "/home/sandbox"];
/// Of these, what is below may be given.
const BELOW: [&str; 1] = ["/tmp"];

/// A file or folder that is held.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) grant: Grant,
    pub(crate) file: OwnedFd,
}

/// Opens what a plan names. `own` are osmoda's folders, which no capability opens.
pub(crate) fn hold(grants: &[Grant], own: &[PathBuf]) -> Result<Vec<Held>, Refusal> {
    let mut sorted = grants.to_vec();
    // Parents first, so that a mount never covers another; of two for one path the wider.
    sorted.sort_by(|a, b| (&a.path, b.access).cmp(&(&b.path, a.access)));
    sorted.dedup_by(|a, b| a.path == b.path);
    sorted.into_iter().map(|grant| hold_one(grant, own)).collect()
}

fn hold_one(grant: Grant, own: &[PathBuf]) -> Result<Held, Refusal> {
    let refused = |why: &str| Refusal::BadGrant { path: grant.path.clone(), why: why.to_owned() };
    let plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    // `components` swallows `/./` and `//`: the text must be the path itself.
    let tidy: PathBuf = grant.path.components().collect();
    if !grant.path.is_absolute() || !grant.path.components().all(plain) || tidy.as_os_str() != grant.path.as_os_str() {
        return Err(refused("it is no plain absolute path"));
    }
    for folder in NEVER.map(Path::new) {
        let below = grant.path.starts_with(folder) && grant.path != folder;
        let may_be_below = BELOW.map(Path::new).contains(&folder);
        if folder.starts_with(&grant.path) || (below && !may_be_below) {
            return Err(refused("the sandbox has its own there; name what is needed more closely"));
        }
    }
    if own.iter().any(|folder| grant.path.starts_with(folder) || folder.starts_with(&grant.path)) {
        return Err(refused("osmoda's own sockets and state are there; name what is needed more closely"));
    }
    match open_without_links(&grant.path) {
        Ok(file) => Ok(Held { grant, file }),
        Err(Errno::ELOOP) => Err(refused("a link stands in it; name the real path")),
        Err(Errno::ENOENT) => Err(refused("it does not exist")),
        Err(errno) => Err(refused(errno.desc())),
    }
}

/// Opens an absolute path step by step; ELOOP where a step is a link. Not by openat2(2), which asks the same of the kernel
/// at once: RestrictSUIDSGID= of a unit takes that call away, whose modes no filter sees.
fn open_without_links(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut at = open("/", flags, Mode::empty())?;
    for part in path.components() {
        if let Component::Normal(name) = part {
            at = openat(&at, name, flags, Mode::empty())?;
            if SFlag::from_bits_truncate(fstat(&at)?.st_mode) & SFlag::S_IFMT == SFlag::S_IFLNK {
                return Err(Errno::ELOOP);
            }
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;
    use crate::plan::Access;

    fn grant(path: impl Into<PathBuf>, access: Access) -> Grant {
        Grant { path: path.into(), access }
    }

    #[test]
    fn links_and_osmodas_own_are_never_given() {
        // Below /var/tmp: /tmp is a folder of the sandbox's own.
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let folder = folder.path().canonicalize().unwrap();
        fs::create_dir_all(folder.join("own/run")).unwrap();
        fs::create_dir(folder.join("real")).unwrap();
        fs::write(folder.join("real/file"), "x").unwrap();
        symlink("real", folder.join("link")).unwrap();
        symlink("/etc/shadow", folder.join("real/shadow")).unwrap();
        let own = [folder.join("own/run")];
        let try_one = |path: &Path| hold(&[grant(path, Access::Read)], &own).map(|held| held.len());
        assert_eq!(try_one(&folder.join("real")), Ok(1));
        assert_eq!(try_one(&folder.join("real/file")), Ok(1));
        for (path, why) in [
            (folder.join("link"), "link"),
            (folder.join("link/file"), "link"),
            (folder.join("real/shadow"), "link"),
            (folder.join("nowhere"), "exist"),
            (folder.join("own"), "osmoda"),
            (folder.join("own/run"), "osmoda"),
            (folder.join("own/run/x"), "osmoda"),
            (folder.join("real/../own"), "plain"),
            (folder.join("real/./file"), "plain"),
            ("relative".into(), "plain"),
            ("/".into(), "own"),
            ("/home".into(), "own"),
            ("/proc/self".into(), "own"),
            ("/dev/sda".into(), "own"),
            ("/sys".into(), "own"),
            ("/tmp".into(), "own"),
        ] {
            let error = try_one(&path).unwrap_err().to_string();
            assert!(error.contains(why), "{}: {error}", path.display());
        }
    }

    #[test]
    fn parents_come_first_and_the_wider_of_two_wins() {
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let folder = folder.path().canonicalize().unwrap();
        fs::create_dir(folder.join("a")).unwrap();
        let grants = [
            grant(folder.join("a"), Access::Read),
            grant(&folder, Access::Read),
            grant(folder.join("a"), Access::Write),
        ];
        let held = hold(&grants, &[]).unwrap();
        let found: Vec<_> = held.into_iter().map(|held| (held.grant.path, held.grant.access)).collect();
        assert_eq!(found, [(folder.clone(), Access::Read), (folder.join("a"), Access::Write)]);
    }
}
