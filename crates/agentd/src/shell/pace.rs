//! How many commands a principal may start in a minute.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use osmoda_ipc::Fault;
use serde_json::json;

const WINDOW: Duration = Duration::from_secs(60);

/// The starts of the last minute, by account.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<HashMap<u32, VecDeque<Instant>>>);

/// Too many commands.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{per_minute} commands a minute are the most; the next may start in {} s", .wait.as_secs() + 1)]
pub(crate) struct TooFast {
    per_minute: u32,
    wait: Duration,
}

impl From<TooFast> for Fault {
    fn from(error: TooFast) -> Self {
        Self::too_many("rate_limited", error.to_string())
            .with_detail(json!({ "retry_after_secs": error.wait.as_secs() + 1 }))
    }
}

impl Pace {
    /// Counts a start of this account's, or says when it may.
    pub(crate) fn step(&self, uid: u32, per_minute: u32) -> Result<(), TooFast> {
        self.step_at(uid, per_minute, Instant::now())
    }

    fn step_at(&self, uid: u32, per_minute: u32, now: Instant) -> Result<(), TooFast> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let starts = all.entry(uid).or_default();
        while starts.front().is_some_and(|start| now.duration_since(*start) >= WINDOW) {
            starts.pop_front();
        }
        if starts.len() >= per_minute as usize {
            let wait = starts.front().map_or(WINDOW, |oldest| WINDOW - now.duration_since(*oldest));
            return Err(TooFast { per_minute, wait });
        }
        starts.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides_and_each_account_has_its_own() {
        let pace = Pace::default();
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        for n in 0..30 {
            assert_eq!(pace.step_at(1, 30, at(n)), Ok(()), "{n}");
        }
        assert_eq!(pace.step_at(1, 30, at(30)), Err(TooFast { per_minute: 30, wait: Duration::from_secs(30) }));
        assert_eq!(pace.step_at(2, 30, at(30)), Ok(()));
        assert_eq!(pace.step_at(1, 30, at(60)), Ok(()));
        assert!(pace.step_at(1, 30, at(60)).is_err());
        assert!(pace.step_at(3, 0, at(0)).is_err());
    }
}
