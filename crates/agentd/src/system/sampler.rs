//! CPU use, measured in the background so that asking for it costs nothing.

use std::time::Duration;

use tokio::{sync::watch, time};
use tokio_util::sync::CancellationToken;

use super::{SystemError, text};

const SOURCE: &str = "/proc/stat";
/// The first measurement doesn't let anybody wait for a whole second.
const FIRST: Duration = Duration::from_millis(100);
const INTERVAL: Duration = Duration::from_secs(1);

/// Measures CPU use once a second.
#[derive(Clone, Debug)]
pub struct Sampler {
    reading: watch::Receiver<Reading>,
}

/// CPU use over the last interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usage {
    /// Share of all cores in use, 0 to 100.
    pub(super) percent: f64,
    /// Cores online.
    pub(super) cores: u32,
}

/// The last time counters, and the use between them and those before.
#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    ticks: Ticks,
    percent: Option<f64>,
}

/// Time since boot that all cores together spent, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ticks {
    idle: u64,
    total: u64,
    cores: u32,
}

impl Sampler {
    /// Measures once a second until `stop` is cancelled. Must be called inside a tokio runtime.
    pub fn start(stop: CancellationToken) -> Self {
        let first = Reading { ticks: Ticks::now().unwrap_or_default(), percent: None };
        let (sender, reading) = watch::channel(first);
        tokio::spawn(async move {
            stop.run_until_cancelled(sample(sender)).await;
        });
        Self { reading }
    }

    /// CPU use over the last second. Before the first measurement (100 ms) it is what has been used since the start, or
    /// since boot where not one tick has passed: measured in either case.
    pub(super) fn usage(&self) -> Result<Usage, SystemError> {
        let Reading { ticks, percent } = *self.reading.borrow();
        if let Some(percent) = percent {
            return Ok(Usage { percent, cores: ticks.cores });
        }
        let now = Ticks::now()?;
        let percent = now.percent_since(ticks).or_else(|| now.percent_since(Ticks::default())).unwrap_or_default();
        Ok(Usage { percent, cores: now.cores })
    }
}

/// Measures forever.
async fn sample(sender: watch::Sender<Reading>) {
    let mut pause = FIRST;
    while !sender.is_closed() {
        time::sleep(pause).await;
        match Ticks::now() {
            Ok(ticks) => sender.send_modify(|last| {
                if let Some(percent) = ticks.percent_since(last.ticks) {
                    *last = Reading { ticks, percent: Some(percent) };
                }
            }),
            Err(error) => tracing::warn!(%error, "CPU use can't be measured"),
        }
        pause = INTERVAL;
    }
}

impl Ticks {
    fn now() -> Result<Self, SystemError> {
        Self::parse(&text::read(SOURCE)?).ok_or_else(|| SystemError::malformed(SOURCE))
    }

    fn parse(stat: &[u8]) -> Option<Self> {
        let mut lines = text::lines(stat);
        // user nice system idle iowait irq softirq steal; guest time, which follows, is part of user and nice already.
        let counters: Vec<u64> =
            text::fields(lines.next()?.strip_prefix(b"cpu ")?).take(8).map(text::number).collect::<Option<_>>()?;
        let idle = counters.get(3)? + counters.get(4).unwrap_or(&0);
        let cores = lines.take_while(|line| line.starts_with(b"cpu")).count();
        Some(Self { idle, total: counters.iter().sum(), cores: u32::try_from(cores).ok()? })
    }

    /// None where no time has passed. Counters of idle time may run backwards, which counts as none.
    fn percent_since(self, before: Self) -> Option<f64> {
        let total = self.total.checked_sub(before.total).filter(|total| *total > 0)?;
        let idle = self.idle.saturating_sub(before.idle).min(total);
        // To two places: what is behind them is noise.
        Some(((total - idle) as f64 / total as f64 * 10_000.0).round() / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(stat: &str) -> Ticks {
        Ticks::parse(stat.as_bytes()).unwrap()
    }

    #[test]
    fn counters_are_read_without_counting_guests_twice() {
        let text = "cpu  10 20 30 400 50 6 7 8 9 10\ncpu0 1 2\ncpu1 1 2\nintr 5 0\nctxt 1\nbtime 2\n";
        assert_eq!(ticks(text), Ticks { idle: 450, total: 531, cores: 2 });
        assert_eq!(ticks("cpu 1 2 3 4\n"), Ticks { idle: 4, total: 10, cores: 0 });
    }

    #[test]
    fn what_is_no_stat_file_is_refused() {
        for text in ["", "cpu\n", "cpu  1 2 3\n", "cpu0 1 2 3 4\n", "cpu  1 x 3 4\n", "cpu  1 -2 3 4\n"] {
            assert_eq!(Ticks::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn use_is_what_was_not_idle() {
        let at = |idle, total| Ticks { idle, total, cores: 1 };
        for (before, after, percent) in [
            (at(0, 0), at(25, 100), Some(75.0)),
            (at(100, 100), at(200, 200), Some(0.0)),
            (at(100, 100), at(100, 200), Some(100.0)),
            (at(100, 100), at(90, 200), Some(100.0)),
            (at(0, 100), at(150, 200), Some(0.0)),
            (at(0, 0), at(1, 3), Some(66.67)),
            (at(5, 100), at(5, 100), None),
            (at(5, 100), at(5, 90), None),
        ] {
            assert_eq!(after.percent_since(before), percent, "{before:?} {after:?}");
        }
    }

    #[tokio::test]
    async fn the_first_answer_is_measured_and_later_ones_follow() {
        let stop = CancellationToken::new();
        let mut sampler = Sampler::start(stop.clone());
        let first = sampler.usage().unwrap();
        assert!((0.0..=100.0).contains(&first.percent) && first.cores > 0, "{first:?}");

        sampler.reading.changed().await.unwrap();
        assert!(sampler.reading.borrow_and_update().percent.is_some());
        sampler.reading.changed().await.unwrap();

        stop.cancel();
        assert!(sampler.reading.changed().await.is_err(), "it still measures after the stop");
    }
}
