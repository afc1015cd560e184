//! Which process holds which socket, from the open files of every process.

use std::{
    collections::{HashMap, HashSet},
    ffi::{CStr, CString},
    os::unix::ffi::OsStrExt,
    rc::Rc,
};

use nix::fcntl::readlinkat;

use super::{Process, pids};
use crate::system::{SystemError, text};

/// The most open files of one process that are looked at.
const MOST_FILES: usize = 1 << 20;
/// systemd holds the sockets that it opens for others.
const INIT: i32 = 1;

/// For each socket inode of `wanted`, what `describe` says of the process that holds it. Where several do, such as the
/// workers of a server, it is the one with the smallest id, and systemd only where nobody else is. A socket without
/// entry has no process, or one that this daemon may not see.
pub(crate) fn owners<T>(
    mut wanted: HashSet<u64>,
    describe: impl Fn(&Process) -> T,
) -> Result<HashMap<u64, Rc<T>>, SystemError> {
    let mut owners = HashMap::with_capacity(wanted.len());
    let mut pids = pids()?;
    if let Some(init) = pids.iter().position(|pid| *pid == INIT) {
        let init = pids.remove(init);
        pids.push(init);
    }
    for process in pids.into_iter().filter_map(Process::open) {
        if wanted.is_empty() {
            break;
        }
        let held: Vec<u64> = sockets(&process).into_iter().filter(|inode| wanted.remove(inode)).collect();
        if !held.is_empty() {
            let described = Rc::new(describe(&process));
            owners.extend(held.into_iter().map(|inode| (inode, described.clone())));
        }
    }
    Ok(owners)
}

/// The inodes of a process's sockets; none where they may not be seen.
fn sockets(process: &Process) -> Vec<u64> {
    let Some(mut folder) = process.open_files() else { return Vec::new() };
    // By number; the folder's own entries are no links.
    let is_number = |name: &CStr| name.to_bytes().first().is_some_and(u8::is_ascii_digit);
    let entries = folder.iter().flatten().filter(|entry| is_number(entry.file_name())).take(MOST_FILES);
    let names: Vec<CString> = entries.map(|entry| entry.file_name().to_owned()).collect();
    let link = |name: &CString| readlinkat(&folder, name.as_c_str()).ok();
    names.iter().filter_map(link).filter_map(|link| socket_inode(link.as_bytes())).collect()
}

/// `socket:[12345]`.
fn socket_inode(link: &[u8]) -> Option<u64> {
    text::number(link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
}

#[cfg(test)]
mod tests {
    use std::{
        net::TcpListener,
        os::{fd::AsRawFd, unix::fs::MetadataExt},
    };

    use super::*;

    #[test]
    fn a_link_tells_a_socket() {
        for (link, inode) in [
            ("socket:[12345]", Some(12345)),
            ("socket:[]", None),
            ("socket:[1", None),
            ("pipe:[12345]", None),
            ("/tmp/socket:[5]", None),
            ("anon_inode:[eventpoll]", None),
        ] {
            assert_eq!(socket_inode(link.as_bytes()), inode, "{link}");
        }
    }

    #[test]
    fn a_socket_of_ours_is_ours() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = std::fs::metadata(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap().ino();
        let owners = owners(HashSet::from([inode, u64::MAX]), Process::pid).unwrap();
        assert_eq!(owners.len(), 1);
        assert_eq!(*owners[&inode], i32::try_from(std::process::id()).unwrap());
    }
}
