//! Programs that end processes, and the one that shows them.

use std::fs;

use super::{
    call::Call,
    options::{self, Style},
    state::Flow,
    value::{Bit, Value},
    walk::Judge,
};

type Own = fn(&mut Judge<'_>, Call<'_>) -> Flow;

pub(super) const OWN: &[(&str, Own)] =
    &[("kill", kill), ("ps", ps), ("pkill killall skill snice xkill killall5", kill_by_name)];

/// The suite's daemons.
pub(super) const OWN_DAEMONS: &[&str] =
    &["osmoda", "agentd", "keyd", "watch", "routines", "voice", "mesh", "mcpd", "teachd", "egress"];

fn kill(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let mut words = call.arguments.iter().peekable();
    while let Some(word) = words.next_if(|word| word.prefix().starts_with('-') && word.known() != Some("--")) {
        match word.known() {
            Some("-l" | "-L" | "--list" | "--table") => return Flow::plain(call.state),
            Some("-s" | "-n" | "--signal" | "-q" | "--queue") => drop(words.next()),
            Some(text) => {
                let signal = text.trim_start_matches('-');
                let named = signal.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+')
                    || text.starts_with("--signal=");
                let number: Option<u32> = signal.parse().ok();
                // `kill -1` alone, and a group's number where a signal is expected.
                if !named || number.is_some_and(|number| number > 64) || (words.peek().is_none() && number.is_some()) {
                    judge.ask("kill", format!("kill {text} ends more than one process"));
                }
            }
            None => judge.ask("kill", "which process is ended can't be said before it runs"),
        }
    }
    if words.peek().is_some_and(|word| word.known() == Some("--")) {
        words.next();
    }
    for word in words {
        match word.known() {
            Some(text) if text.starts_with('%') => {}
            Some(text) => match text.parse::<i64>() {
                Ok(pid) if pid > 1 => judge.process(pid),
                _ => judge.ask("kill", format!("kill {text} ends more than an ordinary process")),
            },
            None if word.bits == [Bit::Child] && !word.many => {}
            None => judge.ask("kill", "which process is ended can't be said before it runs"),
        }
    }
    Flow::plain(call.state)
}

impl Judge<'_> {
    /// Asks where a process is one of osmoda's or one that the machine can't be without.
    fn process(&mut self, pid: i64) {
        let own = fs::read_dir(self.scene.paths.run_folder()).into_iter().flatten().flatten().any(|entry| {
            let is_pid_file = entry.path().extension().is_some_and(|extension| extension == "pid");
            is_pid_file && fs::read_to_string(entry.path()).is_ok_and(|text| text.trim() == pid.to_string())
        });
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if own || is_vital(name.trim()) {
            self.ask("kill", format!("process {pid} is one that this machine needs"));
        }
    }
}

fn is_vital(name: &str) -> bool {
    OWN_DAEMONS.contains(&name)
        || name.starts_with("systemd")
        || name.starts_with("osmoda")
        || matches!(
            name,
            "init" | "sshd" | "dbus-daemon" | "dbus-broker" | "agentctl" | "login" | "kthreadd" | "polkitd" | "auditd"
        )
}

/// Whether it fits some part of a text, where a dot in it is any letter.
fn fits_in(expression: &str, text: &str) -> bool {
    let (expression, text) = (expression.as_bytes(), text.as_bytes());
    text.windows(expression.len())
        .any(|part| part.iter().zip(expression).all(|(letter, wanted)| *wanted == b'.' || letter == wanted))
}

fn kill_by_name(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let exact = call.name == "killall";
    if !matches!(call.name, "pkill" | "killall") {
        judge.ask("kill", format!("{} ends more than one process", call.name));
        return Flow::plain(call.state);
    }
    let description = "a:g,pgroup= a:G,group= a:P,parent= a:s,session= a:u,euid= a:U,uid= a:t,terminal= a:v,inverse a:n,newest a:o,oldest a:r,regexp a:user= a:F,pidfile= a:ns= \
        m:f,full -:x,exact -:e,echo -:signal= -:q -:w,wait -:i,ignore-case -:I";
    // `-HUP`, `-9`: a signal, though it looks like options.
    let is_signal = |word: &Value| {
        let name = word.known().and_then(|text| text.strip_prefix('-')).unwrap_or_default();
        name.len() > 1 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            || name.parse::<u8>().is_ok()
    };
    let arguments = if call.arguments.first().is_some_and(is_signal) { &call.arguments[1..] } else { call.arguments };
    let parsed = options::parse(arguments, description, Style::default());
    judge.parsed_options(&parsed, description, &call);
    for name in &parsed.operands {
        let Some(name) = name.known().filter(|_| !name.many) else {
            judge.ask("kill", "which process is ended can't be said before it runs");
            continue;
        };
        let lower = name.to_lowercase();
        let literal = name.chars().all(|c| c.is_alphanumeric() || "-_ :/@=,.".contains(c)) && name.len() > 1;
        let vital = ["osmoda", "systemd", "sshd", "init", "agentctl", "dbus", "login", "auditd", "sudo"];
        let hits = |vital: &&str| {
            let anywhere = !exact && (fits_in(&lower, vital) || lower.contains(*vital));
            anywhere || **vital == lower || exact && is_vital(&lower)
        };
        if !literal || vital.iter().chain(OWN_DAEMONS).any(hits) {
            judge.ask("kill", format!("{} {name} may end a process that this machine needs", call.name));
        }
    }
    if parsed.operands.is_empty() {
        judge.ask("kill", format!("{} ends more than one process", call.name));
    }
    Flow::plain(call.state)
}

/// ps shows the surroundings of processes, secrets and all, where it is asked for `e` in the old style or for `environ`.
fn ps(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let mut words = call.arguments.iter();
    let mut shows = false;
    while let Some(word) = words.next() {
        if word.is_plain() && !word.prefix().starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let Some(text) = word.known().filter(|_| !word.many) else {
            shows = true;
            continue;
        };
        let (letters, old) = match text.strip_prefix('-') {
            Some(long) if long.starts_with('-') => {
                let (name, value) =
                    long[1..].split_once('=').map_or((&long[1..], None), |(name, value)| (name, Some(value)));
                let takes = [
                    "format",
                    "pid",
                    "ppid",
                    "quick-pid",
                    "sid",
                    "tty",
                    "user",
                    "User",
                    "group",
                    "Group",
                    "sort",
                    "cols",
                    "columns",
                    "rows",
                    "lines",
                    "width",
                ];
                let value = match value {
                    None if takes.contains(&name) => words.next().map(|next| next.known().unwrap_or("environ")),
                    value => value,
                };
                shows |= "format".starts_with(name) && value.is_some_and(|value| value.contains("environ"));
                continue;
            }
            Some(letters) => (letters, false),
            None => (text, true),
        };
        // `-aux` is read in the old style where nobody is called `x`.
        shows |= letters.split_once('u').is_some_and(|(_, rest)| !old && rest.contains('e'));
        for (at, letter) in letters.char_indices() {
            shows |= old && letter == 'e';
            let takes = if old { "oOkpqtUN" } else { "oOCGgkNnpPqstuU" };
            if !takes.contains(letter) {
                continue;
            }
            let rest = &letters[at + letter.len_utf8()..];
            let value = if rest.is_empty() {
                words.next().map(|next| next.known().filter(|_| !next.many))
            } else {
                Some(Some(rest))
            };
            let formats = matches!(letter, 'o' | 'O');
            shows |= formats && value.is_some_and(|value| value.is_none_or(|value| value.contains("environ")));
            break;
        }
    }
    if shows {
        judge.ask("secret_read", "ps would show the surroundings of processes");
    }
    Flow::plain(call.state)
}
