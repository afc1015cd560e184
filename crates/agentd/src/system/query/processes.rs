//! Running processes.

use std::collections::HashMap;

use jiff::Timestamp;
use nix::unistd::{SysconfVar, sysconf};

use super::record::record;
use crate::system::{
    SystemError, accounts, health,
    process::{self, Process, Stat},
    text,
};

record! {
    /// A process.
    Row {
        pid: i32,
        ppid: i32,
        name: String,
        /// Arguments joined by blanks; null for a kernel thread.
        command_line: Option<String>,
        user: Option<String>,
        uid: Option<u32>,
        state: &'static str,
        /// Share of one core over the process's life, in percent.
        cpu_percent: f64,
        cpu_seconds: f64,
        rss_bytes: u64,
        threads: u32,
        started_at: Option<String>,
    }
}

pub(super) fn rows() -> Result<Vec<Row>, SystemError> {
    let clock = Clock::now()?;
    let users = accounts::names();
    let processes = process::pids()?.into_iter().filter_map(Process::open);
    Ok(processes.filter_map(|process| row(&process, &clock, &users)).collect())
}

/// None where the process ended meanwhile.
fn row(process: &Process, clock: &Clock, users: &HashMap<u32, String>) -> Option<Row> {
    let stat = process.stat()?;
    let uid = process.uid();
    Some(Row {
        pid: process.pid(),
        ppid: stat.parent,
        command_line: process.command_line(),
        user: uid.and_then(|uid| users.get(&uid).cloned()),
        uid,
        state: stat.state_name(),
        cpu_percent: clock.cpu_percent(&stat),
        cpu_seconds: clock.seconds(stat.cpu_ticks),
        rss_bytes: stat.resident_pages.saturating_mul(clock.page_bytes),
        threads: stat.threads,
        started_at: clock.started_at(&stat),
        name: stat.name,
    })
}

/// What turns the kernel's units into those of people.
struct Clock {
    ticks_per_second: f64,
    page_bytes: u64,
    /// Seconds since the epoch.
    booted_at: i64,
    /// Seconds since boot.
    uptime: f64,
}

impl Clock {
    fn now() -> Result<Self, SystemError> {
        let setting = |setting, fallback: u32| {
            let told = sysconf(setting).ok().flatten().and_then(|told| u32::try_from(told).ok());
            told.filter(|told| *told > 0).unwrap_or(fallback)
        };
        Ok(Self {
            ticks_per_second: setting(SysconfVar::CLK_TCK, 100).into(),
            page_bytes: setting(SysconfVar::PAGE_SIZE, 4096).into(),
            booted_at: booted_at()?,
            uptime: health::uptime()?,
        })
    }

    fn seconds(&self, ticks: u64) -> f64 {
        ticks as f64 / self.ticks_per_second
    }

    fn cpu_percent(&self, stat: &Stat) -> f64 {
        // A process younger than a tick has lived for one.
        let lived = (self.uptime - self.seconds(stat.started_ticks)).max(1.0 / self.ticks_per_second);
        self.seconds(stat.cpu_ticks) / lived * 100.0
    }

    fn started_at(&self, stat: &Stat) -> Option<String> {
        rfc3339(self.booted_at.saturating_add(self.seconds(stat.started_ticks) as i64))
    }
}

/// When the machine booted, in seconds since the epoch.
pub(super) fn booted_at() -> Result<i64, SystemError> {
    const SOURCE: &str = "/proc/stat";
    let stat = text::read(SOURCE)?;
    let told = text::lines(&stat).find_map(|line| text::number(line.strip_prefix(b"btime ")?));
    told.ok_or_else(|| SystemError::malformed(SOURCE))
}

/// Seconds since the epoch as RFC 3339 tells them, in UTC.
pub(super) fn rfc3339(seconds: i64) -> Option<String> {
    Timestamp::from_second(seconds).ok().map(|at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_pages_become_seconds_and_moments() {
        let clock = Clock { ticks_per_second: 100.0, page_bytes: 4096, booted_at: 1_700_000_000, uptime: 100.0 };
        let stat = |started_ticks, cpu_ticks| Stat {
            name: String::new(),
            state: 'S',
            parent: 1,
            cpu_ticks,
            threads: 1,
            started_ticks,
            resident_pages: 1,
        };
        for (started, cpu, percent, at) in [
            (5000, 2500, 50.0, "2023-11-14T22:14:10Z"),
            (0, 0, 0.0, "2023-11-14T22:13:20Z"),
            (10_000, 0, 0.0, "2023-11-14T22:15:00Z"),
            (10_001, 1, 100.0, "2023-11-14T22:15:00Z"),
        ] {
            let stat = stat(started, cpu);
            assert!((clock.cpu_percent(&stat) - percent).abs() < 1e-9, "{started} {cpu}");
            assert_eq!(clock.started_at(&stat).as_deref(), Some(at));
        }
        assert_eq!(clock.started_at(&stat(u64::MAX, 0)), None);
    }
}
