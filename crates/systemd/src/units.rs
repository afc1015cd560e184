//! Units: all of them, and how one stands.

use zbus::OwnedObjectPath;

use crate::{
    SystemdError,
    bus::{Bus, number, text},
};

/// A unit that is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its name with its type.
    pub name: String,
    /// What it is.
    pub description: String,
    /// `loaded`, `not-found`, `masked` ...
    pub load: String,
    /// `active`, `inactive`, `failed`, `activating` ...
    pub active: String,
    /// The state of its kind: `running`, `exited`, `listening` ...
    pub sub: String,
}

/// How one unit stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitState {
    /// Its name with its type.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// `loaded`, `masked` ...
    pub load: String,
    /// `active`, `inactive`, `failed` ...
    pub active: String,
    /// The state of its kind.
    pub sub: String,
    /// `enabled`, `disabled`, `static` ...
    pub file_state: Option<String>,
    /// A service's main process.
    pub pid: Option<u32>,
    /// Memory in bytes, where it is accounted for.
    pub memory_bytes: Option<u64>,
    /// CPU time in microseconds, where it is accounted for.
    pub cpu_usec: Option<u64>,
    /// How often systemd started it again by itself.
    pub restarts: Option<u64>,
    /// Since when it stands so, in microseconds since 1970.
    pub since_usec: Option<u64>,
    /// Why it ended, where it did: `success`, `exit-code`, `oom-kill` ...
    pub result: Option<String>,
}

/// A row of `ListUnits`: name, description, load, active, sub, followed, path, job, its type, its path.
type Row = (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

impl Bus {
    /// Every unit that is loaded.
    pub async fn units(&self) -> Result<Vec<Unit>, SystemdError> {
        let answer = self.manager("ListUnits", &()).await?;
        let rows: Vec<Row> = answer.body().deserialize().map_err(SystemdError::of)?;
        let mut units: Vec<Unit> = rows
            .into_iter()
            .map(|(name, description, load, active, sub, ..)| Unit { name, description, load, active, sub })
            .collect();
        units.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(units)
    }

    /// How a unit stands, also one that is not loaded yet. The name must come from [`crate::unit_name`].
    pub async fn state(&self, unit: &str) -> Result<UnitState, SystemdError> {
        let path = self.path(unit).await?;
        let of_unit = self.properties(&path, "Unit").await?;
        let load = text(&of_unit, "LoadState").unwrap_or_default();
        if load == "not-found" {
            return Err(SystemdError::UnknownUnit(unit.to_owned()));
        }
        let mut state = UnitState {
            // An alias leads to the unit's own name.
            name: text(&of_unit, "Id").unwrap_or_else(|| unit.to_owned()),
            description: text(&of_unit, "Description"),
            load,
            active: text(&of_unit, "ActiveState").unwrap_or_default(),
            sub: text(&of_unit, "SubState").unwrap_or_default(),
            file_state: text(&of_unit, "UnitFileState"),
            since_usec: number(&of_unit, "StateChangeTimestamp").filter(|usec| *usec > 0),
            ..UnitState::default()
        };
        if let Some(interface) = interface_of(&state.name) {
            let own = self.properties(&path, interface).await?;
            let pid = number(&own, "MainPID").filter(|pid| *pid > 0);
            state.pid = pid.and_then(|pid| u32::try_from(pid).ok());
            state.memory_bytes = number(&own, "MemoryCurrent");
            state.cpu_usec = number(&own, "CPUUsageNSec").map(|nanoseconds| nanoseconds / 1000);
            state.restarts = number(&own, "NRestarts");
            state.result = text(&own, "Result");
        }
        Ok(state)
    }

    /// Where a unit is on the bus; loads it.
    pub(crate) async fn path(&self, unit: &str) -> Result<OwnedObjectPath, SystemdError> {
        let answer = self.manager("LoadUnit", &(unit,)).await?;
        answer.body().deserialize().map_err(SystemdError::of)
    }
}

/// The interface that knows a unit's processes and their use, for kinds that have any.
fn interface_of(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "service" => Some("Service"),
        "socket" => Some("Socket"),
        "mount" => Some("Mount"),
        "swap" => Some("Swap"),
        "slice" => Some("Slice"),
        "scope" => Some("Scope"),
        "timer" => Some("Timer"),
        _ => None,
    }
}
