//! This machine's own addresses: a connection to one of them never leaves, and passes every firewall in front.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// For so long the table is not read again.
const FRESH: Duration = Duration::from_secs(5);

/// The table of interfaces, read now and then.
#[derive(Debug, Default)]
pub(crate) struct OwnAddresses(Mutex<Option<(Instant, Vec<IpAddr>)>>);

impl OwnAddresses {
    /// Whether an interface of this machine has the address.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((read, addresses)) = known.as_ref()
            && read.elapsed() < FRESH
        {
            return addresses.contains(&address);
        }
        let addresses = interfaces();
        let found = addresses.contains(&address);
        *known = Some((Instant::now(), addresses));
        found
    }
}

/// getifaddrs(3). Where the table can't be read none is known; a connection to oneself is still found when it stands.
fn interfaces() -> Vec<IpAddr> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    interfaces
        .filter_map(|interface| interface.address)
        .filter_map(|address| {
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::from(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::from(v6.ip())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_ours() {
        let own = OwnAddresses::default();
        assert!(own.contains(IpAddr::from([127, 0, 0, 1])));
        assert!(!own.contains(IpAddr::from([8, 8, 8, 8])));
    }
}
