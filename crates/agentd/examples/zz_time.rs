use osmoda_agentd::guard::{GuardConfig, GuardedPaths, OwnPaths, Scene, judge};
use std::time::Instant;
fn main() {
    let config = GuardConfig::default();
    let own = OwnPaths { run: "/run/osmoda".into(), state: "/var/lib/osmoda".into(), config: None, binaries: vec![] };
    let paths = GuardedPaths::new(&config, &own);
    let scene =
        Scene { cwd: "/srv/app".as_ref(), home: "/home/ada".as_ref(), uid: 1000, paths: &paths, config: &config };
    let rep = |s: &str, n: usize| s.repeat(n);
    let cases: Vec<(&str, String)> = vec![
        ("ls", "ls -la /etc".into()),
        ("pipeline", "ps aux | grep nginx | grep -v grep | awk '{print $2}' | sort | head -n 5".into()),
        ("true;", rep("true;", 13000)),
        ("assign", (0..6000).map(|i| format!("a{i}=1;")).collect()),
        ("assign+trap", format!("trap 'echo $a1' EXIT;{}", (0..2000).map(|i| format!("a{i}=1;")).collect::<String>())),
        ("double", format!("x=aaaaaaaa;{}", rep("x=$x$x;", 30))),
        ("double args", format!("set -- a b;{}", rep("set -- \"$@\" \"$@\";", 22))),
        ("many refs", format!("x={}; echo {}", rep("a", 20000), rep("$x", 10000))),
        ("globs", format!("cat {}", rep("/*", 5000))),
        ("stars", format!("cat /{}", rep("*a", 20000))),
        ("cats", format!("cat {}", rep("/etc/x ", 8000))),
        ("braces", format!("echo {}", rep("{a,b}", 12000))),
        ("nested braces", format!("echo {}{}", rep("{a,", 15000), rep("}", 15000))),
        ("opens", rep("{", 60000)),
        ("quotes", rep("'a'\"b\"", 10000)),
        ("subst", format!("{}x{}", rep("$(echo ", 11), rep(")", 11))),
        ("wide subst", rep("$(echo a) ", 6000)),
        ("wide nested", rep("$(echo $(echo $(echo a))) ", 2500)),
        ("loops", format!("{}:{}", rep("for i in 1 2 3 4 5 6 7 8 9; do ", 8), rep("; done", 8))),
        ("whiles", format!("{}x=$x{}", rep("while :; do ", 12), rep("; done", 12))),
        ("ifs", format!("{}:{}", rep("if :; then ", 15), rep("; fi", 15))),
        ("cases", format!("{}:{}", rep("case a in a) ", 5), rep(" ;; esac", 5))),
        ("parens", format!("{}ls{}", rep("( ", 19), rep(" )", 19))),
        ("parens2", format!("{}ls{}", rep("(", 19), rep(")", 19))),
        ("parens3", rep("((((((((a) ) ) ) ) ) ) ) ;", 2000)),
        ("arith", format!("echo $(({}1{}))", rep("(", 8000), rep(")", 8000))),
        ("params", rep("${x:-", 12) + &rep("}", 12)),
        ("heredocs", rep("cat <<E\nx\nE\n", 5000)),
        ("eval", format!("{}ls{}", rep("eval \"", 1), "\"")),
        ("functions", (0..1500).map(|i| format!("f{i}() {{ f{}; }};", i + 1)).collect::<String>() + "f0"),
        ("fan", (0..14).map(|i| format!("f{i}() {{ f{0}; f{0}; f{0}; }};", i + 1)).collect::<String>() + "f0"),
        ("sed", format!("sed '{}' f", rep("s/a/b/;", 8000))),
        ("awk", format!("awk '{{print > \"x\"}} {}' f", rep("/a/ {n++} ", 5000))),
        (
            "worlds",
            format!(
                "{} echo {}",
                (0..40).map(|i| format!("if :; then a{i}=1; else a{i}=2; fi;")).collect::<String>(),
                (0..40).map(|i| format!("$a{i}")).collect::<String>()
            ),
        ),
        ("brackets", rep("[a", 30000)),
        ("words", rep("a ", 30000)),
        ("elem", format!("a{}]=1", rep("[", 30000))),
        ("tilde", rep("~/", 30000)),
        ("dots", format!("cat {}", rep("../", 20000))),
        ("xargs", rep("find . | xargs ", 2000)),
        ("env", rep("env ", 15000) + "ls"),
        ("nice env", rep("nice env ", 7000) + "ls"),
    ];
    for (name, text) in cases {
        let text: String = text.chars().take(65536).collect();
        let t = Instant::now();
        let v = judge(&text, &scene);
        let d = t.elapsed();
        println!(
            "{name:14} {:>9.2?}  {} {:?}",
            d,
            v.asks(),
            v.reasons().first().map(|r| format!("{}: {}", r.code, r.text.chars().take(60).collect::<String>()))
        );
    }
}
