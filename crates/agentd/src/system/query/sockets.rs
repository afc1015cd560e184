//! Open sockets: TCP, UDP and Unix, of this network namespace.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use super::record::record;
use crate::system::{
    SystemError,
    process::{self, Process},
    sockets::{self, InetSocket, UnixSocket},
};

record! {
    /// A socket.
    Row {
        /// `tcp`, `udp` or `unix`.
        protocol: &'static str,
        /// `ipv4`, `ipv6` or `unix`.
        family: &'static str,
        state: &'static str,
        local_address: Option<String>,
        local_port: Option<u16>,
        /// Null where it isn't connected.
        remote_address: Option<String>,
        remote_port: Option<u16>,
        /// Where a Unix socket is bound; begins with `@` in the abstract name space.
        path: Option<String>,
        /// Of a Unix socket: `stream`, `datagram` or `seqpacket`.
        kind: Option<&'static str>,
        inode: u64,
        uid: Option<u32>,
        pid: Option<i32>,
        name: Option<String>,
    }
}

/// Who holds a socket.
struct Holder {
    pid: i32,
    name: Option<String>,
}

impl Holder {
    fn of(process: &Process) -> Self {
        Self { pid: process.pid(), name: process.stat().map(|stat| stat.name) }
    }
}

pub(super) fn rows() -> Result<Vec<Row>, SystemError> {
    let mut rows: Vec<Row> = sockets::inet()?.iter().map(of_inet).collect();
    rows.extend(sockets::unix()?.into_iter().map(of_unix));
    let inodes: HashSet<u64> = rows.iter().map(|row| row.inode).filter(|inode| *inode != 0).collect();
    let holders: HashMap<u64, Rc<Holder>> = process::owners(inodes, Holder::of)?;
    for row in &mut rows {
        if let Some(holder) = holders.get(&row.inode) {
            row.pid = Some(holder.pid);
            row.name.clone_from(&holder.name);
        }
    }
    Ok(rows)
}

fn of_inet(socket: &InetSocket) -> Row {
    let is_connected = socket.remote.port() != 0 || !socket.remote.ip().is_unspecified();
    Row {
        protocol: socket.transport.name(),
        family: if socket.local.is_ipv4() { "ipv4" } else { "ipv6" },
        state: socket.state.name(),
        local_address: Some(socket.local.ip().to_string()),
        local_port: Some(socket.local.port()),
        remote_address: is_connected.then(|| socket.remote.ip().to_string()),
        remote_port: is_connected.then(|| socket.remote.port()),
        path: None,
        kind: None,
        inode: socket.inode,
        uid: Some(socket.uid),
        pid: None,
        name: None,
    }
}

fn of_unix(socket: UnixSocket) -> Row {
    Row {
        protocol: "unix",
        family: "unix",
        state: socket.state.name(),
        local_address: None,
        local_port: None,
        remote_address: None,
        remote_port: None,
        path: socket.path,
        kind: Some(socket.kind),
        inode: socket.inode,
        uid: None,
        pid: None,
        name: None,
    }
}
