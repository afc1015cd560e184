//! Tries what must not work.

use std::ffi::CStr;

use nix::{
    errno::Errno,
    sys::{
        prctl::get_dumpable,
        resource::{Resource, getrlimit},
        socket::{AddressFamily, SockFlag, SockType, socket, socketpair},
    },
    unistd::execve,
};

/// What the system refused just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tried {
    pub(crate) no_network: bool,
    pub(crate) no_exec: bool,
}

/// Tries every kind of socket and to run a program.
pub(crate) fn try_everything() -> Tried {
    use AddressFamily::{Alg, Inet, Inet6, Netlink, Packet, Vsock};
    let kinds = [SockType::Stream, SockType::Datagram, SockType::Raw];
    let refused = |result: Result<(), Errno>| result == Err(Errno::EPERM);
    let no_socket = [Inet, Inet6, Netlink, Packet, Vsock, Alg]
        .into_iter()
        .flat_map(|family| kinds.map(|kind| (family, kind)))
        .all(|(family, kind)| refused(socket(family, kind, SockFlag::SOCK_CLOEXEC, None).map(drop)));
    let no_pair = refused(socketpair(Inet, SockType::Stream, None, SockFlag::SOCK_CLOEXEC).map(drop));
    // A program that is not there: where programs may be run, the answer is that there is none.
    let nowhere: &CStr = c"/nonexistent/osmoda-keyd-probe";
    let no_exec = execve::<&CStr, &CStr>(nowhere, &[nowhere], &[]).is_err_and(|error| error == Errno::EPERM);
    Tried { no_network: no_socket && no_pair, no_exec }
}

/// Whether the system would write no core of this process.
pub(crate) fn core_dumps_off() -> bool {
    getrlimit(Resource::RLIMIT_CORE).is_ok_and(|(soft, hard)| soft == 0 && hard == 0)
        && get_dumpable().is_ok_and(|dumpable| !dumpable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_not_shut_in_is_not_said_to_be() {
        assert_eq!(try_everything(), Tried { no_network: false, no_exec: false });
    }
}
