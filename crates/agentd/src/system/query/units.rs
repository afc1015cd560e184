//! systemd's units and timers, which systemd alone can tell, over its D-Bus.

use jiff::Timestamp;
use osmoda_systemd::{Bus, SystemdError};
use tokio::runtime::Handle;

use super::record::record;
use crate::system::SystemError;

record! {
    /// A unit.
    Row {
        name: String,
        description: String,
        load: String,
        active: String,
        sub: String,
    }
}

record! {
    /// A timer.
    TimerRow {
        name: String,
        /// The unit that it starts.
        starts: Option<String>,
        active: String,
        sub: String,
        next: Option<String>,
        /// Seconds since boot, for timers that go by that clock.
        next_uptime_secs: Option<f64>,
        last: Option<String>,
    }
}

/// Asks on the runtime that `handle` is of, from a thread that may block.
pub(super) fn rows(handle: &Handle) -> Result<Vec<Row>, SystemError> {
    let units = handle.block_on(async { Bus::connect().await?.units().await }).map_err(SystemError::from)?;
    let row = |unit: osmoda_systemd::Unit| Row {
        name: unit.name,
        description: unit.description,
        load: unit.load,
        active: unit.active,
        sub: unit.sub,
    };
    Ok(units.into_iter().map(row).collect())
}

/// As [`rows`].
pub(super) fn timers(handle: &Handle) -> Result<Vec<TimerRow>, SystemError> {
    let timers = handle.block_on(async { Bus::connect().await?.timers().await }).map_err(SystemError::from)?;
    let row = |timer: osmoda_systemd::Timer| TimerRow {
        name: timer.name,
        starts: timer.starts,
        active: timer.active,
        sub: timer.sub,
        next: timer.next_usec.and_then(time),
        next_uptime_secs: timer.next_since_boot_usec.map(|usec| usec as f64 / 1e6),
        last: timer.last_usec.and_then(time),
    };
    Ok(timers.into_iter().map(row).collect())
}

impl From<SystemdError> for SystemError {
    fn from(error: SystemdError) -> Self {
        Self::Systemd(error)
    }
}

fn time(usec: u64) -> Option<String> {
    Timestamp::from_microsecond(i64::try_from(usec).ok()?).ok().map(|time| time.to_string())
}
