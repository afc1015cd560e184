//! Follows what systemd tells of its units: watchers of one look the moment it changes. Every few seconds all units are
//! asked for at once, in case something was missed.

use std::{collections::HashMap, sync::Arc, time::Duration};

use osmoda_systemd::{Bus, Changes, SystemdError};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::Watchers;

/// How often all units are asked for.
const ALL: Duration = Duration::from_secs(5);
/// How long a bus that is away is left alone.
const AWAY: Duration = Duration::from_secs(2);

/// Follows until it is stopped; there is nothing to follow where there is no systemd.
pub(super) async fn follow(watchers: Arc<Watchers>, stop: CancellationToken) {
    if !osmoda_systemd::is_here() {
        return;
    }
    loop {
        let following = async {
            let bus = Bus::connect().await?;
            let changes = bus.changes().await?;
            hear(&watchers, &bus, changes).await
        };
        let ended: Result<(), SystemdError> = tokio::select! {
            () = stop.cancelled() => return,
            ended = following => ended,
        };
        watchers.switches.eyes().units.forget();
        info!(why = ended.err().map(|error| error.to_string()), "systemd's events are followed anew");
        tokio::time::sleep(AWAY).await;
    }
}

async fn hear(watchers: &Watchers, bus: &Bus, mut changes: Changes) -> Result<(), SystemdError> {
    let units = &watchers.switches.eyes().units;
    let mut ticks = tokio::time::interval(ALL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // What changed comes before what was asked for.
            biased;
            change = changes.next() => {
                let Some(change) = change else { return Ok(()) };
                let Some(unit) = unit_of(&change.path) else { continue };
                units.told(&unit, &change.active);
                watchers.wake_those_of(&unit);
            }
            _ = ticks.tick(), if watchers.has_units() => {
                let all = bus.units().await?;
                units.replace(all.into_iter().map(|unit| (unit.name, unit.active)).collect::<HashMap<_, _>>());
            }
        }
    }
}

impl Watchers {
    fn has_units(&self) -> bool {
        self.lock().values().any(|running| running.spec.probe.unit().is_some())
    }

    fn wake_those_of(&self, unit: &str) {
        for running in self.lock().values() {
            if running.spec.probe.unit().as_deref() == Some(unit) {
                running.wake.notify_one();
            }
        }
    }
}

/// The unit of a path on the bus, where every byte that is no letter or digit is written as `_` and two hex digits.
fn unit_of(path: &str) -> Option<String> {
    let label = path.rsplit_once('/')?.1.as_bytes();
    let mut name = Vec::with_capacity(label.len());
    let mut rest = label.iter();
    while let Some(byte) = rest.next() {
        if *byte != b'_' {
            name.push(*byte);
            continue;
        }
        let pair = [*rest.next()?, *rest.next()?];
        name.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
    }
    String::from_utf8(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_on_the_bus_is_a_units_name() {
        let of = |label: &str| unit_of(&format!("/org/freedesktop/systemd1/unit/{label}"));
        assert_eq!(of("nginx_2eservice").unwrap(), "nginx.service");
        assert_eq!(of("getty_40tty1_2eservice").unwrap(), "getty@tty1.service");
        assert_eq!(of("dev_2ddisk_2dby_5cx2duuid_2eswap").unwrap(), "dev-disk-by\\x2duuid.swap");
        assert_eq!(of("a_2"), None);
        assert_eq!(of("a_zz"), None);
    }
}
