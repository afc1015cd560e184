//! Hours in which nobody is told.

use jiff::civil::Time;
use osmoda_api::watch::QuietHours;

/// A span of a day; over midnight where it ends before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quiet {
    from: Time,
    to: Time,
}

impl Quiet {
    pub(super) fn new(hours: &QuietHours) -> Result<Self, String> {
        let time = |text: &str| {
            let wrong = || format!("{text:?} is no time such as 22:00");
            if text.len() != 5 { Err(wrong()) } else { Time::strptime("%H:%M", text).map_err(|_| wrong()) }
        };
        let quiet = Self { from: time(&hours.from)?, to: time(&hours.to)? };
        if quiet.from == quiet.to { Err("quiet hours end when they begin".into()) } else { Ok(quiet) }
    }

    pub(super) fn holds(&self, now: Time) -> bool {
        if self.from < self.to { self.from <= now && now < self.to } else { now >= self.from || now < self.to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_may_go_over_midnight() {
        let quiet = |from: &str, to: &str| Quiet::new(&QuietHours { from: from.into(), to: to.into() });
        let time = |text: &str| Time::strptime("%H:%M", text).unwrap();
        for (from, to, now, holds) in [
            ("22:00", "07:00", "23:30", true),
            ("22:00", "07:00", "06:59", true),
            ("22:00", "07:00", "07:00", false),
            ("22:00", "07:00", "12:00", false),
            ("12:00", "13:00", "12:00", true),
            ("12:00", "13:00", "13:00", false),
        ] {
            assert_eq!(quiet(from, to).unwrap().holds(time(now)), holds, "{from}-{to} {now}");
        }
        for (from, to) in [("22:00", "22:00"), ("24:00", "07:00"), ("x", "07:00"), ("7:00", "08:00")] {
            assert!(quiet(from, to).is_err(), "{from}-{to}");
        }
    }
}
