//! A process that is not our child, and whether it is still there.

use std::fs;

/// A process, told from a later one with the same number by when it was born.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pid: i32,
    /// Clock ticks since boot.
    born: u64,
}

impl Process {
    /// The living process of this number.
    pub(super) fn of(pid: i32) -> Option<Self> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        born(&stat).map(|born| Self { pid, born })
    }

    /// Whether it lives. One that only waits for its parent to ask how it ended does not.
    pub(super) fn lives(self) -> bool {
        Self::of(self.pid) == Some(self)
    }
}

/// When the process was born, by its `/proc/PID/stat` (proc_pid_stat(5)); nothing where it has ended.
fn born(stat: &[u8]) -> Option<u64> {
    // The command's name stands in parentheses and may hold anything, also `)`.
    let after_name = stat.iter().rposition(|b| *b == b')')?;
    let mut fields = std::str::from_utf8(stat.get(after_name + 1..)?).ok()?.split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        // The state is field 3, the time of birth field 22.
        _ => fields.nth(22 - 4)?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_number_and_birth_and_a_dead_one_is_none() {
        let rest = "1 2 3 0 -1 4194560 5 6 7 8 9 10 11 12 20 0 1 0 4711 99 98";
        let table = [
            (format!("7 (agentd) S {rest}"), Some(4711)),
            (format!("7 (a) Z (b) R {rest}"), Some(4711)),
            (format!("7 (agentd) Z {rest}"), None),
            ("7 (agentd) S 1 2".to_owned(), None),
            (String::new(), None),
        ];
        for (stat, expected) in table {
            assert_eq!(born(stat.as_bytes()), expected, "{stat}");
        }
    }

    #[test]
    fn this_process_lives_and_one_born_at_another_time_does_not() {
        let this = Process::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(this.lives());
        assert!(!Process { born: this.born + 1, ..this }.lives());
    }
}
