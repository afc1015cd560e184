//! What must ask, and why.

use super::{super::LONGEST, Dialect, Machine, acts, copies, disguises, machine, readers, runners, shown, texts};

/// All of the tables.
pub(super) fn cases() -> impl Iterator<Item = (&'static str, &'static str)> {
    [disguises::CASES, acts::CASES, copies::CASES, readers::CASES, runners::CASES, texts::CASES, machine::CASES]
        .into_iter()
        .flatten()
        .copied()
}

#[test]
fn each_of_them_asks_for_its_reason() {
    let machine = Machine::new();
    assert!(cases().count() >= 1700);
    let mut wrong = Vec::new();
    for (command, code) in cases() {
        let verdict = machine.judge(command);
        let fits = verdict.reasons().iter().any(|reason| code.is_empty() || reason.code == code);
        if !fits {
            wrong.push(format!("{command:?} should ask for {code:?}, and has {:?}", shown(&verdict)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_of_them_asks_in_either_shell() {
    let machine = Machine::new();
    // What only one of them reads so.
    let other = ["coproc", "{rm,", "[[ a", "pushd", "bash <("];
    for (command, _) in cases().filter(|(command, _)| !other.iter().any(|prefix| command.starts_with(prefix))) {
        for dialect in [Dialect::Sh, Dialect::Bash] {
            assert!(machine.judge_as(command, "/home/ada/project", &[dialect]).asks(), "{dialect:?}: {command:?}");
        }
    }
}

#[test]
fn texts_too_long_or_too_deep_ask() {
    let machine = Machine::new();
    assert_eq!(machine.judge(&"true;".repeat(LONGEST)).reasons()[0].code, "too_long");
    let nested = |open: &str, close: &str, count: usize| format!("{}true{}", open.repeat(count), close.repeat(count));
    for (open, close) in [
        ("(", ")"),
        ("{ ", "; }"),
        ("$(", ")"),
        ("echo $(", ")"),
        ("echo \"$(", ")\""),
        ("if true; then ", "; fi"),
        ("case x in x) ", ";; esac"),
    ] {
        assert!(machine.judge(&nested(open, close, 1000)).asks(), "{open}");
    }
    assert!(machine.judge(&format!("echo {}", "${x:-".repeat(2000))).asks());
    assert!(machine.judge(&"(".repeat(60_000)).asks());
    assert!(machine.judge(&"for i in 1 2 3 4 5 6 7 8; do ".repeat(8)).asks());
}

#[test]
fn the_configuration_says_which_programs_ask_and_which_do_not() {
    let mut machine = Machine::new();
    machine.config.always_ask = vec!["curl".into(), "cd".into()];
    machine.config.ordinary_programs = vec!["frobnicate".into(), "make".into(), "curl".into()];
    for (command, code) in [
        ("curl http://x", "always_asks"),
        ("/usr/bin/curl http://x", "always_asks"),
        ("cd /tmp", "always_asks"),
        ("timeout 5 curl http://x", "always_asks"),
        ("frobnicate --all", ""),
        ("make install", ""),
        ("make > /etc/passwd", "guarded_path"),
        ("make $(reboot)", "reboot"),
        ("/tmp/make", "unknown_program"),
    ] {
        let verdict = machine.judge(command);
        assert_eq!(verdict.reasons().first().map_or("", |reason| reason.code), code, "{command}");
    }
}

#[test]
fn a_folder_that_may_not_be_entered_leaves_the_shell_where_it_is() {
    let machine = Machine::new();
    for (command, asks) in [
        ("cd /tmp/nonexistent; rm -rf *", true),
        ("cd /tmp/nonexistent && rm -rf *", false),
        ("cd /tmp/nonexistent || exit; rm -rf *", false),
        ("cd /tmp/nonexistent || { echo no; exit 1; }; rm -rf *", false),
        ("set -e; cd /tmp/nonexistent; rm -rf *", false),
        ("if cd /tmp/nonexistent; then rm -rf *; fi", false),
        ("if ! cd /tmp/nonexistent; then rm -rf *; fi", true),
        ("for d in a b; do cd /tmp/nonexistent || continue; rm -rf *; done", false),
        ("f() { cd /tmp/nonexistent || return; rm -rf *; }; f", false),
        ("f() { cd /tmp/nonexistent || return; }; f; rm -rf *", true),
        ("(cd /tmp/nonexistent); rm -rf *", true),
    ] {
        let verdict = machine.judge_in(command, "/etc");
        assert_eq!(verdict.asks(), asks, "{command:?}: {:?}", shown(&verdict));
    }
}

/// Where agentd judges, the stack is no larger than this.
#[test]
fn no_nesting_takes_more_than_the_stack_of_a_worker() {
    let nested = |open: &str, close: &str, count: usize| format!("{}ls{}", open.repeat(count), close.repeat(count));
    let quoted = (0..14).fold("ls".to_owned(), |inner, _| format!("eval '{}'", inner.replace('\'', "'\\''")));
    let mut texts = vec![
        "env ".repeat(15_000) + "ls",
        "nice env timeout 5 ".repeat(3000) + "ls",
        "sudo ".repeat(12_000) + "ls",
        "xargs ".repeat(10_000),
        "command ".repeat(8000) + "ls",
        "builtin eval ".repeat(4000),
        "busybox ".repeat(8000),
        "find . -exec ".repeat(4000),
        "! ".repeat(30_000) + "ls",
        "time ".repeat(12_000) + "ls",
        format!("echo $(({}1{}))", "(".repeat(8000), ")".repeat(8000)),
        format!("{}f0", (0..1500).map(|i| format!("f{i}() {{ f{}; }};", i + 1)).collect::<String>()),
        format!("{}f0", (0..60).map(|i| format!("f{i}() {{ env f{0}; {{ f{0}; }}; }};", i + 1)).collect::<String>()),
        quoted.clone(),
        format!("{}{quoted}{}", "if :; then ".repeat(14), "; fi".repeat(14)),
    ];
    for count in [5, 12, 19, 25, 1000] {
        for (open, close) in [
            ("( ", " )"),
            ("{ ", "; }"),
            ("if :; then ", "; fi"),
            ("while :; do ", "; done"),
            ("case x in x) ", ";; esac"),
            ("f() { ", "; }"),
            ("echo $(", ")"),
            ("echo \"$(", ")\""),
            ("x=${y:-", "}"),
            ("[[ ( ", " ) ]]"),
            ("echo $((1+$((", "))))"),
            ("{a,", "}"),
        ] {
            texts.push(nested(open, close, count));
        }
    }
    for text in texts {
        let judged = std::thread::Builder::new().stack_size(2 << 20).spawn(move || Machine::new().judge(&text).asks());
        judged.unwrap().join().unwrap();
    }
    let machine = Machine::new();
    assert_eq!(machine.judge(&("env ".repeat(200) + "ls")).reasons()[0].code, "too_complex");
    assert!(!machine.judge(&("env ".repeat(20) + "ls")).asks());
}
