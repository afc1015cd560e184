//! Everything that a command started: found by the kernel's links, killed whole, and buried.

use std::{collections::HashMap, fs, io, time::Duration};

use nix::{
    errno::Errno,
    sys::{
        prctl,
        signal::{Signal, kill},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};
use osmoda_ipc::COMMAND_MARK;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Sweeps that `kill_whole` makes at most: what forks faster than it is found is met again.
const SWEEPS: usize = 20;

/// Makes agentd the parent of its commands' orphans (PR_SET_CHILD_SUBREAPER, prctl(2)), so that a process which an
/// agent started can always be told by its ancestry, and buries them when they die.
pub(crate) fn adopt_orphans(stop: CancellationToken) -> io::Result<()> {
    prctl::set_child_subreaper(true)?;
    let mut deaths = signal(SignalKind::child())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = deaths.recv() => {}
                // A death that came while a child of our own was being waited for is met again.
                () = tokio::time::sleep(Duration::from_secs(5)) => {}
            }
            bury_orphans();
        }
    });
    Ok(())
}

/// Buries dead children that nobody of ours waits for.
fn bury_orphans() {
    let own = Pid::this();
    for (pid, stat) in processes() {
        if stat.parent == own.as_raw() && stat.is_dead && !is_awaited(pid) {
            match waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG)) {
                Ok(_) | Err(Errno::ECHILD) => {}
                Err(errno) => warn!(%errno, pid, "an orphan could not be buried"),
            }
        }
    }
}

/// The processes that are waited for by who started them.
static AWAITED: std::sync::Mutex<Vec<i32>> = std::sync::Mutex::new(Vec::new());

fn awaited() -> std::sync::MutexGuard<'static, Vec<i32>> {
    AWAITED.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn is_awaited(pid: i32) -> bool {
    awaited().contains(&pid)
}

/// Keeps a process from being buried by anybody but who waits for it.
#[derive(Debug)]
pub(crate) struct Awaited(i32);

impl Awaited {
    /// Starts a process and notes it, so that no burial can come between the two.
    pub(crate) fn start<C>(
        start: impl FnOnce() -> io::Result<C>,
        pid: impl FnOnce(&C) -> Option<u32>,
    ) -> io::Result<(C, Self)> {
        let mut all = awaited();
        let child = start()?;
        let pid = pid(&child).and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
        all.push(pid);
        Ok((child, Self(pid)))
    }

    pub(crate) fn pid(&self) -> i32 {
        self.0
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let mut all = awaited();
        if let Some(place) = all.iter().position(|pid| *pid == self.0) {
            all.swap_remove(place);
        }
    }
}

/// Kills the leader, its group, its session, its descendants and whatever bears its mark.
pub(crate) fn kill_whole(leader: i32, mark: &str) {
    for _ in 0..SWEEPS {
        let members = members(leader, mark);
        if members.is_empty() {
            return;
        }
        for pid in members {
            // Gone meanwhile is what is wanted.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        std::thread::yield_now();
    }
    warn!(leader, "a killed command still has processes");
}

fn members(leader: i32, mark: &str) -> Vec<i32> {
    let all = processes();
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let marked = format!("{COMMAND_MARK}={mark}\0");
    let descends = |mut pid: i32| {
        for _ in 0..64 {
            match all.get(&pid) {
                Some(stat) if stat.parent == leader => return true,
                Some(stat) if stat.parent > 1 => pid = stat.parent,
                _ => return false,
            }
        }
        false
    };
    let bears_mark = |pid: i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(marked.len()).any(|window| window == marked.as_bytes())
    };
    let is_member = |pid: i32, stat: &Stat| {
        pid == leader || stat.group == leader || stat.session == leader || descends(pid) || bears_mark(pid)
    };
    all.iter()
        .filter(|(pid, stat)| **pid != own && !stat.is_dead && is_member(**pid, stat))
        .map(|(pid, _)| *pid)
        .collect()
}

/// What /proc/PID/stat says of a process (proc_pid_stat(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: i32,
    group: i32,
    session: i32,
    is_dead: bool,
}

fn processes() -> HashMap<i32, Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return HashMap::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: i32| Some((pid, parse_stat(&fs::read(format!("/proc/{pid}/stat")).ok()?)?))).collect()
}

fn parse_stat(stat: &[u8]) -> Option<Stat> {
    // The name stands in parentheses and may hold anything, also `)`.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = std::str::from_utf8(stat.get(end + 1..)?).ok()?.split_ascii_whitespace();
    let state = fields.next()?;
    let mut number = || fields.next()?.parse().ok();
    Some(Stat { parent: number()?, group: number()?, session: number()?, is_dead: matches!(state, "Z" | "X") })
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_name_that_looks_like_fields_does_not_mislead() {
        let stat = parse_stat(b"42 (a) Z 1 2) S 7 42 41 0 -1").unwrap();
        assert_eq!(stat, Stat { parent: 7, group: 42, session: 41, is_dead: false });
        assert!(parse_stat(b"42 (x) Z 7 42 41 0").unwrap().is_dead);
        assert_eq!(parse_stat(b"42 x"), None);
    }

    #[test]
    fn what_left_its_group_its_session_and_its_parent_is_killed_by_its_mark() {
        let mark = format!("req_{}", ulid::Ulid::generate());
        // The shell ends at once; the sleeper is an orphan in a session of its own.
        let output = Command::new("/bin/sh")
            .arg("-c")
            .arg("setsid sleep 300 >/dev/null 2>&1 & echo $!")
            .env(COMMAND_MARK, &mark)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let sleeper: i32 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        assert!(processes().contains_key(&sleeper));
        kill_whole(i32::MAX, &mark);
        for _ in 0..200 {
            if processes().get(&sleeper).is_none_or(|stat| stat.is_dead) {
                return;
            }
            std::thread::yield_now();
        }
        panic!("the sleeper lives");
    }
}
