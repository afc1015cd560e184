//! Why an incident can't be had or changed.

use osmoda_ipc::{Fault, chain};

/// An incident can't be opened, changed or told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IncidentError {
    #[error("{what} must have 1 to {most} bytes without NUL")]
    BadText { what: &'static str, most: usize },
    #[error("a page holds 1 to 1000, not {0}")]
    BadLimit(u32),
    #[error("there is no incident {0}; incident_list shows those that there are")]
    Unknown(String),
    #[error("incident {0} is closed; open a new one")]
    Closed(String),
    #[error("incident {id} has {steps} steps, the most that one may have; close it and open a new one")]
    TooManySteps { id: String, steps: u32 },
    #[error("{0} incidents are open, the most that may be; close some")]
    TooManyOpen(u32),
    #[error("the incidents' database can't be used")]
    Database(#[from] rusqlite::Error),
    #[error(transparent)]
    Ledger(#[from] osmoda_ledger::ReadError),
}

impl From<IncidentError> for Fault {
    fn from(error: IncidentError) -> Self {
        let message = error.to_string();
        match error {
            IncidentError::BadText { .. } | IncidentError::BadLimit(_) => Self::bad_request("invalid_request", message),
            IncidentError::Unknown(_) => Self::not_found("incident_unknown", message),
            IncidentError::Closed(_) => Self::conflict("incident_closed", message),
            IncidentError::TooManySteps { .. } => Self::conflict("too_many_steps", message),
            IncidentError::TooManyOpen(_) => Self::conflict("too_many_incidents", message),
            IncidentError::Database(_) => Self::unavailable(
                "incidents_unavailable",
                "incidents can't be kept or read now; check the disk of the state folder",
            )
            .with_private(chain(&error)),
            IncidentError::Ledger(error) => error.into(),
        }
    }
}
