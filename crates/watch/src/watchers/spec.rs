//! A watcher's settings, checked.

use std::time::Duration;

use osmoda_api::watch::{Action, ActionKind, NotifyBy, WatcherAddRequest};
use osmoda_systemd::unit_name;

use super::{error::WatcherError, quiet::Quiet};
use crate::{checks::Probe, config::Config};

const DEFAULT_INTERVAL: u32 = 30;
const DEFAULT_FAILURES: u32 = 2;
const DEFAULT_FLAPS: u32 = 6;
const LONGEST: u32 = 86_400;
const MOST_RUNGS: usize = 8;

/// A watcher's settings.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) request: WatcherAddRequest,
    pub(super) probe: Probe,
    pub(super) actions: Vec<Action>,
    pub(super) quiet: Vec<Quiet>,
}

impl Spec {
    pub(super) fn new(request: WatcherAddRequest, config: &Config) -> Result<Self, WatcherError> {
        let invalid = |why: String| WatcherError::Invalid(why);
        let name = &request.name;
        if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
            return Err(invalid("a name has 1 to 64 characters on one line".into()));
        }
        for (what, value, most) in [
            ("interval_secs", request.interval_secs, LONGEST),
            ("failures", request.failures, 100),
            ("flaps", request.flaps, 100),
        ] {
            if value.is_some_and(|value| value == 0 || value > most) {
                return Err(invalid(format!("{what} is 1 to {most}")));
            }
        }
        let probe = Probe::new(&request.check, config)?;
        let told = Action { action: ActionKind::Notify, ..Action::default() };
        let actions = request.actions.clone().unwrap_or_else(|| vec![told]);
        if actions.is_empty() || actions.len() > MOST_RUNGS {
            return Err(invalid(format!("a ladder has 1 to {MOST_RUNGS} rungs")));
        }
        for action in &actions {
            check(action, &probe, config).map_err(invalid)?;
        }
        let hours = request.quiet_hours.clone().unwrap_or_default();
        let quiet = hours.iter().map(Quiet::new).collect::<Result<_, _>>().map_err(invalid)?;
        Ok(Self { request, probe, actions, quiet })
    }

    pub(super) fn interval_secs(&self) -> u32 {
        self.request.interval_secs.unwrap_or(DEFAULT_INTERVAL)
    }

    pub(super) fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_secs().into())
    }

    pub(super) fn failures(&self) -> u32 {
        self.request.failures.unwrap_or(DEFAULT_FAILURES)
    }

    pub(super) fn flaps(&self) -> u32 {
        self.request.flaps.unwrap_or(DEFAULT_FLAPS)
    }

    /// Whether nobody is to be told at this time.
    pub(super) fn is_quiet(&self, now: jiff::civil::Time) -> bool {
        self.quiet.iter().any(|quiet| quiet.holds(now))
    }

    /// The unit that a rung restarts.
    pub(super) fn unit(&self, action: &Action) -> Option<String> {
        match &action.unit {
            Some(unit) => unit_name(unit).ok(),
            None => self.probe.unit_to_restart(),
        }
    }
}

/// Each rung has what it needs and nothing else.
fn check(action: &Action, probe: &Probe, config: &Config) -> Result<(), String> {
    let kind = action.action;
    let foreign = [
        (action.unit.is_some() && kind != ActionKind::Restart, "unit"),
        (action.profile.is_some() && kind != ActionKind::Rollback, "profile"),
        (action.by.is_some() && kind != ActionKind::Notify, "by"),
    ];
    if let Some((_, field)) = foreign.into_iter().find(|(is_foreign, _)| *is_foreign) {
        return Err(format!("a rung of action {} has no {field}", kind.as_str()));
    }
    if action.tries.is_some_and(|tries| !(1..=100).contains(&tries))
        || action.wait_secs.is_some_and(|wait| wait > LONGEST)
    {
        return Err(format!("tries is 1 to 100, and wait_secs {LONGEST} at most"));
    }
    match kind {
        ActionKind::Restart => match &action.unit {
            Some(unit) => unit_name(unit).map(drop).map_err(|error| error.to_string()),
            None if probe.unit_to_restart().is_some() => Ok(()),
            None => Err("a restart of what no unit is named for: say which unit".into()),
        },
        ActionKind::Rollback => Ok(()),
        ActionKind::Notify => {
            let hooks = action.by.as_ref().is_some_and(|by| by.contains(&NotifyBy::Webhook));
            if hooks && config.webhook.is_none() {
                return Err("no webhook is configured: [watch] webhook".into());
            }
            if action.by.as_ref().is_some_and(Vec::is_empty) { Err("by names nobody".into()) } else { Ok(()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "so that a case is one literal")]
    fn spec(fields: Value) -> Result<Spec, WatcherError> {
        let mut whole = json!({"name": "web", "check": {"type": "tcp_port", "port": 80}});
        whole.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        Spec::new(serde_json::from_value(whole).unwrap(), &Config::default())
    }

    #[test]
    fn a_ladder_has_rungs_that_can_be_climbed() {
        for good in [
            json!({}),
            json!({"actions": [{"action": "restart", "unit": "nginx", "tries": 3, "wait_secs": 5}, {"action": "rollback"}, {"action": "notify", "by": ["log", "ledger"]}]}),
            json!({"check": {"type": "systemd_unit", "unit": "nginx"}, "actions": [{"action": "restart"}]}),
            json!({"quiet_hours": [{"from": "22:00", "to": "07:00"}]}),
        ] {
            assert!(spec(good.clone()).is_ok(), "{good}");
        }
        for bad in [
            json!({"name": ""}),
            json!({"interval_secs": 0}),
            json!({"actions": []}),
            json!({"actions": [{"action": "restart"}]}),
            json!({"actions": [{"action": "restart", "unit": "*"}]}),
            json!({"actions": [{"action": "notify", "unit": "nginx"}]}),
            json!({"actions": [{"action": "restart", "unit": "nginx", "profile": "/x"}]}),
            json!({"actions": [{"action": "notify", "by": ["webhook"]}]}),
            json!({"actions": [{"action": "notify", "tries": 0}]}),
            json!({"quiet_hours": [{"from": "22:00", "to": "22:00"}]}),
        ] {
            assert!(spec(bad.clone()).is_err(), "{bad}");
        }
    }
}
