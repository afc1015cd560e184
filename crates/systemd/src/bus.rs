//! The connection: one a question, so that a bus that was restarted is met again.

use std::{collections::HashMap, path::Path, time::Duration};

use zbus::{
    Connection, Message, OwnedObjectPath, connection,
    wire::{DynamicType, OwnedVariant},
};

use crate::SystemdError;

/// Where systemd answers.
pub(crate) const NAME: &str = "org.freedesktop.systemd1";
pub(crate) const MANAGER: &str = "org.freedesktop.systemd1.Manager";
pub(crate) const PATH: &str = "/org/freedesktop/systemd1";
/// How long connecting may take, and each answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a thing on the bus says of itself.
pub(crate) type Properties = HashMap<String, OwnedVariant>;

/// Whether systemd runs this machine (sd_booted(3)).
pub fn is_here() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// systemd on the system's message bus.
#[derive(Clone, Debug)]
pub struct Bus(Connection);

impl Bus {
    /// Connects; at once where there is no systemd.
    pub async fn connect() -> Result<Self, SystemdError> {
        if !is_here() {
            return Err(SystemdError::NotHere);
        }
        let connecting = connection::Builder::system().method_timeout(PATIENCE).build();
        match tokio::time::timeout(PATIENCE, connecting).await {
            Ok(connected) => connected.map(Self).map_err(SystemdError::of),
            Err(_) => Err(SystemdError::Hangs),
        }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.0
    }

    /// Calls the manager.
    pub(crate) async fn manager<B>(&self, method: &str, body: &B) -> Result<Message, SystemdError>
    where
        B: zbus::export::serde::Serialize + DynamicType,
    {
        self.call(PATH, MANAGER, method, body).await
    }

    /// The properties of one interface of a unit.
    pub(crate) async fn properties(&self, unit: &OwnedObjectPath, interface: &str) -> Result<Properties, SystemdError> {
        let interface = format!("{NAME}.{interface}");
        let answer =
            self.call(unit.as_str(), "org.freedesktop.DBus.Properties", "GetAll", &(interface.as_str(),)).await?;
        answer.body().deserialize().map_err(SystemdError::of)
    }

    async fn call<B>(&self, path: &str, interface: &str, method: &str, body: &B) -> Result<Message, SystemdError>
    where
        B: zbus::export::serde::Serialize + DynamicType,
    {
        let calling = self.0.call_method(Some(NAME), path, Some(interface), method, body);
        match tokio::time::timeout(PATIENCE, calling).await {
            Ok(answer) => answer.map_err(SystemdError::of),
            Err(_) => Err(SystemdError::Hangs),
        }
    }
}

/// A text property.
pub(crate) fn text(properties: &Properties, name: &str) -> Option<String> {
    properties.get(name).and_then(|value| String::try_from(&**value).ok()).filter(|text| !text.is_empty())
}

/// A number; systemd says `u64::MAX` where it has none.
pub(crate) fn number(properties: &Properties, name: &str) -> Option<u64> {
    let value = properties.get(name)?;
    let number = u64::try_from(&**value).ok().or_else(|| u32::try_from(&**value).ok().map(u64::from))?;
    (number != u64::MAX).then_some(number)
}
