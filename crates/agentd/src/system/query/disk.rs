//! File systems with their space.

use std::collections::HashMap;

use super::record::record;
use crate::system::{
    SystemError,
    mounts::{self, Mount, Space},
    space, text,
};

/// Kinds of file systems that hold nothing of anybody's.
const PSEUDO: [&str; 27] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fuse.gvfsd-fuse",
    "fuse.lxcfs",
    "fuse.portal",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nfsd",
    "nsfs",
    "proc",
    "pstore",
    "ramfs",
    "resctrl",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tracefs",
];

record! {
    /// A file system. Numbers are null where it doesn't answer, such as one of a server that is away.
    Row {
        mount: String,
        source: String,
        fstype: String,
        total_bytes: Option<u64>,
        used_bytes: Option<u64>,
        /// What unprivileged programs may still use.
        available_bytes: Option<u64>,
        /// Used share of what unprivileged programs may use.
        percent: Option<f64>,
        inodes_total: Option<u64>,
        inodes_used: Option<u64>,
    }
}

/// Every file system that holds files, once, at its main mount; one that is kept in memory (tmpfs) too, since it fills
/// up like any other.
pub(super) fn rows() -> Result<Vec<Row>, SystemError> {
    let mounts = main_mounts(mounts::mounts()?);
    let spaces = space::of(&mounts);
    Ok(mounts.iter().zip(spaces).filter_map(|(mount, space)| row(mount, space)).collect())
}

/// None where the file system has no space at all, by which the kernel marks those that hold nothing.
fn row(mount: &Mount, space: Option<Space>) -> Option<Row> {
    if space.is_some_and(|space| space.total_bytes == 0) {
        return None;
    }
    Some(Row {
        mount: text::lossy(&mount.target, text::LONGEST_PATH),
        source: mount.source.clone(),
        fstype: mount.fstype.clone(),
        total_bytes: space.map(|space| space.total_bytes),
        used_bytes: space.map(|space| space.used_bytes),
        available_bytes: space.map(|space| space.available_bytes),
        percent: space.and_then(Space::percent),
        inodes_total: space.map(|space| space.inodes_total),
        inodes_used: space.map(|space| space.inodes_used),
    })
}

/// One mount of each file system: that of its whole tree before that of a part, and the first before later ones. What
/// another mount covers is left out, since its path leads to the other.
fn main_mounts(mounts: Vec<Mount>) -> Vec<Mount> {
    let mut topmost = HashMap::new();
    for mount in &mounts {
        topmost.insert(mount.target.clone(), mount.id);
    }
    let mut main: Vec<Mount> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for mount in mounts {
        if PSEUDO.contains(&mount.fstype.as_str()) || topmost.get(&mount.target) != Some(&mount.id) {
            continue;
        }
        match places.get(&mount.device) {
            Some(&place) if main[place].root != "/" && mount.root == "/" => main[place] = mount,
            Some(_) => {}
            None => {
                places.insert(mount.device.clone(), main.len());
                main.push(mount);
            }
        }
    }
    main
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(id: u64, device: &str, root: &str, target: &str, fstype: &str) -> Mount {
        Mount {
            id,
            parent: 1,
            device: device.into(),
            root: root.into(),
            target: target.into(),
            options: String::new(),
            fstype: fstype.into(),
            source: String::new(),
            super_options: String::new(),
        }
    }

    #[test]
    fn each_file_system_is_told_once_at_its_main_mount() {
        let mounts = vec![
            mount(1, "0:1", "/", "/", "rootfs"),
            mount(2, "8:1", "/", "/", "ext4"),
            mount(3, "0:5", "/", "/proc", "proc"),
            mount(4, "0:6", "/", "/run", "tmpfs"),
            mount(5, "8:1", "/var", "/srv/jail/var", "ext4"),
            mount(6, "8:2", "/data", "/bind", "xfs"),
            mount(7, "8:2", "/", "/data", "xfs"),
            mount(8, "8:3", "/", "/covered", "ext4"),
            mount(9, "0:9", "/", "/covered", "nfs4"),
        ];
        let told: Vec<u64> = main_mounts(mounts).iter().map(|mount| mount.id).collect();
        assert_eq!(told, [2, 4, 7, 9]);
    }

    #[test]
    fn a_file_system_that_does_not_answer_keeps_its_row() {
        let mount = mount(1, "0:1", "/", "/far", "nfs4");
        assert_eq!(row(&mount, None).map(|row| (row.mount, row.total_bytes)), Some(("/far".into(), None)));
        assert!(row(&mount, Some(Space::default())).is_none());
    }
}
