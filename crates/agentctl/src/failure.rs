//! Why a command has nothing to show.

use std::{io, path::PathBuf};

use osmoda_ipc::{CallError, Fault, RequestId};
use serde_json::json;

use crate::{exit::Exit, suite::SuiteError};

/// Why a command failed. What to do next stands in the text.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line is wrong in a way that the parser can't see.
    #[error("{0}")]
    Usage(String),
    /// A daemon said no, or could not be asked.
    #[error("{}", .0.message())]
    Fault(Fault),
    /// The suite could not be started or stopped.
    #[error(transparent)]
    Suite(#[from] SuiteError),
    /// A file can't be read.
    #[error("{} can't be read: {source}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something that was asked for is not there.
    #[error("{0}")]
    NotFound(String),
    /// The system refused something that every program needs.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The MCP session broke.
    #[error(transparent)]
    Mcp(#[from] osmoda_mcp::ServeError),
    /// Standard output can't be written.
    #[error("the output can't be written: {0}")]
    Output(io::Error),
}

impl Failure {
    /// Why the call under `id` has no answer; `start` says how the suite is started.
    pub(crate) fn of_call(error: CallError, id: &RequestId, start: &str) -> Self {
        Self::Fault(fault_of_call(error, id, start))
    }

    /// The code that the program ends with.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Fault(fault) => exit_of_code(fault.code()),
            Self::Suite(error) if error.is_usage() => Exit::Usage,
            Self::Suite(_)
            | Self::Unreadable { .. }
            | Self::NotFound(_)
            | Self::System { .. }
            | Self::Mcp(_)
            | Self::Output(_) => Exit::Failed,
        }
    }

    /// The same for programs, in the one envelope.
    pub(crate) fn fault(&self) -> Fault {
        let text = self.to_string();
        match self {
            Self::Usage(_) => Fault::bad_request("usage", text),
            Self::Fault(fault) => fault.clone(),
            Self::Suite(error) => {
                let fault = Fault::failed(error.code(), text);
                error.tail().map_or_else(|| fault.clone(), |tail| fault.clone().with_detail(json!({ "log": tail })))
            }
            Self::Unreadable { .. } => Fault::failed("unreadable", text),
            Self::NotFound(_) => Fault::not_found("not_found", text),
            Self::System { .. } => Fault::failed("system", text),
            Self::Mcp(_) => Fault::failed("mcp_session", text),
            Self::Output(_) => Fault::failed("output", text),
        }
    }
}

/// The exit for a fault, however it came to us.
pub(crate) fn exit_of_code(code: &str) -> Exit {
    match code {
        "unavailable" | "daemon_hangs" => Exit::NotReachable,
        _ => Exit::Failed,
    }
}

/// The fault for a call that has no answer, with what an operator can do about it.
pub(crate) fn fault_of_call(error: CallError, id: &RequestId, start: &str) -> Fault {
    let fault = match error {
        CallError::Unreachable { daemon, socket, source } => {
            let socket = socket.display();
            let message = match source.kind() {
                io::ErrorKind::NotFound => format!("{daemon} is not up: there is no socket at {socket}; {start}"),
                io::ErrorKind::ConnectionRefused => format!("{daemon} is not up: nobody listens at {socket}; {start}"),
                io::ErrorKind::PermissionDenied => {
                    format!("you may not open {socket}; act as root or as a member of group osmoda")
                }
                _ => format!("{daemon} can't be reached at {socket}: {source}"),
            };
            Fault::unavailable("unavailable", message)
        }
        other => other.into(),
    };
    fault.with_request_id(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_reached_says_why_and_what_to_do() {
        let table = [
            (io::ErrorKind::NotFound, "start it so"),
            (io::ErrorKind::ConnectionRefused, "start it so"),
            (io::ErrorKind::PermissionDenied, "group osmoda"),
        ];
        let id = RequestId::generate();
        for (kind, part) in table {
            let error = CallError::Unreachable {
                daemon: "agentd".into(),
                socket: "/x/agentd.sock".into(),
                source: kind.into(),
            };
            let failure = Failure::of_call(error, &id, "start it so");
            assert!(failure.to_string().contains(part), "{kind}: {failure}");
            assert_eq!(failure.exit(), Exit::NotReachable);
            assert_eq!(failure.fault().envelope().request_id, id.as_str());
        }
    }

    #[test]
    fn exits_follow_from_the_kind_of_failure() {
        let fault = |code: &'static str| Failure::Fault(Fault::forbidden(code, ""));
        let table = [
            (Failure::Usage(String::new()), Exit::Usage),
            (fault("approval_required"), Exit::Failed),
            (fault("unavailable"), Exit::NotReachable),
            (fault("daemon_hangs"), Exit::NotReachable),
            (fault("daemon_broken"), Exit::Failed),
            (fault("busy"), Exit::Failed),
            (Failure::NotFound(String::new()), Exit::Failed),
        ];
        for (failure, exit) in table {
            assert_eq!(failure.exit(), exit, "{failure:?}");
        }
    }
}
