//! Timers: what they start, when they did, and when they will.

use crate::{
    SystemdError,
    bus::{Bus, number, text},
};

/// The most timers that are told.
const MOST: usize = 1000;

/// A timer that is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Its name.
    pub name: String,
    /// The unit that it starts.
    pub starts: Option<String>,
    /// `active`, `inactive` ...
    pub active: String,
    /// `waiting`, `elapsed` ...
    pub sub: String,
    /// When it starts it next by the wall clock, in microseconds since 1970.
    pub next_usec: Option<u64>,
    /// When it starts it next by the clock since boot, in microseconds.
    pub next_since_boot_usec: Option<u64>,
    /// When it last did, in microseconds since 1970.
    pub last_usec: Option<u64>,
}

impl Bus {
    /// Every timer that is loaded.
    pub async fn timers(&self) -> Result<Vec<Timer>, SystemdError> {
        let units = self.units().await?;
        let mut timers = Vec::new();
        for unit in units.into_iter().filter(|unit| unit.name.ends_with(".timer")).take(MOST) {
            let path = self.path(&unit.name).await?;
            let own = self.properties(&path, "Timer").await?;
            let time = |name| number(&own, name).filter(|usec| *usec > 0);
            timers.push(Timer {
                name: unit.name,
                starts: text(&own, "Unit"),
                active: unit.active,
                sub: unit.sub,
                next_usec: time("NextElapseUSecRealtime"),
                next_since_boot_usec: time("NextElapseUSecMonotonic"),
                last_usec: time("LastTriggerUSec"),
            });
        }
        Ok(timers)
    }
}
