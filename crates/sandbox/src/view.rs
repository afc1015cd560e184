//! The command line of bwrap for one plan: what the sandbox sees, and nothing else.

use std::{
    ffi::{OsStr, OsString},
    os::fd::{AsRawFd, RawFd},
};

use crate::{
    direct,
    grant::Held,
    host::Host,
    init::Given,
    plan::{Access, Network, Plan, Ring},
};

/// The working folder inside.
pub(crate) const WORK: &str = "/sandbox";
/// The home inside.
pub(crate) const HOME: &str = "/home/sandbox";
/// The port of the loopback inside at which the proxy is found.
pub(crate) const PROXY_PORT: u16 = 19_999;
/// By how many processes the account's limit lies above a control group's.
const SPARE_PROCESSES: u64 = 16;
/// Process 1 inside.
const INIT: &str = "/.osmoda-sandbox-init";

/// Files of /etc that are made up.
pub(crate) const ETC: [(&str, &str); 4] = [
    (
        "/etc/passwd",
        "sandbox:x:1000:1000:sandbox:/home/sandbox:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
    ),
    ("/etc/group", "sandbox:x:1000:\nnogroup:x:65534:\n"),
    ("/etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"),
    // No name is asked for anywhere: there is nobody to ask.
    ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
];
/// What of the machine's /etc programs need: how libraries are found, and which of several programs is meant.
const ETC_FOLDERS: [&str; 1] = ["/etc/alternatives"];
const ETC_FOLDERS_OF_NETWORK: [&str; 3] = ["/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/static/ssl/certs"];

/// The descriptors that bwrap and process 1 are given.
#[derive(Debug)]
pub(crate) struct Handed<'a> {
    /// Process 1's program.
    pub(crate) init: &'a Given,
    pub(crate) filter: RawFd,
    pub(crate) report: RawFd,
    pub(crate) leash: RawFd,
    /// One a file of [`ETC`].
    pub(crate) etc: [RawFd; ETC.len()],
    /// The machine's `/etc/ld.so.cache`, where it has one.
    pub(crate) libraries: Option<RawFd>,
    /// The proxy's socket: process 1 has it, and no name in the sandbox leads to it.
    pub(crate) proxy: Option<RawFd>,
    /// A control group holds the limits of all processes together.
    pub(crate) is_grouped: bool,
    pub(crate) grants: &'a [Held],
}

/// Arguments in the making.
#[derive(Debug, Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn add<const N: usize>(&mut self, words: [&OsStr; N]) {
        self.0.extend(words.map(OsStr::to_owned));
    }

    fn words<const N: usize>(&mut self, words: [&str; N]) {
        self.add(words.map(OsStr::new));
    }
}

/// The arguments of bwrap, with those of process 1 behind.
pub(crate) fn arguments(plan: &Plan, host: &Host, handed: &Handed<'_>) -> Vec<OsString> {
    let mut to = Arguments::default();
    // By name, not `--unshare-all`: that one goes without those that it can't have.
    to.words([
        "--unshare-user",
        "--unshare-ipc",
        "--unshare-pid",
        "--unshare-net",
        "--unshare-uts",
        "--unshare-cgroup",
    ]);
    to.words(["--disable-userns", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox"]);
    to.words(["--cap-drop", "ALL", "--new-session", "--die-with-parent", "--as-pid-1"]);
    to.words(["--seccomp", &handed.filter.to_string()]);
    for folder in &host.folders {
        to.add([OsStr::new("--ro-bind"), folder.as_os_str(), folder.as_os_str()]);
    }
    for (at, leads_to) in &host.links {
        to.add([OsStr::new("--symlink"), leads_to.as_os_str(), at.as_os_str()]);
    }
    let etc = ETC.iter().map(|(path, _)| *path).zip(handed.etc);
    for (path, fd) in etc.chain(handed.libraries.map(|fd| ("/etc/ld.so.cache", fd))) {
        to.words(["--perms", "0444", "--file", &fd.to_string(), path]);
    }
    let of_network: &[&str] = if plan.network.is_some() { &ETC_FOLDERS_OF_NETWORK } else { &[] };
    for folder in ETC_FOLDERS.iter().chain(of_network) {
        to.words(["--ro-bind-try", folder, folder]);
    }
    to.words(["--proc", "/proc", "--dev", "/dev"]);
    let space = plan.limits.space.to_string();
    for folder in [WORK, HOME, "/tmp", "/dev/shm"] {
        to.words(["--size", &space, "--tmpfs", folder]);
    }
    let init = handed.init.file.as_raw_fd().to_string();
    if handed.init.is_content {
        to.words(["--perms", "0555", "--ro-bind-data", &init, INIT]);
    } else {
        to.words(["--ro-bind-fd", &init, INIT]);
    }
    for held in handed.grants {
        let bind = if held.grant.access == Access::Write { "--bind-fd" } else { "--ro-bind-fd" };
        to.add([OsStr::new(bind), OsStr::new(&held.file.as_raw_fd().to_string()), held.grant.path.as_os_str()]);
    }
    // The root and /dev are memory too, and nobody's to fill.
    to.words(["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK, "--", INIT]);
    init_arguments(&mut to, plan, handed);
    to.0
}

/// Process 1's own arguments: see `inside::Orders`.
fn init_arguments(to: &mut Arguments, plan: &Plan, handed: &Handed<'_>) {
    let limits = &plan.limits;
    // The group's limit is met first: it counts who was turned away, and a limit of the account's does not.
    let spare = if handed.is_grouped { SPARE_PROCESSES } else { 0 };
    let numbers = [
        ("--report", handed.report as u64),
        ("--leash", handed.leash as u64),
        ("--cpu-ms", limits.cpu_ms),
        ("--memory", limits.memory),
        ("--processes", limits.processes + spare),
        ("--file", limits.file),
    ];
    for (name, number) in numbers {
        to.words([name, &number.to_string()]);
    }
    for held in handed.grants {
        let name = match held.grant.access {
            Access::Read => "--read",
            Access::Exec => "--exec",
            Access::Write => "--write",
        };
        to.add([OsStr::new(name), held.grant.path.as_os_str()]);
    }
    if let Some(proxy) = handed.proxy {
        to.words(["--proxy", &proxy.to_string()]);
    }
    match direct::words(&plan.command) {
        Some(words) => {
            to.words(["--"]);
            to.0.extend(words.into_iter().map(OsString::from));
        }
        None => to.words(["--", "/bin/sh", "-c", &plan.command]),
    }
}

/// The whole environment inside.
pub(crate) fn environment(plan: &Plan, host: &Host) -> Vec<(&'static str, OsString)> {
    let ring = match plan.ring {
        Ring::Declared => "1",
        Ring::Untrusted => "2",
    };
    let mut all: Vec<(&str, OsString)> = vec![
        ("PATH", host.path.clone()),
        ("HOME", HOME.into()),
        ("USER", "sandbox".into()),
        ("LOGNAME", "sandbox".into()),
        ("SHELL", "/bin/sh".into()),
        ("TMPDIR", "/tmp".into()),
        ("LANG", "C.UTF-8".into()),
        ("TERM", "dumb".into()),
        ("OSMODA_RING", ring.into()),
    ];
    if let Some(Network { credentials, .. }) = &plan.network {
        let proxy = OsString::from(format!("http://{credentials}@127.0.0.1:{PROXY_PORT}"));
        for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            all.push((name, proxy.clone()));
        }
        for name in ["no_proxy", "NO_PROXY"] {
            all.push((name, "localhost,127.0.0.1,::1".into()));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, plan::Grant};

    fn plan(ring: Ring, network: Option<Network>) -> Plan {
        Plan { id: "r".into(), command: "/bin/true".into(), ring, grants: vec![], network, limits: Limits::default() }
    }

    fn text(plan: &Plan, grants: &[Held]) -> String {
        let host =
            Host { folders: vec!["/usr".into()], links: vec![("/bin".into(), "usr/bin".into())], path: "/bin".into() };
        let init = Given { file: std::fs::File::open("/").unwrap().into(), is_content: false };
        let handed = Handed {
            init: &init,
            filter: 10,
            report: 11,
            leash: 16,
            etc: [12, 13, 14, 15],
            libraries: None,
            proxy: None,
            is_grouped: false,
            grants,
        };
        let all = arguments(plan, &host, &handed);
        format!(" {} ", all.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn every_namespace_is_unshared_by_name_and_everything_writable_has_a_size() {
        let text = text(&plan(Ring::Untrusted, None), &[]);
        for needed in [
            "--unshare-user",
            "--unshare-ipc",
            "--unshare-pid",
            "--unshare-net",
            "--unshare-uts",
            "--unshare-cgroup",
            "--disable-userns",
            "--cap-drop ALL",
            "--new-session",
            "--die-with-parent",
            "--seccomp 10",
            "--ro-bind /usr /usr",
            "--symlink usr/bin /bin",
            "--remount-ro /dev",
            "--remount-ro / ",
            "-- /bin/true ",
        ] {
            assert!(text.contains(&format!(" {needed} ").replace("  ", " ")), "{needed} in {text}");
        }
        assert_eq!(text.matches("--tmpfs").count(), text.matches("--size 134217728 --tmpfs").count());
        for absent in ["--bind ", "--dev-bind", "--share-net", "egress", "--ro-bind-try /etc/ssl", "-try /run"] {
            assert!(!text.contains(absent), "{absent} in {text}");
        }
    }

    #[test]
    fn a_grant_is_bound_by_its_descriptor_and_told_to_landlock() {
        let file = std::fs::File::open("/").unwrap();
        let grant = |path: &str, access| Held {
            grant: Grant { path: path.into(), access },
            file: file.try_clone().unwrap().into(),
        };
        let grants = [grant("/srv/a", Access::Read), grant("/srv/b", Access::Write), grant("/srv/c", Access::Exec)];
        let network = Network { socket: "/run/osmoda/egress.sock".into(), credentials: "osmoda:secret".into() };
        let plan = plan(Ring::Declared, Some(network));
        let text = text(&plan, &grants);
        for (number, needed) in [(0, "--ro-bind-fd N /srv/a"), (1, "--bind-fd N /srv/b"), (2, "--ro-bind-fd N /srv/c")]
        {
            let needed = needed.replace('N', &grants[number].file.as_raw_fd().to_string());
            assert!(text.contains(&needed), "{needed} in {text}");
        }
        assert!(text.contains("--read /srv/a --write /srv/b --exec /srv/c -- /bin/true"), "{text}");
        assert!(!text.contains("egress.sock"), "{text}");
        assert!(!text.contains("secret"), "a command line is everybody's to read");
        let environment = environment(&plan, &Host::default());
        let proxy = environment.iter().find(|(name, _)| *name == "https_proxy").unwrap();
        assert_eq!(proxy.1, "http://osmoda:secret@127.0.0.1:19999");
    }

    #[test]
    fn what_needs_a_shell_gets_one() {
        let plan = Plan { command: "echo $HOME".into(), ..plan(Ring::Untrusted, None) };
        assert!(text(&plan, &[]).contains(" -- /bin/sh -c echo $HOME "));
    }
}
