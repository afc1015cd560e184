//! What was spent by one rule of one asset: in the last hour, in the last day, and ever.

use std::collections::VecDeque;

use alloy_primitives::U256;

use crate::policy::Span;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Sums that are kept while time passes.
#[derive(Debug, Default)]
pub(super) struct Spent {
    hour: Window,
    day: Window,
    ever: U256,
}

#[derive(Debug, Default)]
struct Window {
    entries: VecDeque<(i64, U256)>,
    sum: U256,
}

impl Window {
    /// Forgets what is older than the window. What lies in the future, after a clock was set back, still counts.
    fn pass(&mut self, now: i64, length: i64) {
        while let Some((at, amount)) = self.entries.front().copied() {
            if at > now.saturating_sub(length) {
                return;
            }
            self.entries.pop_front();
            self.sum = self.sum.saturating_sub(amount);
        }
    }

    fn add(&mut self, at: i64, amount: U256) {
        self.entries.push_back((at, amount));
        self.sum = self.sum.saturating_add(amount);
    }

    fn take_back(&mut self, at: i64, amount: U256) {
        if let Some(place) = self.entries.iter().rposition(|entry| *entry == (at, amount)) {
            self.entries.remove(place);
            self.sum = self.sum.saturating_sub(amount);
        }
    }
}

impl Spent {
    pub(super) fn in_span(&mut self, span: Span, now: i64) -> U256 {
        match span {
            Span::Hour => {
                self.hour.pass(now, HOUR);
                self.hour.sum
            }
            Span::Day => {
                self.day.pass(now, DAY);
                self.day.sum
            }
            Span::Ever => self.ever,
        }
    }

    pub(super) fn add(&mut self, at: i64, amount: U256) {
        if amount.is_zero() {
            return;
        }
        self.hour.add(at, amount);
        self.day.add(at, amount);
        self.ever = self.ever.saturating_add(amount);
    }

    pub(super) fn take_back(&mut self, at: i64, amount: U256) {
        self.hour.take_back(at, amount);
        self.day.take_back(at, amount);
        self.ever = self.ever.saturating_sub(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_slide_and_the_whole_stays() {
        let mut spent = Spent::default();
        let mut sums = |at: i64| [Span::Hour, Span::Day, Span::Ever].map(|span| spent.in_span(span, at).to::<u64>());
        assert_eq!(sums(0), [0, 0, 0]);
        spent.add(0, U256::from(5));
        spent.add(HOUR / 2, U256::from(3));
        let mut sums = |at: i64| [Span::Hour, Span::Day, Span::Ever].map(|span| spent.in_span(span, at).to::<u64>());
        assert_eq!(sums(HOUR - 1), [8, 8, 8]);
        assert_eq!(sums(HOUR), [3, 8, 8]);
        assert_eq!(sums(-DAY), [3, 8, 8], "a clock set back forgets nothing");
        assert_eq!(sums(DAY), [0, 3, 8]);
        spent.take_back(HOUR / 2, U256::from(3));
        assert_eq!(spent.in_span(Span::Day, DAY), U256::ZERO);
    }
}
