//! Taking turns: short rounds of every contender, one after the other, and what becomes of their times.

use std::{
    fmt,
    time::{Duration, Instant},
};

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    sys::{
        resource::{UsageWho, getrusage},
        time::TimeValLike,
    },
    unistd::Pid,
};

use crate::Failure;

/// Waits.
#[expect(clippy::disallowed_methods, reason = "no runtime is held up here")]
pub(super) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// One round of one contender: times an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    /// The median.
    pub(super) p50: f64,
    /// The mean: all of the round's time, by the number of operations.
    pub(super) mean: f64,
    /// The shortest.
    pub(super) min: f64,
    /// The processor's time, of every thread and process at work.
    pub(super) cpu: f64,
}

impl Round {
    /// Of one time alone.
    pub(super) fn of(time: f64, cpu: f64) -> Self {
        Self { p50: time, mean: time, min: time, cpu }
    }
}

/// What all rounds of a contender say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    pub(super) p50: f64,
    pub(super) min: f64,
    pub(super) cpu: f64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.cpu > 0.0 {
            write!(f, "{} / {} / {}", short(self.p50), short(self.min), short(self.cpu))
        } else {
            f.write_str(&short(self.p50))
        }
    }
}

/// Three digits that matter.
fn short(number: f64) -> String {
    match number {
        n if n >= 100.0 => format!("{n:.0}"),
        n if n >= 10.0 => format!("{n:.1}"),
        n => format!("{n:.2}"),
    }
}

/// The rounds of one contender.
#[derive(Debug, Default)]
pub(super) struct Rounds(Vec<Round>);

impl Rounds {
    pub(super) fn push(&mut self, round: Round) {
        self.0.push(round);
    }

    pub(super) fn figures(&self) -> Figures {
        Figures {
            p50: median(self.0.iter().map(|round| round.p50)),
            min: self.0.iter().map(|round| round.min).fold(f64::INFINITY, f64::min),
            cpu: median(self.0.iter().map(|round| round.cpu)),
        }
    }

    /// The median of each round's ratio to the other's round beside it: what slows the machine for a while slows both.
    pub(super) fn ratio_to(&self, others: &Self) -> f64 {
        median(self.0.iter().zip(&others.0).map(|(ours, other)| ours.p50 / other.p50))
    }

    /// The processor's time of each round, as if it were the round's time.
    pub(super) fn of_cpu(&self) -> Self {
        Self(self.0.iter().map(|round| Round::of(round.cpu, round.cpu)).collect())
    }

    /// The mean of each round, as if it were its median: where pauses for garbage are a part of what is measured.
    pub(super) fn of_mean(&self) -> Self {
        Self(self.0.iter().map(|round| Round { p50: round.mean, ..*round }).collect())
    }

    /// What both take together, round by round.
    pub(super) fn and(&self, others: &Self) -> Self {
        let sum = |(one, other): (&Round, &Round)| Round {
            p50: one.p50 + other.p50,
            mean: one.mean + other.mean,
            min: one.min + other.min,
            cpu: one.cpu + other.cpu,
        };
        Self(self.0.iter().zip(&others.0).map(sum).collect())
    }
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Runs `turn` for each of the `N` contenders in `rounds` rounds after one that does not count.
pub(super) fn alternate<const N: usize>(
    rounds: usize,
    mut turn: impl FnMut(usize) -> Result<Round, Failure>,
) -> Result<[Rounds; N], Failure> {
    let mut all = [(); N].map(|()| Rounds::default());
    for round in 0..=rounds {
        for step in 0..N {
            // The one that begins changes, so that none always follows the same other.
            let contender = (step + round) % N;
            let measured = turn(contender)?;
            if round > 0 {
                all[contender].push(measured);
            }
        }
    }
    Ok(all)
}

/// The times of `count` operations, in microseconds, and what processor they took by `cpu`'s clock.
pub(super) fn each(
    count: usize,
    cpu: impl Fn() -> Result<Duration, Failure>,
    mut operation: impl FnMut() -> Result<(), Failure>,
) -> Result<Round, Failure> {
    let mut times = Vec::with_capacity(count);
    let before = cpu()?;
    let begun = Instant::now();
    for _ in 0..count {
        let started = Instant::now();
        operation()?;
        times.push(micros(started.elapsed()));
    }
    let mean = micros(begun.elapsed()) / count as f64;
    let cpu = micros(cpu()?.saturating_sub(before)) / count as f64;
    let min = times.iter().copied().fold(f64::INFINITY, f64::min);
    Ok(Round { p50: median(times.into_iter()), mean, min, cpu })
}

/// The time of one piece of work that holds `count` operations, as microseconds an operation.
pub(super) fn whole(count: usize, work: impl FnOnce() -> Result<(), Failure>) -> Result<Round, Failure> {
    let before = own_cpu()?;
    let started = Instant::now();
    work()?;
    let time = micros(started.elapsed()) / count as f64;
    let cpu = micros(own_cpu()?.saturating_sub(before)) / count as f64;
    Ok(Round { p50: time, mean: time, min: time, cpu })
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Holds this thread, and the threads and processes that it starts meanwhile, on one core. Where two of them take turns,
/// what is measured is otherwise whether the kernel has put them on one core or on two: a factor of six.
pub(super) struct OneCore(CpuSet);

impl OneCore {
    pub(super) fn hold() -> Result<Self, Failure> {
        let all = sched_getaffinity(Pid::from_raw(0)).map_err(Failure::bench)?;
        let mut one = CpuSet::new();
        let last = (0..CpuSet::count()).rev().find(|core| all.is_set(*core).unwrap_or(false));
        one.set(last.unwrap_or_default()).map_err(Failure::bench)?;
        sched_setaffinity(Pid::from_raw(0), &one).map_err(Failure::bench)?;
        Ok(Self(all))
    }
}

impl Drop for OneCore {
    fn drop(&mut self) {
        let _ = sched_setaffinity(Pid::from_raw(0), &self.0);
    }
}

/// The processor's time of this process.
pub(super) fn own_cpu() -> Result<Duration, Failure> {
    used(UsageWho::RUSAGE_SELF)
}

/// The processor's time of the children that ended.
pub(super) fn children_cpu() -> Result<Duration, Failure> {
    used(UsageWho::RUSAGE_CHILDREN)
}

fn used(who: UsageWho) -> Result<Duration, Failure> {
    let usage = getrusage(who).map_err(Failure::bench)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(u64::try_from(micros).unwrap_or_default()))
}

/// The processor's time of these processes while they live, from `/proc/PID/task/TID/schedstat` (nanoseconds).
pub(super) fn cpu_of(pids: &[u32]) -> Result<Duration, Failure> {
    let mut nanos = 0_u64;
    for pid in pids {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_err(Failure::bench)?;
        for thread in threads {
            // A thread may end between the listing and the reading.
            let text = std::fs::read_to_string(thread.map_err(Failure::bench)?.path().join("schedstat"));
            let ran = text.ok().and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
            nanos += ran.unwrap_or_default();
        }
    }
    Ok(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_ratios() {
        let rounds = |times: &[f64]| {
            let mut rounds = Rounds::default();
            times.iter().for_each(|time| rounds.push(Round::of(*time, 0.0)));
            rounds
        };
        let (ours, peer) = (rounds(&[2.0, 40.0, 6.0]), rounds(&[1.0, 10.0, 3.0]));
        assert_eq!(ours.ratio_to(&peer), 2.0);
        assert_eq!(ours.and(&peer).figures().p50, 9.0);
        assert_eq!(ours.figures().min, 2.0);
    }

    #[test]
    fn contenders_take_turns_and_the_first_round_does_not_count() {
        let mut order = Vec::new();
        let rounds: [Rounds; 2] = alternate(2, |contender| {
            order.push(contender);
            Ok(Round::of(1.0, 1.0))
        })
        .unwrap();
        assert_eq!(order, [0, 1, 1, 0, 0, 1]);
        assert_eq!(rounds.map(|rounds| rounds.0.len()), [2, 2]);
    }
}
