//! A clock that is never set back: limits a day would be worth nothing with one that is.

use std::time::Instant;

use jiff::Timestamp;

/// Milliseconds since 1970: the system's time at start, and from then on the time that really passed.
#[derive(Debug)]
pub(crate) struct Clock {
    at_start: i64,
    started: Instant,
}

impl Clock {
    /// Starts at the system's time, or at `newest` where that is later: what was already written stays in the past.
    pub(crate) fn start(newest: i64) -> Self {
        Self { at_start: Timestamp::now().as_millisecond().max(newest), started: Instant::now() }
    }

    pub(crate) fn now(&self) -> i64 {
        self.at_start.saturating_add(i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_goes_on_from_what_was_written() {
        let future = Timestamp::now().as_millisecond() + 3_600_000;
        assert!(Clock::start(future).now() >= future);
        assert!(Clock::start(0).now() > future - 3_700_000);
    }
}
