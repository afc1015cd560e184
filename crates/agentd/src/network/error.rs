//! What can go wrong while the network's state is read, and the fault each becomes.

use osmoda_ipc::Fault;

use crate::system::SystemError;

/// Why the network's state could not be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The listening ports could not be told.
    #[error(transparent)]
    System(#[from] SystemError),
}

impl From<NetworkError> for Fault {
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::System(error) => error.into(),
        }
    }
}
