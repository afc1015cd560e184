//! The system call filter: what no sandboxed code needs and what has led out of sandboxes before.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    sock_filter,
};

/// Refused with EPERM whatever their arguments.
const REFUSED: &[libc::c_long] = &[
    // Keyrings are not namespaced.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Large attack surfaces of the kernel.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    // Namespaces, mounts, roots.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_fsconfig,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_fanotify_init,
    // The kernel's own doors.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_uselib,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ustat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_sysfs,
];

/// The bits of clone(2)'s flags that ask for a new namespace.
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// The kinds of sockets there may be. Netlink only for the table of interfaces, which getifaddrs(3) reads.
const FAMILIES: [libc::c_int; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Requests of ioctl(2), whose type differs from one C library to another.
const TIOCSTI: u64 = libc::TIOCSTI as u32 as u64;
const TIOCLINUX: u64 = libc::TIOCLINUX as u32 as u64;

/// One behind the last system call that was judged here (`mseal`): what a later kernel adds does not exist inside. So are
/// the calls of x32, whose numbers begin at 2^30.
const FIRST_UNJUDGED: u32 = 463;

/// Loads the call's number; jumps always, if equal, if not below; returns. (linux/bpf_common.h)
const LOAD: u16 = 0x20;
const JUMP: u16 = 0x05;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_NOT_BELOW: u16 = 0x35;
const RETURN: u16 = 0x06;
const REFUSE: u32 = 0x0005_0000 | libc::EPERM as u32;
const NO_SUCH_CALL: u32 = 0x0005_0000 | libc::ENOSYS as u32;

/// The filter as bwrap reads it from `--seccomp`.
pub(crate) fn bytes() -> Result<Vec<u8>, String> {
    let program = program().map_err(|error| error.to_string())?;
    let mut bytes = Vec::with_capacity(program.len() * 8);
    for step in program {
        bytes.extend(step.code.to_ne_bytes());
        bytes.extend([step.jt, step.jf]);
        bytes.extend(step.k.to_ne_bytes());
    }
    Ok(bytes)
}

fn program() -> Result<BpfProgram, seccompiler::BackendError> {
    let when = |argument, operator, value| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value);
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    let namespaces: Result<Vec<_>, _> = NAMESPACES
        .into_iter()
        .map(|bit| SeccompRule::new(vec![when(0, SeccompCmpOp::MaskedEq(bit as u64), bit as u64)?]))
        .collect();
    rules.insert(libc::SYS_clone, namespaces?);
    let other_family = FAMILIES.into_iter().map(|family| when(0, SeccompCmpOp::Ne, family as u64));
    let other_netlink = vec![
        when(0, SeccompCmpOp::Eq, libc::AF_NETLINK as u64)?,
        when(2, SeccompCmpOp::Ne, libc::NETLINK_ROUTE as u64)?,
    ];
    let no_raw = vec![
        when(1, SeccompCmpOp::MaskedEq(0xf), libc::SOCK_RAW as u64)?,
        when(0, SeccompCmpOp::Ne, libc::AF_NETLINK as u64)?,
    ];
    rules.insert(
        libc::SYS_socket,
        vec![
            SeccompRule::new(other_family.collect::<Result<_, _>>()?)?,
            SeccompRule::new(other_netlink)?,
            SeccompRule::new(no_raw)?,
        ],
    );
    let not_unix = when(0, SeccompCmpOp::Ne, libc::AF_UNIX as u64)?;
    rules.insert(libc::SYS_socketpair, vec![SeccompRule::new(vec![not_unix])?]);
    // Typing into the terminal, where there is one.
    let typing = [TIOCSTI, TIOCLINUX].map(|request| SeccompRule::new(vec![when(1, SeccompCmpOp::Eq, request)?]));
    rules.insert(libc::SYS_ioctl, typing.into_iter().collect::<Result<_, seccompiler::BackendError>>()?);
    // 0xffffffff asks what it is; everything else changes how memory is laid out, or which system calls there are.
    let changes = vec![when(0, SeccompCmpOp::Ne, 0)?, when(0, SeccompCmpOp::Ne, 0xffff_ffff)?];
    rules.insert(libc::SYS_personality, vec![SeccompRule::new(changes)?]);
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, std::env::consts::ARCH.try_into()?)?;
    let mut program: BpfProgram = filter.try_into()?;
    // clone3(2) has its flags in memory, where no filter sees them: C libraries take clone(2) where there is none.
    let mut whole = vec![
        step(LOAD, 0, 0, 0),
        step(JUMP_EQUAL, 1, 0, libc::SYS_clone3 as u32),
        step(JUMP_NOT_BELOW, 0, 1, FIRST_UNJUDGED),
        step(RETURN, 0, 0, NO_SUCH_CALL),
    ];
    let mut refused: Vec<u32> = REFUSED.iter().map(|call| *call as u32).collect();
    refused.sort_unstable();
    let mut search = search(&refused);
    let length = search.len();
    for (at, step) in search.iter_mut().enumerate().filter(|(_, step)| step.code == JUMP) {
        step.k = (length - at - 1) as u32;
    }
    whole.append(&mut search);
    whole.append(&mut program);
    Ok(whole)
}

fn step(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// Refuses the loaded number where it is among these, in steps that halve them: at each start of a sandbox the kernel walks
/// through the program once for every call there is, which is where a filter's cost is. Jumps that always jump are
/// left to be led behind the whole search.
fn search(sorted: &[u32]) -> Vec<sock_filter> {
    if let [call] = sorted {
        return vec![step(JUMP_EQUAL, 0, 1, *call), step(RETURN, 0, 0, REFUSE), step(JUMP, 0, 0, 0)];
    }
    let (low, high) = sorted.split_at(sorted.len() / 2);
    let Some(first) = high.first() else { return Vec::new() };
    let (mut low, mut high) = (search(low), search(high));
    // Of two hundred calls and more the half would be too far to jump; the test says so.
    let over = u8::try_from(low.len()).unwrap_or(u8::MAX);
    let mut all = vec![step(JUMP_NOT_BELOW, over, 0, *first)];
    all.append(&mut low);
    all.append(&mut high);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel's machine would make of a call: enough of it for what seccompiler writes.
    fn verdict(program: &[sock_filter], call: i64, arguments: [u64; 6]) -> u32 {
        let mut data = Vec::new();
        data.extend((call as u32).to_ne_bytes());
        let arch: u32 = if cfg!(target_arch = "x86_64") { 0xc000_003e } else { 0xc000_00b7 };
        data.extend(arch.to_ne_bytes());
        data.extend(0_u64.to_ne_bytes());
        arguments.iter().for_each(|argument| data.extend(argument.to_ne_bytes()));
        let (mut at, mut held) = (0_usize, 0_u32);
        loop {
            let step = &program[at];
            at += 1;
            let jump = |is: bool| usize::from(if is { step.jt } else { step.jf });
            match step.code {
                0x20 => held = u32::from_ne_bytes(data[step.k as usize..][..4].try_into().unwrap()),
                0x54 => held &= step.k,
                0x05 => at += step.k as usize,
                0x15 => at += jump(held == step.k),
                0x25 => at += jump(held > step.k),
                0x35 => at += jump(held >= step.k),
                0x06 => return step.k,
                other => panic!("{other:#x}"),
            }
        }
    }

    #[test]
    fn what_is_needed_passes_and_what_is_dangerous_does_not() {
        let program = program().unwrap();
        let (allow, refuse) = (0x7fff_0000, REFUSE);
        let ask = |call: i64, arguments: &[u64]| {
            let mut all = [0; 6];
            all[..arguments.len()].copy_from_slice(arguments);
            verdict(&program, call, all)
        };
        let by_argument =
            [libc::SYS_clone, libc::SYS_socket, libc::SYS_socketpair, libc::SYS_ioctl, libc::SYS_personality];
        for call in
            (0..i64::from(FIRST_UNJUDGED)).filter(|call| *call != libc::SYS_clone3 && !by_argument.contains(call))
        {
            let expected = if REFUSED.contains(&call) { refuse } else { allow };
            assert_eq!(ask(call, &[]), expected, "{call}");
        }
        for call in [
            libc::SYS_read,
            libc::SYS_execve,
            libc::SYS_openat,
            libc::SYS_landlock_restrict_self,
            libc::SYS_seccomp,
            libc::SYS_mmap,
            libc::SYS_prctl,
        ] {
            assert_eq!(ask(call, &[]), allow, "{call}");
        }
        assert_eq!(ask(libc::SYS_clone, &[libc::SIGCHLD as u64]), allow);
        for bit in NAMESPACES {
            assert_eq!(ask(libc::SYS_clone, &[bit as u64 | libc::SIGCHLD as u64]), refuse);
        }
        for (socket, expected) in [
            ([libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0], allow),
            ([libc::AF_INET6, libc::SOCK_DGRAM, 0], allow),
            ([libc::AF_UNIX, libc::SOCK_SEQPACKET, 0], allow),
            ([libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_ROUTE], allow),
            ([libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_NETFILTER], refuse),
            ([libc::AF_INET, libc::SOCK_RAW, 1], refuse),
            ([libc::AF_PACKET, libc::SOCK_RAW, 0], refuse),
            ([libc::AF_PACKET, libc::SOCK_DGRAM, 0], refuse),
            ([libc::AF_VSOCK, libc::SOCK_STREAM, 0], refuse),
            ([libc::AF_ALG, libc::SOCK_SEQPACKET, 0], refuse),
            ([libc::AF_KEY, libc::SOCK_DGRAM, 0], refuse),
        ] {
            assert_eq!(ask(libc::SYS_socket, &socket.map(|number| number as u64)), expected, "{socket:?}");
        }
        assert_eq!(ask(libc::SYS_socketpair, &[libc::AF_UNIX as u64]), allow);
        assert_eq!(ask(libc::SYS_socketpair, &[libc::AF_TIPC as u64]), refuse);
        assert_eq!(ask(libc::SYS_ioctl, &[0, TIOCSTI]), refuse);
        assert_eq!(ask(libc::SYS_ioctl, &[0, libc::TCGETS as u32 as u64]), allow);
        assert_eq!(ask(libc::SYS_personality, &[0xffff_ffff]), allow);
        assert_eq!(ask(libc::SYS_personality, &[0x0040_0000]), refuse);
        for unknown in [libc::SYS_clone3, 463, 1000, 0x4000_0000 | libc::SYS_mount] {
            assert_eq!(ask(unknown, &[]), NO_SUCH_CALL, "{unknown}");
        }
        assert_eq!(ask(462, &[]), allow);
    }

    #[test]
    fn bwrap_reads_whole_steps_of_eight_bytes() {
        assert_eq!(bytes().unwrap().len(), program().unwrap().len() * 8);
    }
}
