//! The network of the machine that the tests run on, and that of a namespace with nothing in it.

use std::{fs, net::TcpListener, thread};

use nix::sched::{CloneFlags, unshare};

use super::*;

#[test]
fn the_loopback_is_an_interface_with_its_address() {
    let network = info(NetworkDetail::Interfaces).unwrap();
    let loopback = network.interfaces.iter().find(|interface| interface.name == "lo").unwrap();
    assert_eq!(loopback.index, 1);
    assert_eq!(loopback.mac, None);
    let mtu = fs::read_to_string("/sys/class/net/lo/mtu").unwrap();
    assert_eq!(loopback.mtu, mtu.trim_end().parse::<u32>().unwrap());
    assert!(loopback.addresses.iter().any(|address| address == "127.0.0.1/8"), "{loopback:?}");
    assert!(network.ports.is_empty() && network.dns.is_empty() && network.routes.is_empty());
}

#[test]
fn every_interface_is_told_as_sysfs_tells_it() {
    for interface in info(NetworkDetail::Interfaces).unwrap().interfaces {
        let told = |file: &str| fs::read_to_string(format!("/sys/class/net/{}/{file}", interface.name));
        // Gone meanwhile, or of another namespace than this /sys.
        let Ok(index) = told("ifindex") else { continue };
        assert_eq!(interface.index.to_string(), index.trim_end());
        assert_eq!(interface.state, told("operstate").unwrap().trim_end());
        if let Some(mac) = &interface.mac {
            assert_eq!(mac, told("address").unwrap().trim_end());
        }
    }
}

#[test]
fn bytes_over_the_loopback_are_counted() {
    let counted = || {
        let network = info(NetworkDetail::Interfaces).unwrap();
        let loopback = network.interfaces.into_iter().find(|interface| interface.name == "lo").unwrap();
        (loopback.rx_bytes, loopback.tx_bytes)
    };
    let before = counted();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&[0; 10_000], socket.local_addr().unwrap()).unwrap();
    let after = counted();
    assert!(after.0 >= before.0 + 10_000 && after.1 >= before.1 + 10_000, "{before:?} {after:?}");
}

#[test]
fn routes_agree_with_the_kernel_s_own_table() {
    let routes = info(NetworkDetail::Routes).unwrap().routes;
    // Interface, destination, gateway, flags ... of the main table; addresses as they lie in memory.
    let table = fs::read_to_string("/proc/thread-self/net/route").unwrap();
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let ip = |text: &str| std::net::Ipv4Addr::from(u32::from_str_radix(text, 16).unwrap().to_ne_bytes());
        let prefix = u32::from_str_radix(fields[7], 16).unwrap().count_ones();
        let destination = if prefix == 0 { "default".into() } else { format!("{}/{prefix}", ip(fields[1])) };
        let gateway = Some(ip(fields[2])).filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string());
        let same = |route: &&osmoda_api::agentd::Route| {
            route.family == "ipv4"
                && route.destination == destination
                && route.gateway == gateway
                && route.interface.as_deref().unwrap_or("*") == fields[0]
        };
        assert!(routes.iter().any(|route| same(&route)), "{line}: {routes:?}");
    }
    assert!(routes.iter().all(|route| route.table != 255), "{routes:?}");
}

#[test]
fn ports_are_those_that_discovery_finds() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let network = info(NetworkDetail::Ports).unwrap();
    let port = listener.local_addr().unwrap().port();
    let ours = network.ports.iter().find(|found| found.port == port && found.protocol == "tcp").unwrap();
    assert_eq!(ours.pid, i32::try_from(std::process::id()).ok());
    assert!(network.interfaces.is_empty());
}

#[test]
fn everything_is_told_at_once() {
    let network = info(NetworkDetail::All).unwrap();
    assert!(!network.interfaces.is_empty());
    assert_eq!(network.dns, resolvers::resolvers().unwrap());
}

#[test]
fn a_namespace_of_its_own_has_its_own_network() {
    let in_namespace = || {
        // Only who is privileged may make one.
        unshare(CloneFlags::CLONE_NEWNET).ok()?;
        let listener = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        Some((info(NetworkDetail::All).unwrap(), listener.local_addr().unwrap().port()))
    };
    let Some((network, port)) = thread::spawn(in_namespace).join().unwrap() else { return };
    let loopback = network.interfaces.iter().find(|interface| interface.name == "lo").unwrap();
    assert_eq!((loopback.state.as_str(), loopback.addresses.as_slice()), ("down", &[][..]));
    assert!(network.interfaces.iter().all(|interface| interface.name != "eth0"), "{network:?}");
    assert!(network.routes.is_empty(), "{network:?}");
    let ports: Vec<u16> = network.ports.iter().map(|found| found.port).collect();
    assert_eq!(ports, [port]);
    assert_eq!(network.ports[0].pid, i32::try_from(std::process::id()).ok());
}
