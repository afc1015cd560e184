//! What can go wrong while the machine's state is read, and the fault each becomes.

use std::io;

use osmoda_ipc::Fault;
use osmoda_systemd::SystemdError;
use serde_json::json;

/// Why the machine's state could not be told.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// The request names a column that the table doesn't have.
    #[error("no column {column:?}")]
    UnknownColumn {
        /// The name as it was given.
        column: String,
        /// The table's columns.
        known: Vec<&'static str>,
    },
    /// A filter's value is of another kind than its column.
    #[error("the filter on {column} must be {expected}")]
    BadFilter {
        /// The column.
        column: &'static str,
        /// Which kind of value it takes.
        expected: &'static str,
    },
    /// A limit outside of its range.
    #[error("limit {0} is outside of 1 to {max}", max = super::MAX_LIMIT)]
    BadLimit(u32),
    /// The table is read over systemd's D-Bus, which has no answer.
    #[error(transparent)]
    Systemd(SystemdError),
    /// The machine has neither a dpkg nor a Nix record of its packages.
    #[error("neither dpkg nor Nix keeps packages here")]
    PackagesUnavailable,
    /// A file of the kernel's or the system's can't be read.
    #[error("can't read {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file doesn't hold what the kernel's documentation says.
    #[error("{path} doesn't look as documented")]
    Malformed {
        /// The file.
        path: String,
    },
}

impl SystemError {
    /// That the file at `path` can't be read.
    pub(crate) fn unreadable(path: impl Into<String>, source: io::Error) -> Self {
        Self::Unreadable { path: path.into(), source }
    }

    /// That the file at `path` doesn't look as documented.
    pub(crate) fn malformed(path: impl Into<String>) -> Self {
        Self::Malformed { path: path.into() }
    }
}

impl From<SystemError> for Fault {
    fn from(error: SystemError) -> Self {
        let text = error.to_string();
        match error {
            SystemError::UnknownColumn { known, .. } => {
                Fault::bad_request("unknown_column", format!("{text}; the table's columns are {}", known.join(", ")))
                    .with_detail(json!({ "columns": known }))
            }
            SystemError::BadFilter { .. } => Fault::bad_request("bad_filter", text),
            SystemError::BadLimit(_) => Fault::bad_request("bad_limit", text),
            SystemError::Systemd(error) => error.into(),
            SystemError::PackagesUnavailable => Fault::unavailable(
                "packages_unavailable",
                "neither dpkg nor Nix keeps packages here; ask the machine's own package manager with shell_exec",
            )
            .with_retryable(false),
            SystemError::Unreadable { path, source } => {
                Fault::failed("system_unreadable", format!("can't read {path}; check that it is mounted and permitted"))
                    .with_private(source.to_string())
            }
            SystemError::Malformed { .. } => Fault::internal_text(text),
        }
    }
}
