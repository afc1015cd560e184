//! Programs that act on services, processes, packages and disks.

use super::{
    call::Call,
    options::{self, Style},
    processes::OWN_DAEMONS,
    state::Flow,
    tool::{Operands, Tool},
    value::Value,
    walk::Judge,
};

type Own = fn(&mut Judge<'_>, Call<'_>) -> Flow;

pub(super) const OWN: &[(&str, Own)] = &[
    ("systemctl", systemctl),
    ("service rc-service", service),
    ("journalctl", journalctl),
    ("renice", |_, call| Flow::plain(call.state)),
    ("crontab", |judge, call| only(judge, call, &["-l"], "scheduled", "lets commands run later, out of sight")),
    ("sysctl", sysctl),
    ("date", date),
    ("getent", getent),
    ("fdisk parted", disk),
    ("dpkg dpkg-query rpm pacman nix-store", package),
    ("mount", |judge, call| {
        if call.arguments.is_empty() {
            return Flow::plain(call.state);
        }
        only(judge, call, &["-l", "-v", "--show-labels"], "mount", "changes what is mounted")
    }),
    ("ldconfig", |judge, call| {
        only(judge, call, &["-p", "-v", "-N", "-X"], "kernel_change", "changes how programs are loaded")
    }),
];

fn only(judge: &mut Judge<'_>, call: Call<'_>, harmless: &[&str], code: &'static str, text: &str) -> Flow {
    if call.arguments.is_empty()
        || !call.arguments.iter().all(|argument| argument.known().is_some_and(|text| harmless.contains(&text)))
    {
        judge.ask(code, format!("{} {text}", call.name));
    }
    Flow::plain(call.state)
}

const SHOWS: &[&str] = &[
    "",
    "status",
    "show",
    "cat",
    "help",
    "list-units",
    "list-unit-files",
    "list-sockets",
    "list-timers",
    "list-jobs",
    "list-dependencies",
    "list-machines",
    "list-automounts",
    "list-paths",
    "is-active",
    "is-failed",
    "is-enabled",
    "is-system-running",
    "get-default",
    "show-environment",
    "--version",
];
const STARTS: &[&str] = &[
    "start",
    "restart",
    "reload",
    "try-restart",
    "reload-or-restart",
    "try-reload-or-restart",
    "condrestart",
    "force-reload",
    "reset-failed",
];
/// Units whose start is an act of its own.
const UNITS: &[&str] = &[
    "reboot",
    "poweroff",
    "halt",
    "kexec",
    "shutdown",
    "rescue",
    "emergency",
    "exit",
    "suspend",
    "hibernate",
    "hybrid-sleep",
    "sleep",
    "soft-reboot",
    "isolate",
    "systemd-",
    "initrd",
    "ctrl-alt-del",
    "debug-shell",
    "multi-user",
    "graphical",
    "default",
    "basic",
    "sysinit",
    "runlevel",
    "factory-reset",
    "getty",
    "sshd",
    "ssh.",
    "polkit",
    "dbus",
    "docker-",
    "final",
    "umount",
    "local-fs",
    "user@",
    "user-",
    "nftables",
    "iptables",
    "ip6tables",
    "netfilter",
    "ufw",
    "firewalld",
    "shorewall",
    "fail2ban",
    "network",
    "NetworkManager",
    "auditd",
    "rsyslog",
    "apparmor",
];

fn systemctl(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = "a:H,host= a:M,machine= a:root= a:image= -:user -:system -:t,type= -:p,property= -:P= -:n,lines= -:o,output= -:state= -:job-mode= -:a,all -:l,full -:q,quiet \
        -:no-pager -:no-legend -:no-block -:wait -:failed -:r,recursive -:reverse -:after -:before -:plain -:now a:f,force -:s,signal= -:kill-whom= -:value -:what= -:legend=";
    let parsed = options::parse(call.arguments, description, Style::default());
    judge.parsed_options(&parsed, description, &call);
    let words: Vec<&str> = parsed.operands.iter().map(|operand| operand.known().unwrap_or("\u{0}")).collect();
    judge.service_verb(words.first().copied().unwrap_or_default(), words.get(1..).unwrap_or_default());
    if parsed.operands.iter().skip(1).any(|unit| unit.known().is_none()) && !SHOWS.contains(&words[0]) {
        judge.ask("unknown_argument", "which unit systemctl acts on can't be said before it runs");
    }
    Flow::plain(call.state)
}

impl Judge<'_> {
    fn service_verb(&mut self, verb: &str, units: &[&str]) {
        if SHOWS.contains(&verb) {
            return;
        }
        match verb {
            "reboot" | "soft-reboot" | "kexec" => self.ask("reboot", "the machine would restart"),
            "poweroff"
            | "halt"
            | "suspend"
            | "hibernate"
            | "hybrid-sleep"
            | "suspend-then-hibernate"
            | "sleep"
            | "exit"
            | "emergency"
            | "rescue"
            | "default" => {
                self.ask("shutdown", "the machine would stop");
            }
            _ if !STARTS.contains(&verb) => {
                self.ask("service_change", format!("systemctl {verb} changes what runs on this machine"));
            }
            _ => {}
        }
        for unit in units {
            // A pattern may mean any unit.
            let pattern = unit.contains(['*', '?', '[']);
            if OWN_DAEMONS.iter().any(|own| {
                unit.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '@']))
            }) {
                self.ask("osmoda_itself", format!("{unit} is a part of osmoda"));
            } else if pattern
                || unit.contains('/')
                || unit.ends_with(".target")
                || UNITS.iter().any(|own| unit.starts_with(own))
            {
                self.ask("service_change", format!("{unit} is more than one ordinary service"));
            }
        }
    }
}

/// `service NAME VERB`.
fn service(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let words: Vec<&str> = call.arguments.iter().map(|word| word.known().unwrap_or("\u{0}")).collect();
    match words.as_slice() {
        ["--status-all"] | [] => {}
        [unit, verb] if !unit.starts_with('-') && *unit != "\u{0}" => judge.service_verb(verb, &[unit]),
        _ => judge.ask("service_change", "which service is changed can't be said"),
    }
    Flow::plain(call.state)
}

fn journalctl(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = "a:vacuum-size= a:vacuum-time= a:vacuum-files= a:rotate a:flush a:relinquish-var a:smart-relinquish-var a:setup-keys a:update-catalog a:sync a:force \
        w:cursor-file= r:D,directory= r:file= a:root= a:image= a:M,machine= -:u,unit= -:user-unit= -:n,lines=? -:S,since= -:U,until= -:p,priority= -:o,output= -:g,grep= \
        -:t,identifier= -:b,boot=? -:k,dmesg -:f,follow -:e,pager-end -:x,catalog -:r,reverse -:a,all -:q,quiet -:no-pager -:c,cursor= -:after-cursor= -:F,field= -:facility= \
        -:output-fields= -:case-sensitive=? -:namespace= -:interval= -:verify-key=";
    let parsed = options::parse(call.arguments, description, Style::default());
    judge.parsed_options(&parsed, description, &call);
    Flow::plain(call.state)
}

fn sysctl(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description =
        "a:w,write a:p,load=? a:f a:system -:a,all -:A -:X -:n,values -:N,names -:e,ignore -:q -:r,pattern=";
    let parsed = options::parse(call.arguments, description, Style::default());
    judge.parsed_options(&parsed, description, &call);
    if parsed.operands.iter().any(|operand| operand.known().is_none_or(|text| text.contains('='))) {
        judge.ask("kernel_change", "sysctl changes the running kernel");
    }
    Flow::plain(call.state)
}

const DATE: Tool = Tool {
    options: "a:s,set= r:f,file= -:d,date= r:r,reference= -:I,iso-8601=? -:rfc-3339=",
    operands: Operands::Ignored,
};

fn date(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let parsed = judge.tool(&DATE, &call);
    if parsed.operands.iter().any(|operand| !operand.prefix().starts_with('+')) {
        judge.ask("clock", "date sets the clock");
    }
    let out = super::output::of(judge, &call);
    Flow::both(call.state, out)
}

fn getent(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let parsed = options::parse(call.arguments, "-:s,service= -:i", Style::default());
    if parsed
        .operands
        .first()
        .is_some_and(|table| table.known().is_none_or(|table| matches!(table, "shadow" | "gshadow")))
    {
        judge.ask("secret_read", "getent would show the accounts' passwords");
    }
    Flow::plain(call.state)
}

fn disk(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let words: Vec<&str> = call.arguments.iter().map(|word| word.known().unwrap_or("\u{0}")).collect();
    let shows = if call.name == "fdisk" {
        words.iter().any(|word| matches!(*word, "-l" | "--list" | "-s"))
    } else {
        let verbs: Vec<&&str> = words.iter().filter(|word| !word.starts_with(['-', '/'])).collect();
        words.iter().all(|word| !matches!(*word, "\u{0}"))
            && (words.iter().any(|word| matches!(*word, "-l" | "--list")) && verbs.is_empty()
                || matches!(verbs.as_slice(), [first] if **first == "print"))
    };
    if !shows {
        judge.ask("disk_format", format!("{} changes disks or partitions", call.name));
    }
    Flow::plain(call.state)
}

/// dpkg, rpm and pacman ask with options.
fn package(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let first = call.arguments.first().and_then(Value::known).unwrap_or_default();
    let shows = match call.name {
        "dpkg" => [
            "-l",
            "-L",
            "-s",
            "-S",
            "-p",
            "--list",
            "--listfiles",
            "--status",
            "--search",
            "--print-avail",
            "--get-selections",
            "--audit",
            "-C",
            "-V",
            "--verify",
            "--print-architecture",
            "--compare-versions",
        ]
        .contains(&first),
        "dpkg-query" => true,
        "rpm" => first.starts_with("-q") || first == "--query",
        "nix-store" => first.starts_with("-q") || first == "--query",
        _ => ["-Q", "-Ss", "-Si", "-Sl", "-Sg"]
            .iter()
            .any(|query| if *query == "-Q" { first.starts_with("-Q") } else { first == *query }),
    };
    let odd = call.arguments.iter().any(|argument| {
        let text = argument.prefix();
        [
            "--admindir",
            "--root",
            "--instdir",
            "--eval",
            "--define",
            "--pipe",
            "--load",
            "--rcfile",
            "--macros",
            "--config",
            "--hookdir",
            "--pre-invoke",
            "--post-invoke",
            "--force",
        ]
        .iter()
        .any(|odd| text == *odd || (odd.len() > 2 && text.starts_with(odd)))
    });
    if !shows || odd {
        judge.ask("package_change", format!("{} changes what is installed", call.name));
    }
    Flow::plain(call.state)
}
