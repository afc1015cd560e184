use osmoda_agentd::guard::{GuardConfig, GuardedPaths, OwnPaths, Scene, judge};
use std::io::Read;
fn main() {
    let config = GuardConfig::default();
    let own = OwnPaths { run: "/run/osmoda".into(), state: "/var/lib/osmoda".into(), config: None, binaries: vec![] };
    let paths = GuardedPaths::new(&config, &own);
    let cwd = std::env::args().nth(1).unwrap_or("/home/ada/project".into());
    let scene = Scene { cwd: cwd.as_ref(), home: "/home/ada".as_ref(), uid: 1000, paths: &paths, config: &config };
    let mut s = String::new();
    std::io::stdin().read_to_string(&mut s).unwrap();
    for line in s
        .split("\n%%\n")
        .flat_map(|b| if b.contains('\n') && s.contains("\n%%\n") { vec![b] } else { b.lines().collect() })
    {
        let v = judge(line, &scene);
        println!(
            "{} {:?}  {:?}",
            if v.asks() { "ASK " } else { "PASS" },
            line,
            v.reasons().iter().map(|r| format!("{}: {}", r.code, r.text)).collect::<Vec<_>>()
        );
    }
}
