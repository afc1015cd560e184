//! Programs whose first operand says what they do, as data.

use super::tool::Verbs;

const fn verbs(options: &'static str, ordinary: &'static str, code: &'static str, text: &'static str) -> Verbs {
    Verbs { options, ordinary, code, text }
}

/// A list of verbs that begins with a blank allows to name none.
pub(super) const VERBS: &[(&str, &Verbs)] = &[
    (
        "apt apt-get apt-cache aptitude",
        &verbs(
            "a:o,option= a:c,config-file= -:t,default-release= m:q",
            " list search show showpkg policy depends rdepends changelog madison pkgnames stats why why-not versions showsrc dump help indextargets",
            "package_change",
            "changes what is installed",
        ),
    ),
    (
        "yum dnf dnf5 zypper",
        &verbs(
            "a:c,config= a:setopt= a:installroot= -:repo= -:enablerepo= -:disablerepo=",
            " list info search repolist provides check-update deplist repoquery history/list history/info",
            "package_change",
            "changes what is installed",
        ),
    ),
    (
        "npm",
        &verbs(
            "a:prefix= a:script-shell= a:node-options= -:depth=",
            "ls list view outdated root version",
            "project_code",
            "runs what the project says",
        ),
    ),
    (
        "snap",
        &verbs("", " list info find version changes services warnings", "package_change", "changes what is installed"),
    ),
    ("flatpak", &verbs("", " list info search history remotes", "package_change", "changes what is installed")),
    (
        "apk",
        &verbs(
            "a:root= a:p=",
            " info list search policy version stats dot",
            "package_change",
            "changes what is installed",
        ),
    ),
    (
        "pip pip3",
        &verbs(
            "a:python= w:log= r:r,requirement=",
            " list show freeze check help index debug",
            "package_change",
            "changes what is installed",
        ),
    ),
    (
        "nix",
        &verbs(
            "a:option= a:extra-experimental-features a:f,file= a:expr= a:I= a:builders=",
            "search path-info why-depends profile/list profile/history registry/list store/ls store/info store/ping flake/metadata show-config config/show doctor derivation/show",
            "system_rebuild",
            "builds, runs or changes something",
        ),
    ),
    (
        "nix-channel",
        &verbs(
            "a:add a:remove a:update a:rollback m:list",
            " ",
            "system_rebuild",
            "changes what the system is built from",
        ),
    ),
    ("nixos-rebuild", &verbs("", "list-generations", "system_rebuild", "builds or changes the whole system")),
    ("nixos-version", &verbs("", " ", "system_rebuild", "builds or changes the whole system")),
    (
        "docker podman",
        &verbs(
            "a:H,host= a:c,context= a:config= a:url= a:connection= -:n,tail= -:since= -:until= -:f,filter= -:format=",
            "ps images logs version info stats top port history container/ls container/logs image/ls volume/ls network/ls",
            "containers",
            "starts or changes containers",
        ),
    ),
    (
        "loginctl",
        &verbs(
            "a:H,host= a:M,machine= -:p,property= -:n,lines= -:o,output=",
            " list-sessions list-users list-seats session-status show-session user-status show-user seat-status show-seat",
            "users",
            "changes sessions or users",
        ),
    ),
    (
        "timedatectl",
        &verbs(
            "a:H,host= a:M,machine= -:p,property=",
            " status show list-timezones timesync-status show-timesync",
            "clock",
            "changes the clock",
        ),
    ),
    ("hostnamectl", &verbs("a:H,host= a:M,machine=", " status show", "network_change", "changes the machine's name")),
    (
        "localectl",
        &verbs(
            "a:H,host= a:M,machine=",
            " status list-locales list-keymaps",
            "guarded_path",
            "changes the machine's language",
        ),
    ),
    (
        "resolvectl systemd-resolve",
        &verbs(
            "-:i,interface= -:p,protocol= -:t,type= -:c,class=",
            " status statistics query service show-cache show-server-state",
            "network_change",
            "changes the network",
        ),
    ),
    ("networkctl", &verbs("-:n,lines=", " list status lldp", "network_change", "changes the network")),
    (
        "coredumpctl",
        &verbs(
            "w:o,output= a:debugger= a:A,debugger-arguments= r:file= r:D,directory= -:F,field= -:n=",
            " list info",
            "trace_process",
            "looks into another process",
        ),
    ),
    (
        "bootctl",
        &verbs(
            "-:esp-path= -:boot-path= a:root=",
            " status list is-installed",
            "disk_format",
            "changes what the machine starts from",
        ),
    ),
    ("udevadm", &verbs("", "info monitor", "kernel_change", "changes how devices are handled")),
    (
        "busctl",
        &verbs(
            "a:H,host= a:M,machine= a:address=",
            " list status tree introspect monitor",
            "system_bus",
            "asks other services to act",
        ),
    ),
    ("dbus-send gdbus qdbus", &verbs("", "", "system_bus", "asks other services to act")),
    (
        "systemd-analyze",
        &verbs(
            "a:H,host= a:M,machine= a:root= a:image=",
            " time blame critical-chain plot dot unit-paths exit-status capability syscall-filter filesystems calendar timestamp timespan security verify",
            "guarded_path",
            "changes how services run",
        ),
    ),
    (
        "nmcli",
        &verbs(
            "-:t,terse -:f,fields= -:g,get-values= -:c,colors= -:m,mode=",
            " general/status general/ device/status device/show device/ connection/show connection/ dev/status dev/show dev/ con/show con/ c/show d/show d/status g/status radio/ monitor networking/connectivity",
            "network_change",
            "changes the network",
        ),
    ),
    (
        "agentctl",
        &verbs(
            "-:dir= -:n,limit=",
            " status health events verify-ledger trace approvals completions version help",
            "osmoda_itself",
            "acts on osmoda itself",
        ),
    ),
];
