//! What systemd tells by itself: a unit's state the moment it changes.

use futures_util::StreamExt;
use std::collections::HashMap;
use zbus::{MessageStream, message::Type, wire::OwnedVariant};

use crate::{
    SystemdError,
    bus::{Bus, NAME, PATH, text},
};

/// Changes that may wait to be read; more are dropped, and found by the next look.
const QUEUE: usize = 4096;

/// A unit that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it is on the bus: see [`Bus::path_of`].
    pub path: String,
    /// `active`, `inactive`, `failed`, `activating` ...
    pub active: String,
}

/// The stream of changes.
#[derive(Debug)]
pub struct Changes(MessageStream);

impl Bus {
    /// Every change of every unit's state from now on.
    pub async fn changes(&self) -> Result<Changes, SystemdError> {
        let rule = zbus::MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(NAME)
            .interface("org.freedesktop.DBus.Properties")
            .member("PropertiesChanged")
            .path_namespace(format!("{PATH}/unit"))
            .arg(0, format!("{NAME}.Unit"))
            .build()
            .map_err(SystemdError::of)?;
        let queue = std::num::NonZeroUsize::new(QUEUE);
        let stream = MessageStream::for_match_rule(rule, self.connection(), queue).await.map_err(SystemdError::of)?;
        // systemd tells nobody anything who did not ask for it. Having asked already is fine.
        let _ = self.manager("Subscribe", &()).await;
        Ok(Changes(stream))
    }

    /// Where a unit is on the bus. The name must come from [`crate::unit_name`].
    pub async fn path_of(&self, unit: &str) -> Result<String, SystemdError> {
        Ok(self.path(unit).await?.as_str().to_owned())
    }
}

impl Changes {
    /// The next change; `None` when the bus is gone.
    pub async fn next(&mut self) -> Option<Change> {
        loop {
            let Ok(message) = self.0.next().await? else { continue };
            let Some(path) = message.header().path().map(|path| path.as_str().to_owned()) else { continue };
            let body = message.body();
            let Ok((_, changed, _)) = body.deserialize::<(String, HashMap<String, OwnedVariant>, Vec<String>)>() else {
                continue;
            };
            if let Some(active) = text(&changed, "ActiveState") {
                return Some(Change { path, active });
            }
        }
    }
}
