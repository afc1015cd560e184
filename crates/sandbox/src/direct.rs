//! Commands that need no shell: plain words after the path of a program. They are started without one, which means the
//! same and saves a program's start.

/// The words of a command that a shell would only split at its spaces; `None` where it would do anything else.
///
/// The first word holds a slash, so that it can be no builtin, function, keyword or assignment.
pub(crate) fn words(command: &str) -> Option<Vec<&str>> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._,:@%+-".contains(c);
    if !command.chars().all(|c| plain(c) || c == ' ') {
        return None;
    }
    let words: Vec<&str> = command.split(' ').filter(|word| !word.is_empty()).collect();
    words.first().is_some_and(|program| program.contains('/')).then_some(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_plain_words_after_a_path_need_no_shell() {
        assert_eq!(words("/bin/true"), Some(vec!["/bin/true"]));
        assert_eq!(words("  ./a  -b c_d-e.f "), Some(vec!["./a", "-b", "c_d-e.f"]));
        for command in [
            "",
            " ",
            "true",
            "cd /",
            "/bin/echo $X",
            "/bin/echo a;b",
            "/bin/echo 'a'",
            "/bin/ls *",
            "X=/y z",
            "/bin/a\n/bin/b",
            "/bin/echo ~",
            "/bin/echo {a,b}",
            "/bin/a&",
            "/bin/a|b",
            "/bin/a>b",
            "/bin/a #b",
            "/bin/a\tb",
            "/bin/ä",
            "/bin/a!b",
            "/bin/a[b]",
            "/bin/a=b",
        ] {
            assert_eq!(words(command), None, "{command}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_shell_splits_such_words_in_the_same_way(tail in "[a-z0-9/._,:@%+ -]{0,24}") {
            let command = format!("/bin/echo {tail}");
            let words = words(&command).unwrap();
            let by_shell = std::process::Command::new("/bin/sh").args(["-c", &format!("printf '%s\\n' {command}")]).output().unwrap();
            prop_assert_eq!(String::from_utf8(by_shell.stdout).unwrap(), words.join("\n") + "\n");
        }
    }
}
