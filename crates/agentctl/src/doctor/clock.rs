//! Whether the clock can be believed: approvals expire by it, and every event bears its time.

use jiff::{Timestamp, civil::date, tz::TimeZone};

use super::{Finding, Patient, output_of};

const CHECK: &str = "clock";

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let synchronised = if patient.path("/run/systemd/system").is_dir() {
        output_of("timedatectl", &["show", "--property=NTPSynchronized", "--value"]).await
    } else {
        None
    };
    vec![judge(Timestamp::now(), synchronised.as_deref().map(str::trim))]
}

fn judge(now: Timestamp, synchronised: Option<&str>) -> Finding {
    // No machine that runs this version has an earlier day.
    let year = date(2026, 1, 1).to_zoned(TimeZone::UTC).map(|day| day.timestamp());
    if year.is_ok_and(|earliest| now < earliest) {
        return Finding::bad(CHECK, format!("the clock says {now}"), "timedatectl set-ntp true");
    }
    match synchronised {
        Some("yes") => Finding::good(CHECK, "it is kept by the network's time"),
        Some(_) => Finding::care(
            CHECK,
            "nobody keeps it by the network's time",
            "timedatectl set-ntp true (Debian's package: systemd-timesyncd), where the host does not keep it",
        ),
        None => Finding::care(CHECK, "whether it is kept can't be told here", "compare it by hand: date --utc"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Standing, *};

    #[test]
    fn a_clock_is_good_where_it_is_kept_and_bad_where_it_is_impossible() {
        let now: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        let past: Timestamp = "1970-01-01T00:01:00Z".parse().unwrap();
        let table = [
            (now, Some("yes"), Standing::Good),
            (now, Some("no"), Standing::Care),
            (now, Some(""), Standing::Care),
            (now, None, Standing::Care),
            (past, Some("yes"), Standing::Bad),
        ];
        for (time, synchronised, standing) in table {
            assert_eq!(judge(time, synchronised).standing, standing, "{time} {synchronised:?}");
        }
    }
}
