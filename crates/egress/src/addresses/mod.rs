//! Which addresses may be connected to: public ones, and what the configuration adds. Pure.

mod network;
mod own;
mod special;

use std::net::IpAddr;

pub(crate) use self::own::OwnAddresses;
pub use self::{
    network::{BadNetwork, Network},
    special::{Kind, kind},
};

/// Why an address is not connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// It is of a kind that leads inside.
    Special(Kind),
    /// It is one of this machine's own.
    Own,
}

/// Whether an address may be connected to. `is_own` says whether it is one of this machine's.
pub fn judge(address: IpAddr, allowed: &[Network], is_own: impl FnOnce(IpAddr) -> bool) -> Result<(), Forbidden> {
    let address = address.to_canonical();
    if allowed.iter().any(|network| network.contains(address)) {
        return Ok(());
    }
    if let Some(kind) = kind(address) {
        return Err(Forbidden::Special(kind));
    }
    if is_own(address) { Err(Forbidden::Own) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_configured_opens_what_is_special() {
        let allowed: Vec<Network> = ["10.0.0.0/8", "fd00::/8"].iter().map(|text| text.parse().unwrap()).collect();
        let own = |address: IpAddr| address == IpAddr::from([203, 0, 114, 7]);
        for (address, verdict) in [
            ("8.8.8.8", Ok(())),
            ("10.1.2.3", Ok(())),
            ("::ffff:10.1.2.3", Ok(())),
            ("fd00::1", Ok(())),
            ("192.168.0.1", Err(Forbidden::Special(Kind::Private))),
            ("::ffff:192.168.0.1", Err(Forbidden::Special(Kind::Private))),
            ("203.0.114.7", Err(Forbidden::Own)),
            ("::ffff:203.0.114.7", Err(Forbidden::Own)),
            // A translator would lead there in spite of the network that is allowed for IPv4.
            ("64:ff9b::c0a8:1", Err(Forbidden::Special(Kind::Private))),
        ] {
            assert_eq!(judge(address.parse().unwrap(), &allowed, own), verdict, "{address}");
        }
    }
}
