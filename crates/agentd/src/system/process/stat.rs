//! /proc/PID/stat: a process's name, state and counters.

use crate::system::text;

/// What /proc/PID/stat tells, in the kernel's own units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// The name; 15 bytes at most for a program, a little more for a kernel thread.
    pub(crate) name: String,
    pub(crate) state: char,
    pub(crate) parent: i32,
    /// Time spent on a core, in clock ticks.
    pub(crate) cpu_ticks: u64,
    pub(crate) threads: u32,
    /// Clock ticks after boot.
    pub(crate) started_ticks: u64,
    pub(crate) resident_pages: u64,
}

impl Stat {
    /// `PID (NAME) STATE PPID …`, see proc_pid_stat(5). The name may hold anything, so that only the last parenthesis
    /// ends it.
    pub(super) fn parse(stat: &[u8]) -> Option<Self> {
        let open = stat.iter().position(|byte| *byte == b'(')?;
        let close = stat.iter().rposition(|byte| *byte == b')').filter(|close| *close > open)?;
        // Numbered from 3 in the manual: 3 is the state.
        let rest: Vec<&[u8]> = text::fields(&stat[close + 1..]).take(22).collect();
        let field = |number: usize| rest.get(number - 3).copied();
        let ticks = |number: usize| field(number).and_then(text::number::<u64>);
        Some(Self {
            name: text::lossy(&stat[open + 1..close], 64),
            state: char::from(*field(3)?.first()?),
            parent: text::number(field(4)?)?,
            cpu_ticks: ticks(14)?.saturating_add(ticks(15)?),
            threads: text::number(field(20)?)?,
            started_ticks: ticks(22)?,
            // Negative for a moment while counters of several cores are not yet added up.
            resident_pages: u64::try_from(text::number::<i64>(field(24)?)?).unwrap_or(0),
        })
    }

    /// The state in words.
    pub(crate) fn state_name(&self) -> &'static str {
        match self.state {
            'R' => "running",
            'S' => "sleeping",
            'D' => "uninterruptible",
            'T' => "stopped",
            't' => "traced",
            'Z' => "zombie",
            'X' | 'x' => "dead",
            'I' => "idle",
            'P' => "parked",
            _ => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = "S 1 2 3 0 -1 4194560 10 0 0 0 150 50 7 8 20 0 4 0 12345 2500000 640 18446744073709551615 1 1 0";

    #[test]
    fn any_name_is_read_whole() {
        for (raw, name) in [
            (&b"bash"[..], "bash"),
            (b"a b", "a b"),
            (b"a) R 1 (b", "a) R 1 (b"),
            (b")", ")"),
            (b"((", "(("),
            (b"a\nb", "a\nb"),
            (b"", ""),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            (b"kworker/u8:2-events_unbound", "kworker/u8:2-events_unbound"),
        ] {
            let stat = Stat::parse(&[b"42 (", raw, b") ", REST.as_bytes(), b"\n"].concat()).unwrap();
            assert_eq!(stat.name, name);
            assert_eq!((stat.state, stat.parent, stat.cpu_ticks, stat.threads), ('S', 1, 200, 4), "{name:?}");
            assert_eq!((stat.started_ticks, stat.resident_pages), (12345, 640), "{name:?}");
        }
    }

    #[test]
    fn what_is_cut_or_no_stat_is_refused() {
        for text in ["", "1", "1 (a", "1 a)", ")(", "1 (a)", "1 (a) S", "1 (a) S 1 2 3", "1 (a) S x"] {
            assert_eq!(Stat::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_negative_size_counts_as_none() {
        let text = format!("1 (a) {}", REST.replace(" 640 ", " -3 "));
        assert_eq!(Stat::parse(text.as_bytes()).unwrap().resident_pages, 0);
    }
}
