//! What can go wrong while the network's state is read, and the fault each becomes.

use std::io;

use osmoda_ipc::Fault;

use crate::system::SystemError;

/// Why the network's state could not be told.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The kernel didn't tell its interfaces, addresses or routes.
    #[error("can't read {what} over netlink")]
    Netlink {
        /// What was asked for.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Listening ports or resolvers could not be told.
    #[error(transparent)]
    System(#[from] SystemError),
}

impl From<NetworkError> for Fault {
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::Netlink { what, source } => Fault::failed(
                "network_unreadable",
                format!("can't read {what} over netlink; check that the daemon's unit allows AF_NETLINK"),
            )
            .with_private(source.to_string()),
            NetworkError::System(error) => error.into(),
        }
    }
}
