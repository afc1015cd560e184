//! A unit's journal has no new errors: none since the check was made, then none since the look before.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use osmoda_systemd::unit_name;
use serde::Deserialize;
use serde_json::Value;

use super::Saw;
use crate::run::output;

/// syslog's priorities (journalctl(1)).
const PRIORITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// Which unit, and what counts as an error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JournalCheck {
    unit: String,
    priority: Option<String>,
    #[serde(skip, default = "now")]
    since: Mutex<i64>,
}

fn now() -> Mutex<i64> {
    Mutex::new(Timestamp::now().as_microsecond())
}

impl JournalCheck {
    pub(super) fn checked(&self) -> Result<String, String> {
        if let Some(priority) = self.priority.as_ref().filter(|priority| !PRIORITIES.contains(&priority.as_str())) {
            return Err(format!("{priority:?} is none of {}", PRIORITIES.join(", ")));
        }
        unit_name(&self.unit).map_err(|error| error.to_string())
    }

    pub(super) fn checked_unit(&self) -> Option<String> {
        unit_name(&self.unit).ok()
    }

    pub(super) async fn look(&self, timeout: Duration) -> Saw {
        let Ok(unit) = self.checked() else { return Saw::bad("no unit's name") };
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let looked_at = Timestamp::now().as_microsecond();
        let (unit, priority) = (format!("--unit={unit}"), self.priority.as_deref().unwrap_or("err"));
        let (seconds, rest) = (since.div_euclid(1_000_000), since.rem_euclid(1_000_000));
        let (since_at, priority) = (format!("--since=@{seconds}.{rest:06}"), format!("--priority={priority}"));
        let argv = ["journalctl", "--no-pager", "--quiet", "--output=json", "--lines=1", &unit, &since_at, &priority];
        match output(&argv, timeout).await {
            Ok(text) => {
                *self.since.lock().unwrap_or_else(PoisonError::into_inner) = looked_at;
                match text.lines().next() {
                    None => Saw::ok("no new errors"),
                    Some(entry) => Saw::bad(format!("new errors, such as: {}", message(entry))),
                }
            }
            Err(error) => Saw::bad(error.to_string()),
        }
    }
}

fn message(entry: &str) -> String {
    let entry: Value = serde_json::from_str(entry).unwrap_or_default();
    entry.get("MESSAGE").and_then(Value::as_str).unwrap_or("an entry that is no text").to_owned()
}
