//! A unit is active. What systemd tells by itself is kept, so that a look costs nothing; systemd is asked for all units
//! at once where that is old.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use osmoda_systemd::unit_name;
use serde::Deserialize;

use super::{Eyes, Saw};

/// How long what systemd told of a unit is believed without a look, while its events come.
const FRESH: Duration = Duration::from_secs(10);

/// Which unit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SystemdUnit {
    unit: String,
}

/// What systemd said of its units last.
#[derive(Debug, Default)]
pub(crate) struct Units(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By name: `active`, `failed` ...
    states: HashMap<String, String>,
    /// When all of them were asked for; nothing while events don't come.
    asked: Option<Instant>,
}

impl Units {
    /// A unit changed, by systemd's own word.
    pub(crate) fn told(&self, unit: &str, active: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.states.insert(unit.to_owned(), active.to_owned());
    }

    /// Nothing that is known may be believed: events were missed.
    pub(crate) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Known::default();
    }

    /// All units as they are now.
    pub(crate) fn replace(&self, states: HashMap<String, String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Known { states, asked: Some(Instant::now()) };
    }

    /// What is known of a unit, where that is fresh enough.
    pub(crate) fn known(&self, unit: &str) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.asked.filter(|asked| asked.elapsed() < FRESH)?;
        known.states.get(unit).cloned()
    }
}

impl SystemdUnit {
    pub(super) fn checked(&self) -> Result<String, String> {
        unit_name(&self.unit).map_err(|error| error.to_string())
    }

    pub(super) async fn look(&self, eyes: &Eyes) -> Saw {
        let Ok(unit) = self.checked() else { return Saw::bad("no unit's name") };
        if let Some(active) = eyes.units.known(&unit) {
            return saw(&unit, &active);
        }
        let name = &unit;
        match eyes.systemd.ask(|bus| async move { bus.state(name).await }).await {
            Ok(state) => saw(&unit, &state.active),
            Err(error) => Saw::bad(error.to_string()),
        }
    }
}

/// What a unit's state means.
pub(crate) fn saw(unit: &str, active: &str) -> Saw {
    let message = format!("{unit} is {active}");
    match active {
        "active" | "reloading" | "refreshing" => Saw::ok(message),
        "activating" => Saw::pending(message),
        "failed" => Saw::dead(message),
        _ => Saw::bad(message),
    }
}
