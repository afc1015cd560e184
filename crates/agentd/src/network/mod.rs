//! The machine's network: interfaces, routes, resolvers and listening ports, of the network namespace that the calling
//! thread is in. From the kernel over netlink, without another program's text.

mod addresses;
mod error;
mod links;
mod resolvers;
mod routes;

use osmoda_api::agentd::{Network, NetworkDetail};

pub use self::error::NetworkError;
use crate::system;

/// The most interfaces, addresses and routes that are read.
const MOST_ENTRIES: usize = 100_000;

/// The parts of the network's state that `detail` asks for; the others are empty. Blocks on netlink and on the file
/// system, for milliseconds.
pub fn info(detail: NetworkDetail) -> Result<Network, NetworkError> {
    let wants = |part| detail == NetworkDetail::All || detail == part;
    let mut network = Network::default();
    if wants(NetworkDetail::Interfaces) || wants(NetworkDetail::Routes) {
        let links = links::links()?;
        if wants(NetworkDetail::Routes) {
            let routes = routes::routes(&links)?;
            network.routes_total = routes.total;
            network.routes = routes.told;
        }
        if wants(NetworkDetail::Interfaces) {
            network.interfaces = links::interfaces(links, addresses::addresses()?);
        }
    }
    if wants(NetworkDetail::Ports) {
        network.ports = system::discover()?.found;
    }
    if wants(NetworkDetail::Dns) {
        network.dns = resolvers::resolvers()?;
    }
    Ok(network)
}

#[cfg(test)]
mod tests;
