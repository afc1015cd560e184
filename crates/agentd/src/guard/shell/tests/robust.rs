//! What must hold for any text: no panic, and no disguise that makes an asking command pass.

use std::process::Command;

use super::{super::scan, Dialect, Machine, asks, passes, shown, work};

/// Enough to be different every time, and the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % sides.max(1)
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len())]
    }
}

const CRUMBS: &[&str] = &[
    "$(",
    ")",
    "`",
    "\"",
    "'",
    "\\",
    "\n",
    "{",
    "}",
    "${",
    "((",
    "))",
    "$((",
    "<<E\n",
    "E\n",
    "<(",
    ">&",
    "<<<",
    "|",
    "&&",
    ";",
    ";;",
    "&",
    "#",
    "~",
    "*",
    "[",
    "]",
    "[[",
    "]]",
    "$'",
    "if ",
    "then ",
    "fi",
    "case x in ",
    "esac",
    "for i in ",
    "do ",
    "done",
    "while ",
    "() {",
    "!",
    "=",
    "x=",
    "$x",
    "$@",
    "rm ",
    "-rf ",
    "/",
    " ",
    "..",
    "{a,b}",
    "{1..99999999999999999999}",
    "~99999999999999999999",
    "99999999999>",
    "\u{0}",
    "é",
    "\u{202e}",
    "\t",
    "\\\n",
    "eval ",
    "trap ",
    "function ",
    "select ",
];

fn texts(count: usize) -> Vec<String> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let known: Vec<&str> = asks::cases().map(|(command, _)| command).chain(passes::CASES.iter().copied()).collect();
    let mut texts = Vec::new();
    for _ in 0..count {
        let mut text: Vec<char> = match dice.roll(3) {
            0 => (0..dice.roll(40)).flat_map(|_| dice.pick(CRUMBS).chars().collect::<Vec<_>>()).collect(),
            1 => (0..dice.roll(60))
                .map(|_| char::from_u32(u32::try_from(dice.roll(0x250)).unwrap()).unwrap_or(' '))
                .collect(),
            _ => dice.pick(&known).chars().collect(),
        };
        for _ in 0..dice.roll(4) {
            let at = dice.roll(text.len() + 1);
            match dice.roll(4) {
                0 if at < text.len() => drop(text.remove(at)),
                1 => text.truncate(at),
                2 => {
                    let other: Vec<char> = dice.pick(&known).chars().collect();
                    text.splice(at..at, other);
                }
                _ => {
                    text.splice(at..at, dice.pick(CRUMBS).chars());
                }
            }
        }
        texts.push(text.into_iter().collect());
    }
    texts
}

#[test]
fn no_text_is_too_odd_to_be_judged() {
    let machine = Machine::new();
    for text in texts(4000) {
        machine.judge(&text);
    }
}

#[test]
fn no_disguise_makes_an_asking_command_pass() {
    let machine = Machine::new();
    let quote = |command: &str| format!("'{}'", command.replace('\'', "'\\''"));
    type Disguise<'a> = (&'a str, &'a dyn Fn(&str) -> String);
    let disguises: &[Disguise<'_>] = &[
        ("sh -c", &|command| format!("sh -c {}", quote(command))),
        ("env sh -c", &|command| format!("env X=1 nice -n 3 sh -c {}", quote(command))),
        ("bash in sh", &|command| format!("bash -c {}", quote(&format!("sh -c {}", quote(command))))),
        ("eval", &|command| format!("eval {}", quote(command))),
        ("trap", &|command| format!("trap {} EXIT", quote(command))),
        ("substitution", &|command| format!("echo \"$(\n{command}\n)\"")),
        ("subshell", &|command| format!("(\n{command}\n)")),
        ("group", &|command| format!("{{\n{command}\n}}")),
        ("pipe", &|command| format!("{{\n{command}\n}} | cat")),
        ("pipe end", &|command| format!("true | {{\n{command}\n}}")),
        ("if", &|command| format!("if true; then\n{command}\nfi")),
        ("else", &|command| format!("if true; then :; else\n{command}\nfi")),
        ("and", &|command| format!("true && {{\n{command}\n}}")),
        ("loop", &|command| format!("while true; do\n{command}\ndone")),
        ("for", &|command| format!("for each in 1 2; do\n{command}\ndone")),
        ("case", &|command| format!("case a in a)\n{command}\n;; esac")),
        ("function", &|command| format!("wrapped() {{\n{command}\n}}\nwrapped")),
        ("uncalled", &|command| format!("wrapped() {{\n{command}\n}}")),
        ("background", &|command| format!("{{\n{command}\n}} &")),
        ("after", &|command| format!("ls\n{command}")),
        ("before", &|command| format!("{command}\nls")),
        ("here-document", &|command| format!("sh <<'A_RARE_END'\n{command}\nA_RARE_END")),
        ("literal pipe", &|command| format!("echo {} | sh", quote(command))),
    ];
    let mut passed = Vec::new();
    // In a substitution what follows its end is only text.
    for (command, _) in asks::cases().filter(|(command, _)| *command != "ls )") {
        for (name, disguise) in disguises {
            let text = disguise(command);
            if !machine.judge(&text).asks() {
                passed.push(format!("{name}: {text:?}"));
            }
        }
    }
    assert!(passed.is_empty(), "{}", passed.join("\n"));
}

#[test]
fn plain_wrappings_leave_ordinary_work_ordinary() {
    let machine = Machine::new();
    let mut wrong = Vec::new();
    for command in passes::CASES
        .iter()
        .chain(work::CASES)
        .filter(|command| !command.contains("return") && !command.is_empty() && !command.starts_with('#'))
    {
        for text in [
            format!("(\n{command}\n)"),
            format!("if true; then\n{command}\nfi"),
            format!("wrapped() {{\n{command}\n}}\nwrapped"),
            format!("for each in 1 2; do\n{command}\ndone"),
        ] {
            let verdict = machine.judge(&text);
            if verdict.asks() {
                wrong.push(format!("{text:?}: {:?}", shown(&verdict)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The judgement is worth nothing where the shell reads a word otherwise.
#[test]
fn words_are_read_as_the_shell_reads_them() {
    let words = [
        "plain",
        "a\\ b",
        "'a b'",
        "\"a b\"",
        "a'b'\"c\"d",
        "\\\\",
        "\"\\\\\"",
        "'\\'",
        "\"\\a\"",
        "\"\\$x\"",
        "\"a\\\nb\"",
        "a\\\nb",
        "'a\\\nb'",
        "\"'\"",
        "'\"'",
        "\"a`echo b`c\"",
        "\"$(echo ')')\"",
        "\"$(echo \")\")\"",
        "$(echo a)",
        "\"$(echo \"a b\")\"",
        "a#b",
        "\"#\"",
        "\"${x:-y}\"",
        "${x:-'a}b'}",
        "\"$((1 + (2 * 3)))\"",
        "$((1))",
        "\"a$\"",
        "a$",
        "\"$(case_x=1; echo $case_x)\"",
        "\"$(echo a # )\n)\"",
        "\"$(cat <<E\na)b\nE\n)\"",
        "a=b",
        "\"\"",
        "''",
        "\"a\"'b'c\\d",
        "\\\"",
        "\"`echo \\'a\\'`\"",
    ];
    let machine = Machine::new();
    for word in words {
        let script = format!("printf '%s|' {word}\nprintf end");
        let verdict = machine.judge(&script);
        let Ok(pieces) = scan::word(word, Dialect::Sh) else {
            assert!(verdict.asks(), "{word:?} can't be read, and passes");
            continue;
        };
        let known: Option<String> = pieces
            .iter()
            .map(|piece| match piece {
                scan::Piece::Bare(text) | scan::Piece::Quoted(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        let said = Command::new("/bin/sh").arg("-c").arg(&script).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert!(said.ends_with("|end"), "{word:?} is one word to the shell: {said:?}");
        if let Some(known) = known {
            assert_eq!(said, format!("{known}|end"), "{word:?}");
        }
    }
}
