//! Why a project can't be made or worked on.

use std::{io, path::PathBuf};

use osmoda_ipc::Fault;

/// A project can't be made or worked on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpecKitError {
    #[error(
        "{0:?} is no project's name: it has 1 to 48 of a-z, 0-9 and -, begins with a letter and does not end with -"
    )]
    BadName(String),
    #[error("a timeout is 60 to 1800 seconds")]
    BadTimeout,
    #[error("{} exists already; run its phases with spec_kit_run, or take another name", .0.display())]
    Exists(PathBuf),
    #[error("{} is no project below the workspace folder {}", .path.display(), .workspace.display())]
    NotBelow { path: PathBuf, workspace: PathBuf },
    #[error("the workspace folder {} can't be used: {why}. Make it: install -d -o {account} {}", .path.display(), .path.display())]
    NoWorkspace { path: PathBuf, account: String, why: String },
    #[error("there is no account {0} to run as; make it, or set [agentd.spec_kit] account")]
    NoAccount(String),
    #[error("{program} is not installed for the account {account}; {how}")]
    Missing { program: String, account: String, how: &'static str },
    #[error(
        "no agent CLI is configured for {0}: set [agentd.spec_kit.agents] {0} = [\"program\", \"argument\"]; the prompt is added as the last one"
    )]
    NoAgent(&'static str),
    #[error("the project has no phase {phase}; it has: {there}")]
    NoPhase { phase: &'static str, there: String },
    #[error("specify failed with {code}: {said}")]
    Specify { code: i32, said: String },
    #[error("{program} could not be run: {source}")]
    Run { program: String, source: io::Error },
}

impl From<SpecKitError> for Fault {
    fn from(error: SpecKitError) -> Self {
        let message = error.to_string();
        match error {
            SpecKitError::BadName(_) => Self::bad_request("invalid_project_name", message),
            SpecKitError::BadTimeout => Self::bad_request("invalid_request", message),
            SpecKitError::Exists(_) => Self::conflict("project_exists", message),
            SpecKitError::NotBelow { .. } => Self::forbidden("outside_workspace", message),
            SpecKitError::NoWorkspace { .. } => {
                Self::unavailable("workspace_unavailable", message).with_retryable(false)
            }
            SpecKitError::NoAccount(_) => Self::unavailable("account_missing", message).with_retryable(false),
            SpecKitError::Missing { .. } | SpecKitError::NoAgent(_) => {
                Self::unavailable("program_missing", message).with_retryable(false)
            }
            SpecKitError::NoPhase { .. } => Self::not_found("phase_unknown", message),
            SpecKitError::Specify { .. } => Self::failed("specify_failed", message),
            SpecKitError::Run { .. } => Self::failed("spec_kit_failed", message),
        }
    }
}
