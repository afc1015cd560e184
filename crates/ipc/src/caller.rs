//! Who is calling: told by the kernel from the connection, never by what the caller says of itself.

use std::{
    collections::HashMap,
    fmt, io,
    os::fd::{AsFd, AsRawFd},
    path::PathBuf,
    str::FromStr,
    sync::{Arc, PoisonError, RwLock},
};

use http::HeaderName;
use nix::{
    sys::socket::{getsockopt, sockopt::PeerCredentials},
    unistd::{Gid, Group, Uid, User},
};
use serde::{Deserialize, Serialize};

/// The header by which a caller narrows its role for a connection.
pub const ROLE_HEADER: &str = "x-osmoda-role";

/// The same, read once.
pub(crate) static ROLE: HeaderName = HeaderName::from_static(ROLE_HEADER);

/// The group whose members are operators.
pub const OPERATOR_GROUP: &str = "osmoda-operator";
/// The group whose members are agents.
pub const AGENT_GROUP: &str = "osmoda-agent";
/// The group of the suite's own service accounts.
pub const DAEMON_GROUP: &str = "osmoda-daemon";
/// The group that may open the sockets.
pub const SOCKET_GROUP: &str = "osmoda";

/// agentd's unit, in which commands of agents run as well.
const AGENTD_UNIT: &str = "osmoda-agentd.service";

/// The variable that marks every process which an agent's command started.
pub const COMMAND_MARK: &str = "OSMODA_REQUEST_ID";

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Has the last word: uid 0, the daemon's own uid, or a member of `osmoda-operator`.
    Operator,
    /// Acts for a model: a member of `osmoda-agent`, whoever narrowed itself, and every process that a command of an
    /// agent started.
    Agent,
    /// One of the suite's own service accounts.
    Daemon,
}

impl Role {
    /// The role's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Agent => "agent",
            Self::Daemon => "daemon",
        }
    }

    /// Whether a caller of this role may take the other: itself, and from operator or daemon down to agent.
    pub fn may_narrow_to(self, other: Self) -> bool {
        self == other || other == Self::Agent
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        match text {
            "operator" => Ok(Self::Operator),
            "agent" => Ok(Self::Agent),
            "daemon" => Ok(Self::Daemon),
            _ => Err(UnknownRole),
        }
    }
}

/// The text names no role.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is operator, agent or daemon")]
pub struct UnknownRole;

/// One caller, as the kernel and the account database know it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// User id.
    pub uid: u32,
    /// Process id at the time of the connection.
    pub pid: i32,
    /// Account name, or `uid` and the number where the account has none.
    pub name: Arc<str>,
    /// What it may do, after narrowing.
    pub role: Role,
}

impl Caller {
    /// `role:name`, the actor of ledger events. Never holds `|`.
    pub fn actor(&self) -> String {
        format!("{}:{}", self.role.as_str(), self.name)
    }

    /// Who this is for approvals: the account and the role it acts in.
    pub fn principal(&self) -> String {
        format!("{}:{}", self.role.as_str(), self.uid)
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.role.as_str(), self.name)
    }
}

/// What the kernel says of the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// User id.
    pub uid: u32,
    /// Process id.
    pub pid: i32,
    /// Every group: the primary one and the supplementary ones.
    pub groups: Vec<u32>,
}

impl Peer {
    /// Asks the kernel (SO_PEERCRED and SO_PEERGROUPS, unix(7)).
    pub fn of(socket: &impl AsFd) -> io::Result<Self> {
        let credentials = getsockopt(&socket.as_fd(), PeerCredentials)?;
        let mut groups = peer_groups(socket)?;
        groups.push(credentials.gid());
        Ok(Self { uid: credentials.uid(), pid: credentials.pid(), groups })
    }
}

/// SO_PEERGROUPS, for which nix has no wrapper: the supplementary groups of the peer when it connected.
#[expect(unsafe_code)]
fn peer_groups(socket: &impl AsFd) -> io::Result<Vec<u32>> {
    let fd = socket.as_fd().as_raw_fd();
    let mut groups: Vec<libc::gid_t> = vec![0; 32];
    loop {
        let mut bytes = libc::socklen_t::try_from(groups.len() * size_of::<libc::gid_t>()).map_err(io::Error::other)?;
        // SAFETY: `groups` is a live, aligned, exclusively borrowed buffer of exactly `bytes` bytes; the kernel writes
        // at most that many and stores in `bytes` how many it wrote, or needs (ERANGE). `fd` is open: it is borrowed.
        let status = unsafe {
            libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERGROUPS, groups.as_mut_ptr().cast(), &raw mut bytes)
        };
        let count = usize::try_from(bytes).map_err(io::Error::other)? / size_of::<libc::gid_t>();
        if status == 0 {
            groups.truncate(count);
            return Ok(groups);
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::ERANGE) || count <= groups.len() {
            return Err(error);
        }
        groups.resize(count, 0);
    }
}

/// Turns peers into callers. Account and group numbers are looked up once and again at [`Accounts::refresh`].
#[derive(Debug)]
pub struct Accounts {
    own_uid: u32,
    groups: RwLock<RoleGroups>,
    names: RwLock<HashMap<u32, Arc<str>>>,
    /// Holds agentd's process id. Whatever descends from it was started by an agent's command.
    agentd_pid_file: PathBuf,
}

#[derive(Clone, Copy, Debug, Default)]
struct RoleGroups {
    operator: Option<u32>,
    agent: Option<u32>,
    daemon: Option<u32>,
}

impl RoleGroups {
    fn lookup() -> Self {
        let gid = |name| Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw());
        Self { operator: gid(OPERATOR_GROUP), agent: gid(AGENT_GROUP), daemon: gid(DAEMON_GROUP) }
    }

    fn role(&self, own_uid: u32, peer: &Peer) -> Option<Role> {
        let member = |group: Option<u32>| group.is_some_and(|gid| peer.groups.contains(&gid));
        if peer.uid == 0 || peer.uid == own_uid || member(self.operator) {
            Some(Role::Operator)
        } else if member(self.daemon) {
            Some(Role::Daemon)
        } else if member(self.agent) {
            Some(Role::Agent)
        } else {
            None
        }
    }
}

impl Accounts {
    /// Looks the groups up. `agentd_pid_file` is where agentd keeps its process id.
    pub fn new(agentd_pid_file: PathBuf) -> Self {
        Self {
            own_uid: Uid::effective().as_raw(),
            groups: RwLock::new(RoleGroups::lookup()),
            names: RwLock::default(),
            agentd_pid_file,
        }
    }

    /// Looks everything up anew.
    pub fn refresh(&self) {
        *self.groups.write().unwrap_or_else(PoisonError::into_inner) = RoleGroups::lookup();
        self.names.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The caller behind a peer; `Err` with its account's name where it has no role.
    pub fn identify(&self, peer: &Peer) -> Result<Caller, Arc<str>> {
        let name = self.name(peer.uid);
        let groups = *self.groups.read().unwrap_or_else(PoisonError::into_inner);
        let Some(role) = groups.role(self.own_uid, peer) else { return Err(name) };
        let role =
            if role == Role::Operator && self.is_born_of_an_agents_command(peer.pid) { Role::Agent } else { role };
        Ok(Caller { uid: peer.uid, pid: peer.pid, name, role })
    }

    fn name(&self, uid: u32) -> Arc<str> {
        if let Some(name) = self.names.read().unwrap_or_else(PoisonError::into_inner).get(&uid) {
            return name.clone();
        }
        let known = User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name.replace('|', "_"));
        let name: Arc<str> = known.unwrap_or_else(|| format!("uid{uid}")).into();
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if names.len() > 4096 {
            names.clear();
        }
        names.insert(uid, name.clone());
        name
    }

    /// agentd runs agents' commands as its own children and adopts their orphans (PR_SET_CHILD_SUBREAPER), so that the
    /// kernel's parent links show what an agent started, whatever user id it has. Without this, a command run for an
    /// agent by a root agentd would open the sockets as an operator and could answer its own approvals.
    ///
    /// What outlives a killed agentd has lost that link; there its control group still tells, which is that of agentd's
    /// unit, and to those who may read it the mark in its environment.
    fn is_born_of_an_agents_command(&self, pid: i32) -> bool {
        let agentd =
            std::fs::read_to_string(&self.agentd_pid_file).ok().and_then(|text| text.trim().parse::<i32>().ok());
        if agentd == Some(pid) {
            return false;
        }
        if is_in_agentds_unit(pid) {
            return true;
        }
        let mut current = pid;
        for _ in 0..128 {
            if bears_mark(current) {
                return true;
            }
            match parent_of(current) {
                Some(parent) if agentd == Some(parent) => return true,
                Some(parent) if parent > 1 => current = parent,
                _ => return false,
            }
        }
        // A chain this long is nobody's ordinary shell.
        true
    }
}

/// Whether a process was started with the variable that marks agents' commands.
fn bears_mark(pid: i32) -> bool {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment
        .split(|byte| *byte == 0)
        .any(|variable| variable.strip_prefix(COMMAND_MARK.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'=')))
}

/// Whether systemd counts a process to agentd's unit, from `/proc/PID/cgroup` (cgroups(7)), which everybody may read.
fn is_in_agentds_unit(pid: i32) -> bool {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    names_agentds_unit(&groups)
}

fn names_agentds_unit(groups: &str) -> bool {
    let paths = groups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    paths.flat_map(|path| path.split('/')).any(|part| part == AGENTD_UNIT)
}

/// The parent's process id, from `/proc/PID/stat` (proc_pid_stat(5)).
fn parent_of(pid: i32) -> Option<i32> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The command's name stands in parentheses and may hold anything, also `)`.
    let after_name = stat.iter().rposition(|b| *b == b')')?;
    std::str::from_utf8(stat.get(after_name + 1..)?).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The gid of the group that may open the sockets, where there is one.
pub(crate) fn socket_group() -> Option<Gid> {
    Group::from_name(SOCKET_GROUP).ok().flatten().map(|group| group.gid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_follow_from_uid_and_groups_alone() {
        let groups = RoleGroups { operator: Some(10), agent: Some(20), daemon: Some(30) };
        let peer = |uid, groups: &[u32]| Peer { uid, pid: 1, groups: groups.to_vec() };
        let cases = [
            (peer(0, &[]), Some(Role::Operator)),
            (peer(500, &[]), Some(Role::Operator)),
            (peer(7, &[10, 20]), Some(Role::Operator)),
            (peer(7, &[20]), Some(Role::Agent)),
            (peer(7, &[30]), Some(Role::Daemon)),
            (peer(7, &[40]), None),
        ];
        for (peer, role) in cases {
            assert_eq!(groups.role(500, &peer), role, "{peer:?}");
        }
    }

    #[test]
    fn a_missing_group_gives_nobody_a_role() {
        assert_eq!(RoleGroups::default().role(500, &Peer { uid: 7, pid: 1, groups: vec![0, 1, 2] }), None);
    }

    #[test]
    fn a_role_narrows_and_never_widens() {
        assert!(Role::Operator.may_narrow_to(Role::Agent) && Role::Daemon.may_narrow_to(Role::Agent));
        assert!(!Role::Agent.may_narrow_to(Role::Operator) && !Role::Agent.may_narrow_to(Role::Daemon));
        assert!(!Role::Operator.may_narrow_to(Role::Daemon) && !Role::Daemon.may_narrow_to(Role::Operator));
    }

    #[test]
    fn who_is_in_agentds_unit_is_told_by_a_whole_name() {
        for (groups, is_in) in [
            ("0::/system.slice/osmoda-agentd.service\n", true),
            ("0::/system.slice/osmoda-agentd.service/shell/7\n", true),
            ("1:name=systemd:/system.slice/osmoda-agentd.service\n0::/\n", true),
            ("0::/user.slice/user-0.slice/session-1.scope\n", false),
            ("0::/system.slice/osmoda-agentd.service.d\n", false),
            ("", false),
        ] {
            assert_eq!(names_agentds_unit(groups), is_in, "{groups}");
        }
    }

    #[test]
    fn the_kernel_tells_uid_pid_and_groups_of_a_socket() {
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let peer = Peer::of(&ours).unwrap();
        assert_eq!((peer.uid, peer.pid), (Uid::effective().as_raw(), i32::try_from(std::process::id()).unwrap()));
        let mut expected: Vec<u32> = nix::unistd::getgroups().unwrap().into_iter().map(Gid::as_raw).collect();
        expected.push(nix::unistd::getegid().as_raw());
        assert_eq!(peer.groups, expected);
    }

    #[test]
    fn a_descendant_of_agentd_is_an_agent_whatever_its_uid() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("agentd.pid");
        let accounts = Accounts::new(pid_file.clone());
        let me = i32::try_from(std::process::id()).unwrap();
        let peer = Peer { uid: Uid::effective().as_raw(), pid: me, groups: vec![] };
        assert_eq!(accounts.identify(&peer).unwrap().role, Role::Operator);
        std::fs::write(&pid_file, parent_of(me).unwrap().to_string()).unwrap();
        assert_eq!(accounts.identify(&peer).unwrap().role, Role::Agent);
        std::fs::remove_file(&pid_file).unwrap();
        let mut marked = std::process::Command::new("sleep").arg("60").env(COMMAND_MARK, "req_x").spawn().unwrap();
        let orphan = Peer { pid: i32::try_from(marked.id()).unwrap(), ..peer };
        // A spawn returns a moment before the new program's environment can be read.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while !bears_mark(orphan.pid) && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(accounts.identify(&orphan).unwrap().role, Role::Agent, "the mark outlives agentd");
        marked.kill().unwrap();
        marked.wait().unwrap();
    }
}
