//! What a sandbox's processes use together, looked at from outside: the limits that rlimits set for each process alone.

use std::fs;

use nix::unistd::{SysconfVar, sysconf};

/// Processes looked at; more than may run is never needed.
const MOST: usize = 8192;

/// What all processes of a sandbox use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Processes and threads, without process 1 and bwrap.
    pub(crate) processes: u64,
    /// Memory of their own, in bytes; pages that they share after a fork are counted for each.
    pub(crate) memory: u64,
    /// Processor time, in milliseconds, also of those that ended.
    pub(crate) cpu_ms: u64,
}

/// Looks at bwrap and everything below it.
pub(crate) fn look(bwrap: i32) -> Usage {
    let (page, tick) = (unit(SysconfVar::PAGE_SIZE, 4096), unit(SysconfVar::CLK_TCK, 100));
    let mut usage = Usage::default();
    let mut ticks = 0;
    for (depth, pid) in below(bwrap) {
        let Some(stat) = fs::read(format!("/proc/{pid}/stat")).ok().and_then(|stat| parse(&stat)) else { continue };
        ticks += stat.ticks;
        // bwrap itself, and process 1.
        if depth < 2 {
            continue;
        }
        usage.processes += stat.threads;
        usage.memory += own_pages(pid).unwrap_or_default() * page;
    }
    usage.cpu_ms = ticks * 1000 / tick;
    usage
}

/// The memory of all of them, each page counted once: slow, and exact.
pub(crate) fn exact_memory(bwrap: i32) -> u64 {
    let proportional = |pid: i32| {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss_Anon:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    let page = unit(SysconfVar::PAGE_SIZE, 4096);
    let of = |pid| proportional(pid).map_or_else(|| own_pages(pid).unwrap_or_default() * page, |kib| kib * 1024);
    below(bwrap).into_iter().filter(|(depth, _)| *depth > 1).map(|(_, pid)| of(pid)).sum()
}

fn unit(name: SysconfVar, usual: u64) -> u64 {
    sysconf(name).ok().flatten().and_then(|number| u64::try_from(number).ok()).unwrap_or(usual)
}

/// A process and all below it, with how far below. Orphans inside are process 1's children, so that nothing is missed.
fn below(root: i32) -> Vec<(usize, i32)> {
    let mut found = vec![(0, root)];
    let mut next = 0;
    while let Some((depth, pid)) = found.get(next).copied() {
        next += 1;
        // Children belong to the thread that made them.
        for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            found.extend(children.split_ascii_whitespace().filter_map(|child| Some((depth + 1, child.parse().ok()?))));
        }
        if found.len() > MOST {
            break;
        }
    }
    found
}

/// Whether the kernel tells a process's children at all.
pub(crate) fn works() -> bool {
    fs::metadata("/proc/thread-self/children").is_ok()
}

/// Resident pages that are no file's.
fn own_pages(pid: i32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut numbers = statm.split_ascii_whitespace().map(|number| number.parse::<u64>().unwrap_or_default());
    let (resident, shared) = (numbers.nth(1)?, numbers.next()?);
    Some(resident.saturating_sub(shared))
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    /// Of itself and of its dead children.
    ticks: u64,
    threads: u64,
}

/// proc_pid_stat(5); the name stands in parentheses and may hold anything.
fn parse(stat: &[u8]) -> Option<Stat> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let fields: Vec<&str> = std::str::from_utf8(stat.get(end + 1..)?).ok()?.split_ascii_whitespace().collect();
    // The first one here is the state, number 3.
    let number = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<u64>().ok());
    let ticks = [14, 15, 16, 17].into_iter().filter_map(number).sum();
    let is_dead = matches!(fields.first(), Some(&("Z" | "X")));
    Some(Stat { ticks, threads: if is_dead { 0 } else { number(20)? } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_numbers_is_read_behind_the_name() {
        let stat = b"42 (a) b) S 1 42 42 0 -1 4194560 100 0 0 0 3 4 5 6 20 0 7 0 1 2 3";
        assert_eq!(parse(stat), Some(Stat { ticks: 18, threads: 7 }));
        assert_eq!(parse(b"42 (x) Z 1 42 42 0 -1 4194560 100 0 0 0 3 4 5 6 20 0 1 0").unwrap().threads, 0);
        assert_eq!(parse(b"nonsense"), None);
    }

    #[test]
    fn everything_below_is_counted() {
        assert!(works());
        // A shell with two children, seen as bwrap, process 1 and its command would be.
        let mut shell =
            std::process::Command::new("/bin/sh").args(["-c", "(sleep 60 & sleep 60 & wait) & wait"]).spawn().unwrap();
        let pid = i32::try_from(shell.id()).unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while look(pid).processes < 2 && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        let (usage, exact) = (look(pid), exact_memory(pid));
        for (_, pid) in below(pid).into_iter().rev() {
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
        }
        shell.wait().unwrap();
        assert_eq!(usage.processes, 2);
        assert!(usage.memory > 0 && exact > 0);
    }
}
