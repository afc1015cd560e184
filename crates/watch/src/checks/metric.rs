//! CPU, memory or disk is below a bound.

use std::{
    fs,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use nix::sys::statvfs::statvfs;
use osmoda_api::watch::MetricName;
use serde::Deserialize;

use super::Saw;

/// How long the first look at the CPU takes, which has none before to compare with.
const FIRST: Duration = Duration::from_millis(250);

/// What, and the bound.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metric {
    metric: MetricName,
    below: f64,
    path: Option<String>,
    #[serde(skip)]
    before: Mutex<Option<Ticks>>,
}

/// Time of all CPUs, busy and altogether.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticks {
    busy: u64,
    all: u64,
}

impl Metric {
    fn name(&self) -> &'static str {
        match self.metric {
            MetricName::CpuPercent => "cpu_percent",
            MetricName::MemoryPercent => "memory_percent",
            MetricName::DiskPercent => "disk_percent",
        }
    }

    pub(super) fn checked(&self) -> Result<String, String> {
        if !(self.below > 0.0 && self.below <= 100.0) {
            return Err("below is more than 0 and 100 at most".into());
        }
        if self.path.is_some() && self.metric != MetricName::DiskPercent {
            return Err("path belongs to disk_percent".into());
        }
        Ok(self.name().into())
    }

    pub(super) async fn look(&self) -> Saw {
        let measured = match self.metric {
            MetricName::CpuPercent => self.cpu().await,
            MetricName::MemoryPercent => fs::read_to_string("/proc/meminfo").ok().and_then(|text| memory(&text)),
            MetricName::DiskPercent => disk(self.path.as_deref().unwrap_or("/")),
        };
        match measured {
            Some(percent) if percent < self.below => Saw::ok(format!("{} is {percent:.1}", self.name())),
            Some(percent) => Saw::bad(format!("{} is {percent:.1}, not below {}", self.name(), self.below)),
            None => Saw::bad(format!("{} can't be measured", self.name())),
        }
    }

    async fn cpu(&self) -> Option<f64> {
        let known = *self.before.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match known {
            Some(before) => before,
            None => {
                let first = ticks(&fs::read_to_string("/proc/stat").ok()?)?;
                tokio::time::sleep(FIRST).await;
                first
            }
        };
        let now = ticks(&fs::read_to_string("/proc/stat").ok()?)?;
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Some(share(before, now))
    }
}

/// Busy share in percent between two looks.
fn share(before: Ticks, now: Ticks) -> f64 {
    let all = now.all.saturating_sub(before.all);
    if all == 0 { 0.0 } else { now.busy.saturating_sub(before.busy) as f64 * 100.0 / all as f64 }
}

/// The first line of /proc/stat: user nice system idle iowait irq softirq steal; what follows is counted in them.
fn ticks(stat: &str) -> Option<Ticks> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = line.split_whitespace().take(8).map_while(|field| field.parse().ok()).collect();
    let idle = fields.get(3)? + fields.get(4).copied().unwrap_or(0);
    let all = fields.iter().sum();
    Some(Ticks { busy: all - idle, all })
}

fn memory(meminfo: &str) -> Option<f64> {
    let field = |name: &str| -> Option<f64> {
        meminfo.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
    };
    let total = field("MemTotal:")?;
    (total > 0.0).then_some(100.0 - field("MemAvailable:")? * 100.0 / total)
}

fn disk(path: &str) -> Option<f64> {
    let known = statvfs(path).ok()?;
    // As df has it: what is kept for root counts as neither used nor free.
    let used = known.blocks().saturating_sub(known.blocks_free()) as f64;
    let all = used + known.blocks_available() as f64;
    (all > 0.0).then_some(used * 100.0 / all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_numbers_become_percents() {
        let before = ticks("cpu  100 0 100 700 100 0 0 0 5 5\ncpu0 1").unwrap();
        assert_eq!(before, Ticks { busy: 200, all: 1000 });
        let now = ticks("cpu  150 0 150 750 150 0 0 0 5 5").unwrap();
        assert!((share(before, now) - 50.0).abs() < 1e-9);
        assert!(share(now, now).abs() < 1e-9);
        assert!(ticks("").is_none() && ticks("cpu  1 2").is_none());
        let half = memory("MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 250 kB\n").unwrap();
        assert!((half - 75.0).abs() < 1e-9);
        assert!(memory("MemTotal: 0 kB\nMemAvailable: 0 kB").is_none());
        assert!((0.0..=100.0).contains(&disk("/").unwrap()));
    }
}
