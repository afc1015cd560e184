//! Numbers in units that people read.

use std::time::Duration;

/// Bytes in powers of 1024: `3.1 GiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        // What would round to 1024.0 belongs to the next unit.
        if value < 1023.95 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// A span of seconds by its two largest units: `3 d 4 h`.
pub(crate) fn seconds(count: u64) -> String {
    let (days, hours, minutes, rest) = (count / 86_400, count / 3600 % 24, count / 60 % 60, count % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} s"),
        (0, 0, _) => format!("{minutes} min {rest} s"),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// A short time: `12 ms`, `3.4 s`, or as [`seconds`].
pub(crate) fn took(milliseconds: u64) -> String {
    match milliseconds {
        0 => "<1 ms".to_owned(),
        1..1000 => format!("{milliseconds} ms"),
        1000..60_000 => format!("{:.1} s", milliseconds as f64 / 1000.0),
        _ => seconds(milliseconds / 1000),
    }
}

/// How long until, or since: `in 4 min 2 s`, `12 s ago`.
pub(crate) fn relative(now: jiff::Timestamp, then: &str) -> String {
    let Ok(then) = then.parse::<jiff::Timestamp>() else { return then.to_owned() };
    let distance = Duration::from_secs(then.as_second().abs_diff(now.as_second()));
    if then > now {
        format!("in {}", seconds(distance.as_secs()))
    } else {
        format!("{} ago", seconds(distance.as_secs()))
    }
}

/// A share of a whole in per cent; 0 of nothing.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "0 %".to_owned() } else { format!("{:.0} %", part as f64 / whole as f64 * 100.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_powers_of_1024() {
        let table = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (3_328_599_654, "3.1 GiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (count, text) in table {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn spans_are_shown_by_their_two_largest_units() {
        let table = [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min 0 s"),
            (3_599, "59 min 59 s"),
            (3_600, "1 h 0 min"),
            (273_900, "3 d 4 h"),
        ];
        for (count, text) in table {
            assert_eq!(seconds(count), text);
        }
        let table =
            [(0, "<1 ms"), (1, "1 ms"), (999, "999 ms"), (1_000, "1.0 s"), (59_999, "60.0 s"), (61_000, "1 min 1 s")];
        for (count, text) in table {
            assert_eq!(took(count), text);
        }
    }

    #[test]
    fn times_are_shown_from_now() {
        let now: jiff::Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let table = [
            ("2026-01-02T03:08:07.250Z", "in 4 min 2 s"),
            ("2026-01-02T03:04:05Z", "0 s ago"),
            ("2026-01-01T03:04:05Z", "1 d 0 h ago"),
            ("soon", "soon"),
        ];
        for (then, text) in table {
            assert_eq!(relative(now, then), text);
        }
    }

    #[test]
    fn a_share_of_nothing_is_nothing() {
        assert_eq!((percent(1, 3), percent(0, 0)), ("33 %".to_owned(), "0 %".to_owned()));
    }
}
