//! Control groups, where systemd gave the runner a part of the tree to itself (`Delegate=yes`): one group a sandbox, with
//! the limits that rlimits can't set for all processes together.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::limits::{Limit, Limits};

const ROOT: &str = "/sys/fs/cgroup";
/// Where the runner itself is: the groups of sandboxes are beside it, since a group with controllers has no processes.
const OWN: &str = "runner";
/// What the limits need.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];

/// The part of the tree that is the runner's.
#[derive(Clone, Debug)]
pub(crate) struct Groups(PathBuf);

impl Groups {
    /// Takes it over; nothing where there is none, or where it has no controllers.
    pub(crate) fn take() -> Option<Self> {
        let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = membership.lines().find_map(|line| line.strip_prefix("0::"))?.trim_start_matches('/');
        // One that runs in `runner` already was restarted within its unit.
        let own = own.strip_suffix(&format!("/{OWN}")).unwrap_or(own);
        let root = Path::new(ROOT).join(own);
        // Only a unit that was given its tree may divide it; every other one would take systemd's.
        if own.is_empty() || std::env::var_os("OSMODA_SANDBOX_DELEGATED").is_none() {
            return None;
        }
        Self::divide(root).ok()
    }

    fn divide(root: PathBuf) -> io::Result<Self> {
        let there = fs::read_to_string(root.join("cgroup.controllers"))?;
        if !CONTROLLERS.iter().all(|controller| there.split_ascii_whitespace().any(|word| word == *controller)) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "a controller is missing"));
        }
        let runner = root.join(OWN);
        match fs::create_dir(&runner) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        fs::write(runner.join("cgroup.procs"), "0")?;
        fs::write(root.join("cgroup.subtree_control"), "+memory +pids")?;
        // What an earlier runner left behind has no processes any more: systemd ended them with it.
        for left in fs::read_dir(&root)?.flatten().filter(|entry| entry.file_name() != OWN) {
            let _ = fs::remove_dir(left.path());
        }
        Ok(Self(root))
    }

    /// A group with these limits, and so many threads of process 1 besides.
    pub(crate) fn make(&self, name: &str, limits: &Limits, threads: u64) -> io::Result<Group> {
        let path = self.0.join(format!("run-{name}"));
        fs::create_dir(&path)?;
        let group = Group(path);
        // bwrap and process 1 are in it too.
        group.set("pids.max", limits.processes + 2 + threads)?;
        group.set("memory.max", limits.memory)?;
        group.set("memory.oom.group", 1)?;
        // Where there is no swap, or it is not accounted for, the file is missing.
        let _ = group.set("memory.swap.max", 0);
        Ok(group)
    }
}

/// One sandbox's group.
#[derive(Debug)]
pub(crate) struct Group(PathBuf);

impl Group {
    fn set(&self, file: &str, value: u64) -> io::Result<()> {
        fs::write(self.0.join(file), value.to_string())
    }

    /// Puts a process in, and with it all that it will start.
    pub(crate) fn admit(&self, pid: u32) -> io::Result<()> {
        fs::write(self.0.join("cgroup.procs"), pid.to_string())
    }

    /// Kills everything in it.
    pub(crate) fn kill(&self) {
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
    }

    /// The limits that it came up against.
    pub(crate) fn hits(&self) -> Vec<Limit> {
        let count = |file: &str, name: &str| {
            let events = fs::read_to_string(self.0.join(file)).unwrap_or_default();
            count(&events, name)
        };
        let killed = count("memory.events", "oom_kill") > 0 || count("memory.events", "oom_group_kill") > 0;
        let refused = count("pids.events", "max") > 0;
        [(killed, Limit::Memory), (refused, Limit::Processes)]
            .into_iter()
            .filter(|(is, _)| *is)
            .map(|(_, limit)| limit)
            .collect()
    }
}

fn count(events: &str, name: &str) -> u64 {
    events.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok()).unwrap_or_default()
}

impl Drop for Group {
    fn drop(&mut self) {
        // The last process may take a moment to leave.
        for _ in 0..200 {
            match fs::remove_dir(&self.0) {
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => std::thread::yield_now(),
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_counted_by_its_whole_name() {
        let events = "low 0\nmax 7\noom 1\noom_kill 2\n";
        assert_eq!((count(events, "oom_kill"), count(events, "max"), count(events, "oom_group_kill")), (2, 7, 0));
    }

    #[test]
    fn a_tree_without_the_controllers_is_not_divided() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("cgroup.controllers"), "cpu pids\n").unwrap();
        assert!(Groups::divide(root.path().to_owned()).is_err());
        assert!(!root.path().join(OWN).exists());
    }
}
