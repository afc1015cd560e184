//! What listens on this machine, and who holds it.

use std::{collections::HashSet, rc::Rc};

use osmoda_api::agentd::{AppKind, Discovery, Found};

use super::{
    SystemError, apps,
    process::{self, Process},
    sockets::{self, InetSocket},
};

/// What is told of a process that listens.
struct Holder {
    pid: i32,
    name: Option<String>,
    executable: Option<String>,
    unit: Option<String>,
    kind: Option<AppKind>,
}

/// What listens here: TCP sockets that listen and UDP sockets that are bound without being connected, of this network
/// namespace, by port. Blocks on the file system.
pub fn discover() -> Result<Discovery, SystemError> {
    let sockets = sockets::listening()?;
    let inodes: HashSet<u64> = sockets.iter().map(|socket| socket.inode).filter(|inode| *inode != 0).collect();
    let holders = process::owners(inodes, Holder::of)?;
    let mut found: Vec<Found> =
        sockets.iter().map(|socket| found(socket, holders.get(&socket.inode).map(Rc::as_ref))).collect();
    found.sort_by(|a, b| (a.port, &a.protocol, &a.address, a.pid).cmp(&(b.port, &b.protocol, &b.address, b.pid)));
    Ok(Discovery {
        total_listening_ports: found.len() as u64,
        found,
        // Only systemd itself knows which services are loaded: its control groups show those that run, and unit files
        // those that are installed.
        total_systemd_services: None,
    })
}

impl Holder {
    fn of(process: &Process) -> Self {
        let (name, executable, unit) = (process.stat().map(|stat| stat.name), process.executable(), process.unit());
        let kind = apps::detect(executable.as_deref(), name.as_deref(), unit.as_deref());
        Self { pid: process.pid(), name, executable, unit, kind }
    }
}

fn found(socket: &InetSocket, holder: Option<&Holder>) -> Found {
    Found {
        name: holder.and_then(|holder| holder.name.clone()),
        pid: holder.map(|holder| holder.pid),
        port: socket.local.port(),
        address: socket.local.ip().to_string(),
        protocol: socket.transport.name().into(),
        executable: holder.and_then(|holder| holder.executable.clone()),
        unit: holder.and_then(|holder| holder.unit.clone()),
        detected_as: holder.and_then(|holder| holder.kind),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn what_this_process_listens_on_is_found_as_its_own() {
        for ip in ["127.0.0.1", "::1"] {
            let ip: IpAddr = ip.parse().unwrap();
            let (tcp, udp) = (TcpListener::bind((ip, 0)).unwrap(), UdpSocket::bind((ip, 0)).unwrap());
            let discovery = discover().unwrap();
            assert_eq!(discovery.total_listening_ports, discovery.found.len() as u64);
            for (protocol, address) in [("tcp", tcp.local_addr().unwrap()), ("udp", udp.local_addr().unwrap())] {
                let ours: Vec<&Found> = discovery
                    .found
                    .iter()
                    .filter(|found| found.protocol == protocol && found.port == address.port())
                    .filter(|found| found.address == ip.to_string())
                    .collect();
                let [ours] = ours.as_slice() else { panic!("{ours:?}") };
                assert_eq!(ours.pid, i32::try_from(std::process::id()).ok());
                assert_eq!(ours.executable.as_deref(), std::env::current_exe().unwrap().to_str());
                let name = std::fs::read_to_string("/proc/self/comm").unwrap();
                assert_eq!(ours.name.as_deref(), Some(name.trim_end()));
            }
        }
    }

    #[test]
    fn what_is_connected_does_not_listen() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect("127.0.0.1:9").unwrap();
        let port = udp.local_addr().unwrap().port();
        let pid = i32::try_from(std::process::id()).ok();
        let of_ours = |found: &Found| found.protocol == "udp" && found.port == port && found.pid == pid;
        assert!(!discover().unwrap().found.iter().any(of_ours));
    }

    #[test]
    fn answers_come_by_port() {
        let _listeners: Vec<_> = (0..4).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = discover().unwrap().found.iter().map(|found| found.port).collect();
        assert!(ports.len() >= 4 && ports.is_sorted(), "{ports:?}");
    }
}
