//! What must ask, and why.

use super::{super::LONGEST, Dialect, Machine, acts, disguises, shown};

/// All of both tables.
pub(super) fn cases() -> impl Iterator<Item = (&'static str, &'static str)> {
    disguises::CASES.iter().chain(acts::CASES).copied()
}

#[test]
fn each_of_them_asks_for_its_reason() {
    let machine = Machine::new();
    assert!(cases().count() >= 250);
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
