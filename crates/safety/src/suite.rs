//! The suite's daemons and apps: how they stand, stop them, start them again. By systemd where it runs them, else by
//! their pid files.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use osmoda_api::agentd::{NotDone, Panicked, Restarted, SafetyService};
use osmoda_ipc::daemon::{SUITE, running_pid};
use osmoda_systemd::{Bus, SystemdError, Unit};

use crate::{
    Safety, marks,
    processes::{end, until},
};

/// What goes on whatever happens.
const KEPT: &str = "agentd";
/// How long a unit may take to stop before it is killed, and then to be gone.
const STOP: Duration = Duration::from_secs(8);
/// How long one of the suite may take to be up again.
const START: Duration = Duration::from_secs(15);

/// What stops on its own, and what starts others: those first, or they would.
const KINDS: [&str; 5] = [".timer", ".path", ".socket", ".service", ".scope"];

impl Safety {
    /// How each of the suite stands.
    pub(crate) async fn services(&self) -> Vec<SafetyService> {
        let bus = self.bus().await;
        let units = own_units(bus.as_ref()).await;
        let mut services = Vec::new();
        for unit in units.iter().filter(|unit| unit.name.ends_with(".service") || unit.name.ends_with(".scope")) {
            let state = match &bus {
                Some(bus) => bus.state(&unit.name).await.ok(),
                None => None,
            };
            services.push(SafetyService {
                name: daemon_of(&unit.name).unwrap_or(&unit.name).to_owned(),
                state: unit.active.clone(),
                pid: state.and_then(|state| state.pid),
                unit: Some(unit.name.clone()),
            });
        }
        for daemon in SUITE {
            let pid = running_pid(&self.dirs.pid_file(daemon)).and_then(|pid| u32::try_from(pid).ok());
            let is_told = services.iter().any(|service| service.name == daemon);
            if !is_told && (pid.is_some() || self.dirs.has_socket(daemon)) {
                let state = if pid.is_some() { "active" } else { "inactive" };
                services.push(SafetyService { name: daemon.into(), state: state.into(), pid, unit: None });
            }
        }
        services.sort_by(|a, b| a.name.cmp(&b.name));
        services
    }

    /// Stops every daemon but agentd, and every app.
    pub async fn panic(&self) -> Panicked {
        let bus = self.bus().await;
        let units = own_units(bus.as_ref()).await;
        let units: Vec<String> = units.into_iter().filter(runs).map(|unit| unit.name).collect();
        let by_systemd: BTreeSet<&str> = units.iter().filter_map(|unit| daemon_of(unit)).collect();
        let running = |daemon: &&str| *daemon != KEPT && running_pid(&self.dirs.pid_file(daemon)).is_some();
        let daemons: Vec<&str> =
            SUITE.into_iter().filter(|daemon| !by_systemd.contains(daemon)).filter(running).collect();
        let stopping: Vec<String> = units.into_iter().filter(|unit| unit_stem(unit) != Some(KEPT)).collect();
        let mut answer = Panicked { kept: vec![KEPT.into()], ..Panicked::default() };
        // First, so that no supervisor starts again what is stopped.
        let owned: Vec<String> = daemons.iter().map(ToString::to_string).collect();
        if let Err(error) = marks::mark_panic(&self.dirs, &stopping, &owned) {
            answer.failed.push(NotDone { name: "panic mark".into(), why: error.to_string() });
        }
        if let Some(bus) = &bus {
            for kind in KINDS {
                let of_kind = stopping.iter().filter(|unit| unit.ends_with(kind));
                let stopped = join_all(of_kind.map(async |unit| (unit, stop(bus, unit).await))).await;
                for (unit, result) in stopped {
                    answer.note(daemon_of(unit).unwrap_or(unit), result.map_err(|error| error.to_string()));
                }
            }
        }
        let ended = join_all(daemons.into_iter().map(async |daemon| (daemon, end(&self.dirs.pid_file(daemon)).await)));
        for (daemon, result) in ended.await {
            answer.note(daemon, result);
        }
        answer
    }

    /// Starts every daemon and app anew that runs, failed, or was stopped by [`Safety::panic`]; agentd itself not.
    pub async fn restart(&self) -> Restarted {
        let mark = marks::panic(&self.dirs).unwrap_or_default();
        marks::clear_panic(&self.dirs);
        let bus = self.bus().await;
        let mut units: BTreeSet<String> = mark.units.into_iter().collect();
        let present = own_units(bus.as_ref()).await.into_iter();
        units.extend(present.filter(|unit| runs(unit) || unit.active == "failed").map(|unit| unit.name));
        units.retain(|unit| unit_stem(unit) != Some(KEPT) && !unit.ends_with(".scope"));
        let mut answer = Restarted::default();
        if let Some(bus) = &bus {
            // Services before what starts them.
            for kind in KINDS.into_iter().rev() {
                let of_kind = units.iter().filter(|unit| unit.ends_with(kind));
                let restarted = join_all(of_kind.map(async |unit| (unit, bus.restart(unit, START).await))).await;
                for (unit, result) in restarted {
                    answer.note(daemon_of(unit).unwrap_or(unit), result.map_err(|error| error.to_string()));
                }
            }
        }
        let stopped = mark.daemons;
        let wanted = |daemon: &&str| {
            let by_systemd = bus.is_some() && units.contains(&unit_of(daemon));
            let was = running_pid(&self.dirs.pid_file(daemon)).is_some() || stopped.iter().any(|name| name == daemon);
            *daemon != KEPT && !by_systemd && was
        };
        let daemons: Vec<&str> = SUITE.into_iter().filter(wanted).collect();
        let restarted = join_all(daemons.into_iter().map(async |daemon| (daemon, self.again(daemon).await))).await;
        for (daemon, result) in restarted {
            answer.note(daemon, result);
        }
        answer
    }

    /// Restarts agentd and waits until it is up: for whoever is not agentd.
    pub async fn restart_agentd(&self) -> Result<(), String> {
        match self.agentds_unit().await {
            Some((bus, unit)) => bus.restart(&unit, START).await.map_err(|error| error.to_string()),
            None => self.again(KEPT).await,
        }
    }

    /// Whether somebody would start agentd again.
    pub async fn is_kept_up(&self) -> bool {
        self.agentds_unit().await.is_some() || self.is_supervised()
    }

    /// Has agentd, which is this very process, started anew: returns before it happens.
    pub async fn restart_self(&self) -> Result<(), String> {
        match self.agentds_unit().await {
            Some((bus, unit)) => bus.restart_later(&unit).await.map_err(|error| error.to_string()),
            None => nix::sys::signal::raise(nix::sys::signal::Signal::SIGTERM).map_err(|errno| errno.to_string()),
        }
    }

    async fn agentds_unit(&self) -> Option<(Bus, String)> {
        let bus = self.bus().await?;
        let units = own_units(Some(&bus)).await;
        let unit = units.into_iter().find(|unit| unit.name == unit_of(KEPT) && runs(unit))?;
        Some((bus, unit.name))
    }

    /// Ends a daemon that a supervisor keeps, and waits until it is up again.
    async fn again(&self, daemon: &str) -> Result<(), String> {
        if !self.is_supervised() {
            return Err("nobody keeps it up: start the suite with agentctl up".into());
        }
        let pid_file = self.dirs.pid_file(daemon);
        let before = running_pid(&pid_file);
        if before.is_some() {
            end(&pid_file).await?;
        }
        let is_up = || running_pid(&pid_file).is_some_and(|pid| Some(pid) != before);
        if until(START, is_up).await { Ok(()) } else { Err("it did not come up in time".into()) }
    }

    fn is_supervised(&self) -> bool {
        running_pid(&self.dirs.pid_file("suite")).is_some()
    }

    async fn bus(&self) -> Option<Bus> {
        if self.by_systemd { Bus::connect().await.ok() } else { None }
    }
}

/// What a tool tells of each of the suite.
trait Answer {
    fn note(&mut self, name: &str, result: Result<(), String>);
}

impl Answer for Panicked {
    fn note(&mut self, name: &str, result: Result<(), String>) {
        match result {
            Ok(()) => self.stopped.push(name.into()),
            Err(why) => self.failed.push(NotDone { name: name.into(), why }),
        }
    }
}

impl Answer for Restarted {
    fn note(&mut self, name: &str, result: Result<(), String>) {
        match result {
            Ok(()) => self.restarted.push(name.into()),
            Err(why) => self.failed.push(NotDone { name: name.into(), why }),
        }
    }
}

async fn stop(bus: &Bus, unit: &str) -> Result<(), SystemdError> {
    match bus.stop(unit, STOP / 2).await {
        Err(SystemdError::NotSettled { .. }) => {
            bus.kill(unit).await?;
            bus.stop(unit, STOP / 2).await
        }
        done => done,
    }
}

/// The suite's units that are loaded; none without a bus.
async fn own_units(bus: Option<&Bus>) -> Vec<Unit> {
    let Some(bus) = bus else { return Vec::new() };
    let units = bus.units().await.unwrap_or_default();
    units.into_iter().filter(|unit| unit.load == "loaded" && is_own(&unit.name)).collect()
}

fn is_own(unit: &str) -> bool {
    // What undoes a change goes on whatever is stopped.
    let undoes = unit == "osmoda-rollback.service" || unit.starts_with("osmoda-switch-");
    unit.starts_with("osmoda-") && KINDS.iter().any(|kind| unit.ends_with(kind)) && !undoes
}

fn runs(unit: &Unit) -> bool {
    !matches!(unit.active.as_str(), "inactive" | "failed")
}

fn unit_of(daemon: &str) -> String {
    format!("osmoda-{daemon}.service")
}

/// `agentd` of `osmoda-agentd.socket`.
fn unit_stem(unit: &str) -> Option<&str> {
    unit.strip_prefix("osmoda-").and_then(|rest| rest.rsplit_once('.')).map(|(stem, _)| stem)
}

/// The daemon that a service unit runs.
fn daemon_of(unit: &str) -> Option<&'static str> {
    let stem = unit_stem(unit).filter(|_| unit.ends_with(".service"))?;
    SUITE.into_iter().find(|daemon| *daemon == stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_the_suite_are_told_from_others() {
        for (unit, own, daemon) in [
            ("osmoda-agentd.service", true, Some("agentd")),
            ("osmoda-keyd.service", true, Some("keyd")),
            ("osmoda-keyd.socket", true, None),
            ("osmoda-app-web.service", true, None),
            ("osmoda-app-web.scope", true, None),
            ("osmoda-rollback.service", false, None),
            ("osmoda.slice", false, None),
            ("nginx.service", false, None),
        ] {
            assert_eq!(is_own(unit), own, "{unit}");
            assert_eq!(daemon_of(unit).filter(|_| own), daemon, "{unit}");
        }
        assert_eq!(unit_stem("osmoda-agentd.socket"), Some("agentd"));
    }
}
