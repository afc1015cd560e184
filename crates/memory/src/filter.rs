//! What a recall is narrowed to: kind, category, tags and a time.

use jiff::{Span, Timestamp, Zoned, civil::Date, tz::TimeZone};
use osmoda_api::agentd::{MemoryKind, MemoryQuery};

use crate::{MemoryError, note};

/// The filters of a recall; empty ones let everything pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Filter {
    pub(crate) kind: Option<&'static str>,
    pub(crate) category: Option<String>,
    pub(crate) tags: Vec<String>,
    /// Milliseconds since 1970, included.
    pub(crate) from: Option<i64>,
    /// Milliseconds since 1970, excluded.
    pub(crate) until: Option<i64>,
}

/// What a row is, as the indexes name it.
pub(crate) const fn kind_name(kind: MemoryKind) -> &'static str {
    match kind {
        MemoryKind::Memory => "memory",
        MemoryKind::Document => "document",
    }
}

impl Filter {
    pub(crate) fn of(query: &MemoryQuery, now: &Zoned) -> Result<Self, MemoryError> {
        let (from, until) = match query.timeframe.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => timeframe(text, now).ok_or_else(|| {
                let why = "is none of: 24h, 7d, 4w, 3mo, 1y, today, yesterday, 2026, 2026-11, 2026-11-22, FROM..UNTIL";
                MemoryError::field("timeframe", why)
            })?,
            None => (None, None),
        };
        Ok(Self {
            kind: query.kind.map(kind_name),
            category: query.category.clone().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
            tags: note::tags(query.tags.clone())?,
            from,
            until,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn passes(&self, kind: &str, time: i64, category: Option<&str>, tags: &[String]) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
            && self.category.as_deref().is_none_or(|wanted| category == Some(wanted))
            && self.tags.iter().all(|wanted| tags.contains(wanted))
            && self.from.is_none_or(|from| time >= from)
            && self.until.is_none_or(|until| time < until)
    }
}

type Times = (Option<i64>, Option<i64>);

fn timeframe(text: &str, now: &Zoned) -> Option<Times> {
    if let Some((from, until)) = text.split_once("..") {
        let edge = |text: &str, last: bool| match text.trim() {
            "" => Some(None),
            text => moment(text, now, last).map(Some),
        };
        let (from, until) = (edge(from, false)?, edge(until, true)?);
        return (from.is_some() || until.is_some()).then_some((from, until));
    }
    let today = now.date();
    match text {
        "today" => Some((start(today, now), start(today.tomorrow().ok()?, now))),
        "yesterday" => Some((start(today.yesterday().ok()?, now), start(today, now))),
        _ => match span(text) {
            Some(span) => Some((Some(now.checked_sub(span).ok()?.timestamp().as_millisecond()), None)),
            None => Some((Some(moment(text, now, false)?), Some(moment(text, now, true)?))),
        },
    }
}

/// `7d` and its like.
fn span(text: &str) -> Option<Span> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: i64 = digits.trim().parse().ok().filter(|number| (1..=10_000).contains(number))?;
    match text[digits.len()..].to_ascii_lowercase().as_str() {
        "m" | "min" => Some(Span::new().minutes(number)),
        "h" => Some(Span::new().hours(number)),
        "d" => Some(Span::new().days(number)),
        "w" => Some(Span::new().weeks(number)),
        "mo" => Some(Span::new().months(number)),
        "y" => Some(Span::new().try_years(number).ok()?),
        _ => None,
    }
}

/// The beginning of a time, or where it ends: a year, a month, a day, a moment.
fn moment(text: &str, now: &Zoned, last: bool) -> Option<i64> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.as_millisecond());
    }
    let numbers: Vec<i16> = text.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (first, length) = match numbers[..] {
        [year] if text.len() == 4 => (Date::new(year, 1, 1).ok()?, Span::new().years(1)),
        [year, month] => (Date::new(year, i8::try_from(month).ok()?, 1).ok()?, Span::new().months(1)),
        [year, month, day] => {
            (Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?, Span::new().days(1))
        }
        _ => return None,
    };
    start(if last { first.checked_add(length).ok()? } else { first }, now)
}

fn start(day: Date, now: &Zoned) -> Option<i64> {
    let zone: TimeZone = now.time_zone().clone();
    Some(day.to_zoned(zone).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now: Zoned = "2026-11-22T12:00:00+00:00[UTC]".parse().unwrap();
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap().as_millisecond());
        for (text, from, until) in [
            ("24h", at("2026-11-21T12:00:00Z"), None),
            ("7d", at("2026-11-15T12:00:00Z"), None),
            ("1y", at("2025-11-22T12:00:00Z"), None),
            ("today", at("2026-11-22T00:00:00Z"), at("2026-11-23T00:00:00Z")),
            ("yesterday", at("2026-11-21T00:00:00Z"), at("2026-11-22T00:00:00Z")),
            ("2025", at("2025-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z")),
            ("2026-02", at("2026-02-01T00:00:00Z"), at("2026-03-01T00:00:00Z")),
            ("2026-11-01..2026-11-08", at("2026-11-01T00:00:00Z"), at("2026-11-09T00:00:00Z")),
            ("..2026-01", None, at("2026-02-01T00:00:00Z")),
            ("2026-11-01T10:00:00Z..", at("2026-11-01T10:00:00Z"), None),
        ] {
            assert_eq!(timeframe(text, &now), Some((from, until)), "{text}");
        }
        for text in [
            "",
            "..",
            "x",
            "0d",
            "d",
            "-3d",
            "2026-13",
            "2026-02-30",
            "99999999999999d",
            "7 parsecs",
            "..x",
            "\u{661}d",
        ] {
            assert_eq!(timeframe(text, &now), None, "{text:?}");
        }
    }
}
