//! Why a session can't be had or moved.

use osmoda_api::watch::SwitchState;
use osmoda_ipc::{Fault, chain};
use osmoda_systemd::SystemdError;
use serde_json::json;

use crate::{apply::ApplyError, checks::CheckError};

/// A session can't be had or moved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SwitchError {
    #[error("the sessions can't be kept")]
    Database(#[from] rusqlite::Error),
    #[error("a session in the database can't be read")]
    Broken(#[from] serde_json::Error),
    #[error("the work was cut off")]
    CutOff(#[from] tokio::task::JoinError),
    #[error("the folder of the sessions can't be used")]
    Folder(#[from] std::io::Error),
    #[error("there is no session {0}; see agentctl switch list")]
    Unknown(String),
    #[error("session {id} is {}; {}", .state.as_str(), .hint)]
    WrongState { id: String, state: SwitchState, hint: &'static str },
    #[error("session {by} changes {thing} already; end it first: agentctl switch status {by}")]
    InTheWay { by: String, thing: String },
    #[error("{most} sessions are open already; end one first")]
    TooMany { most: usize },
    #[error(
        "{key} failed in session {session} ({why}) and is not tried again by itself; an operator can allow it: agentctl switch release {key}"
    )]
    Quarantined { key: String, session: String, why: String },
    #[error("nothing in quarantine is called {0}")]
    NotQuarantined(String),
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Check(#[from] CheckError),
    #[error("{0}")]
    Apply(#[from] ApplyError),
    #[error("nobody could end the session if this daemon died, so nothing was changed: {0}")]
    NoRescue(#[source] RescueError),
}

/// Nobody could be set to end a session at its deadline.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RescueError {
    #[error("{0}")]
    Systemd(#[from] SystemdError),
    #[error("no guard process could be started: {0}")]
    Guard(#[from] std::io::Error),
}

impl From<SwitchError> for Fault {
    fn from(error: SwitchError) -> Self {
        let message = error.to_string();
        match error {
            SwitchError::Database(_) | SwitchError::Broken(_) | SwitchError::CutOff(_) | SwitchError::Folder(_) => {
                Self::unavailable(
                    "switch_store_unavailable",
                    "sessions can't be written down now, and nothing is changed; check the disk of watch's state folder",
                )
                .with_private(chain(&error))
            }
            SwitchError::Unknown(_) => Self::not_found("switch_unknown", message),
            SwitchError::WrongState { id, state, .. } => {
                Self::conflict("switch_state", message).with_detail(json!({ "id": id, "state": state }))
            }
            SwitchError::InTheWay { by, thing } => {
                Self::conflict("switch_in_the_way", message).with_detail(json!({ "id": by, "thing": thing }))
            }
            SwitchError::TooMany { .. } => Self::too_many("too_many_switches", message),
            SwitchError::Quarantined { key, session, .. } => {
                Self::conflict("switch_quarantined", message).with_detail(json!({ "id": session, "key": key }))
            }
            SwitchError::NotQuarantined(_) => Self::not_found("not_quarantined", message),
            SwitchError::Invalid(_) => Self::bad_request("invalid_request", message),
            SwitchError::Check(error) => error.into(),
            SwitchError::Apply(error) => error.into(),
            SwitchError::NoRescue(error) => {
                Self::unavailable("rescue_unavailable", message).with_private(chain(&error))
            }
        }
    }
}
