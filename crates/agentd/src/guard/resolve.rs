//! What a path really is: `..` and symbolic links taken as the kernel takes them, as far as the file system says.

use std::{
    ffi::OsString,
    fs,
    path::{Component, Path, PathBuf},
};

/// As many as the kernel follows.
const MOST_LINKS: usize = 40;

/// The path with every symbolic link followed as far as it exists; what does not exist stays as it is. Nothing where the
/// links go round. Links in /proc are left alone: they mean another thing to every process, and the rules know their names.
pub(crate) fn follow(path: &Path) -> Option<PathBuf> {
    let mut left: Vec<OsString> = names(path).rev().collect();
    let mut done = PathBuf::from("/");
    let mut links = 0;
    while let Some(name) = left.pop() {
        if name == ".." {
            done.pop();
            continue;
        }
        done.push(&name);
        if done.starts_with("/proc") || done.starts_with("/dev/fd") {
            continue;
        }
        if let Ok(target) = fs::read_link(&done) {
            links += 1;
            if links > MOST_LINKS {
                return None;
            }
            done.pop();
            if target.is_absolute() {
                done = PathBuf::from("/");
            }
            left.extend(names(&target).rev());
        }
    }
    Some(done)
}

fn names(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_where_they_lead() {
        let folder = tempfile::tempdir().unwrap();
        let base = follow(folder.path()).unwrap();
        symlink("/etc", base.join("e")).unwrap();
        symlink("e/ssh", base.join("rel")).unwrap();
        symlink("round", base.join("round")).unwrap();
        fs::create_dir(base.join("d")).unwrap();
        symlink("../../etc", base.join("d/up")).unwrap();
        assert_eq!(follow(&base.join("e/shadow")), Some("/etc/shadow".into()));
        assert_eq!(follow(&base.join("rel/x")), Some("/etc/ssh/x".into()));
        assert_eq!(follow(&base.join("e/../x")), Some("/x".into()), "`..` is taken after the link");
        assert_eq!(follow(&base.join("none/../x")), Some(base.join("x")));
        assert_eq!(follow(&base.join("round")), None);
        assert!(follow(&base.join("d/up")).unwrap().ends_with("etc"));
    }
}
