//! From a host to a connection: every address is checked, and a checked one is the one connected to.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::AsRawFd,
    sync::Arc,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, setsockopt, socket, sockopt},
};
use osmoda_capability::Host;
use tokio::{io::Interest, net::TcpStream, time::timeout};

use super::{Proxy, Settings};
use crate::{
    addresses::{Forbidden, judge},
    refusal::Refusal,
};

/// How long one address may take to answer, where there are others.
const EACH: Duration = Duration::from_secs(4);
/// How long all of them may take together.
const ALL: Duration = Duration::from_secs(15);
/// Addresses that are tried.
const MOST_TRIED: usize = 8;

impl Proxy {
    /// The addresses of a host that may be connected to. One that may not be spoils all: a name that leads both outside
    /// and inside was made to.
    pub(crate) async fn addresses(&self, settings: &Settings, host: &Host) -> Result<Arc<[IpAddr]>, Refusal> {
        let addresses: Arc<[IpAddr]> = match host {
            Host::Address(address) => [*address].into(),
            Host::Name(name) => self.names.resolve(name).await?,
        };
        for address in addresses.iter() {
            let judged = judge(*address, &settings.config.allow_addresses, |address| self.own.contains(address));
            judged.map_err(|why| Refusal::AddressRefused { host: host.to_string(), why })?;
        }
        Ok(addresses)
    }

    /// A connection to the host, and the address it went to.
    pub(super) async fn dial(
        &self,
        settings: &Settings,
        host: &Host,
        port: u16,
    ) -> Result<(TcpStream, IpAddr), Refusal> {
        let addresses = self.addresses(settings, host).await?;
        let tried = timeout(ALL, async {
            let mut last = Refusal::Unreachable(host.to_string());
            let count = addresses.len().min(MOST_TRIED);
            for address in addresses.iter().take(count) {
                // The only one may take as long as all.
                let connecting = open(*address, port);
                let tried = if count > 1 { timeout(EACH, connecting).await } else { Ok(connecting.await) };
                match tried {
                    Ok(Ok(stream)) => return Ok((stream, *address)),
                    Ok(Err(_)) => last = Refusal::Unreachable(host.to_string()),
                    Err(_) => last = Refusal::ConnectTimeout(host.to_string()),
                }
            }
            Err(last)
        });
        let (stream, address) = tried.await.unwrap_or_else(|_| Err(Refusal::ConnectTimeout(host.to_string())))?;
        // An address that became this machine's own since the interfaces were last read.
        let canonical = address.to_canonical();
        let is_own = || stream.local_addr().is_ok_and(|local| local.ip().to_canonical() == canonical);
        if !settings.config.allow_addresses.iter().any(|network| network.contains(canonical)) && is_own() {
            return Err(Refusal::AddressRefused { host: host.to_string(), why: Forbidden::Own });
        }
        Ok((stream, address))
    }
}

/// A connection. What the system would be asked for in vain, to learn that it stands, is read off what it said already.
async fn open(address: IpAddr, port: u16) -> io::Result<TcpStream> {
    let address = SocketAddr::from((address, port));
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(family, SockType::Stream, flags, None)?;
    // Small messages both ways: whoever wants them gathered gathers them before they come here.
    let _ = setsockopt(&socket, sockopt::TcpNoDelay, &true);
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) | Err(Errno::EINPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let stream = TcpStream::from_std(socket.into())?;
    // One that failed is closed for writing, or broken; only that one has a reason to give.
    let ready = stream.ready(Interest::WRITABLE | Interest::ERROR).await?;
    if ready.is_write_closed() || ready.is_error() {
        return Err(stream.take_error()?.unwrap_or_else(|| io::ErrorKind::NotConnected.into()));
    }
    Ok(stream)
}
