//! Why systemd could not be asked, or said no.

use osmoda_ipc::{Fault, chain};

/// systemd has no answer, or a no.
#[derive(Debug, thiserror::Error)]
pub enum SystemdError {
    /// It does not run this machine.
    #[error("systemd does not run this machine")]
    NotHere,
    /// It, or the message bus, can't be reached.
    #[error("systemd can't be reached over D-Bus")]
    Unreachable(#[source] zbus::Error),
    /// It did not answer in time.
    #[error("systemd did not answer in time")]
    Hangs,
    /// No unit has this name.
    #[error("there is no unit {0}")]
    UnknownUnit(String),
    /// What can't be a unit's name.
    #[error("{0:?} can't be a unit's name, such as nginx.service")]
    BadName(String),
    /// It refused.
    #[error("systemd refused: {0}")]
    Refused(String),
    /// A unit did not come to rest.
    #[error("{unit} is still {state}")]
    NotSettled {
        /// Which.
        unit: String,
        /// Its state.
        state: String,
    },
}

impl SystemdError {
    pub(crate) fn of(error: zbus::Error) -> Self {
        match &error {
            zbus::Error::MethodError(name, detail, _) => {
                let text: String = detail.as_deref().unwrap_or(name.as_str()).chars().take(512).collect();
                match name.as_str() {
                    "org.freedesktop.systemd1.NoSuchUnit" => Self::UnknownUnit(text),
                    // The bus is there, and nobody behind it.
                    "org.freedesktop.DBus.Error.ServiceUnknown"
                    | "org.freedesktop.DBus.Error.NameHasNoOwner"
                    | "org.freedesktop.DBus.Error.NoReply" => Self::Unreachable(error),
                    _ => Self::Refused(text),
                }
            }
            _ => Self::Unreachable(error),
        }
    }
}

impl From<SystemdError> for Fault {
    fn from(error: SystemdError) -> Self {
        let message = error.to_string();
        match error {
            SystemdError::NotHere | SystemdError::Unreachable(_) | SystemdError::Hangs => Self::unavailable(
                "systemd_unavailable",
                format!("{message}; this needs a machine that systemd runs, with its D-Bus"),
            )
            .with_private(chain(&error)),
            SystemdError::UnknownUnit(_) => Self::not_found("unit_unknown", message),
            SystemdError::BadName(_) => Self::bad_request("invalid_unit", message),
            SystemdError::Refused(_) => Self::failed("systemd_refused", message),
            SystemdError::NotSettled { .. } => Self::timeout("unit_not_settled", message),
        }
    }
}
