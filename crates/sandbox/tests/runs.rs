//! The runner as a process, with bwrap and the kernel behind it.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::{
    fs,
    io::Write,
    net::Shutdown,
    os::{
        fd::OwnedFd,
        unix::{fs::PermissionsExt, net::UnixStream},
    },
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

use osmoda_sandbox::{
    Access, Ended, Grant, Limit, Limits, Network, Outcome, Plan, Refusal, Reply, Ring, connect, frame, read_reply,
};

struct Runner {
    process: Child,
    door: UnixStream,
}

impl Runner {
    fn start() -> Self {
        Self::with(&[])
    }

    fn with(arguments: &[&str]) -> Self {
        // Beside it, where it looks.
        assert!(Path::new(env!("CARGO_BIN_EXE_osmoda-sandbox-init")).exists());
        Self::from_program(Path::new(env!("CARGO_BIN_EXE_osmoda-sandbox")), arguments)
    }

    fn from_program(program: &Path, arguments: &[&str]) -> Self {
        let (door, theirs) = UnixStream::pair().unwrap();
        let process = Command::new(program).args(arguments).stdin(OwnedFd::from(theirs)).spawn().unwrap();
        Self { process, door }
    }

    fn send(&self, plan: &Plan) -> UnixStream {
        let mut connection = connect(&self.door, None).unwrap();
        connection.write_all(&frame(plan).unwrap()).unwrap();
        connection
    }

    fn ask(&self, plan: &Plan) -> Reply {
        read_reply(&mut self.send(plan)).unwrap()
    }

    fn run(&self, plan: &Plan) -> Outcome {
        match self.ask(plan) {
            Reply::Ran(outcome) => outcome,
            Reply::Refused(refusal) => panic!("{refusal}"),
        }
    }

    fn sh(&self, command: &str) -> Outcome {
        self.run(&plan(command))
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn plan(command: &str) -> Plan {
    let limits = Limits { wall_ms: 60_000, ..Limits::default() };
    Plan {
        id: "req_test".into(),
        command: command.into(),
        ring: Ring::Untrusted,
        grants: vec![],
        network: None,
        limits,
    }
}

fn limited(command: &str, change: impl FnOnce(&mut Limits)) -> Plan {
    let mut plan = plan(command);
    change(&mut plan.limits);
    plan
}

#[test]
fn output_and_exit_codes_come_back_and_the_folder_is_its_own() {
    let runner = Runner::start();
    let outcome = runner.sh("echo out; echo err >&2; exit 3");
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str(), outcome.ended), ("out\n", "err\n", Ended::Exit(3)));
    assert_eq!(outcome.limits_hit, []);
    assert_eq!(runner.sh("/bin/true").ended, Ended::Exit(0));
    assert_eq!(runner.sh("kill -9 $$").ended, Ended::Signal(9));
    assert_eq!(runner.sh("/no/such/program").ended, Ended::Exit(127));
    assert_eq!(runner.sh("/etc/passwd").ended, Ended::Exit(126));
    let said = runner.sh("pwd; id -u; id -g; echo $HOME; ls -A /sandbox /tmp $HOME; hostname; echo x > f; cat f; cp /bin/echo .; ./echo run").stdout;
    assert!(said.starts_with("/sandbox\n1000\n1000\n/home/sandbox\n"), "{said}");
    assert!(said.ends_with("sandbox\nx\nrun\n"), "{said}");
    assert_eq!(runner.sh("ls -A /sandbox").stdout, "", "nothing stays");
}

#[test]
fn programs_in_a_folder_that_is_closed_to_others_run_sandboxes_too() {
    let home = tempfile::tempdir().unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
    for program in [env!("CARGO_BIN_EXE_osmoda-sandbox"), env!("CARGO_BIN_EXE_osmoda-sandbox-init")] {
        fs::copy(program, home.path().join(Path::new(program).file_name().unwrap())).unwrap();
    }
    let runner = Runner::from_program(&home.path().join("osmoda-sandbox"), &[]);
    for _ in 0..2 {
        let outcome = runner.sh("echo in; echo changed >/.osmoda-sandbox-init");
        assert_eq!((outcome.stdout.as_str(), outcome.ended), ("in\n", Ended::Exit(2)), "{outcome:?}");
    }
}

#[test]
fn each_limit_ends_what_it_is_for_and_is_named() {
    let runner = Runner::start();
    let outcome = runner.run(&limited("sleep 60 & sleep 60", |limits| limits.wall_ms = 300));
    assert_eq!((outcome.ended, outcome.limits_hit), (Ended::Killed, vec![Limit::WallTime]));
    let outcome = runner.run(&limited("while :; do :; done", |limits| limits.cpu_ms = 400));
    assert_eq!(outcome.limits_hit, [Limit::CpuTime], "one process");
    let outcome = runner
        .run(&limited("for n in 1 2 3 4 5 6; do (while :; do :; done) & done; wait", |limits| limits.cpu_ms = 900));
    assert_eq!((outcome.ended, outcome.limits_hit), (Ended::Killed, vec![Limit::CpuTime]), "all together");
    let eater = "exec perl -e '$x .= \"y\" x 1048576 while 1'";
    let outcome = runner.run(&limited(eater, |limits| limits.memory = 64 << 20));
    assert_eq!((outcome.ended, outcome.limits_hit), (Ended::Killed, vec![Limit::Memory]), "one process");
    let herd = "for n in 1 2 3 4; do perl -e '$x = \"y\" x 25000000; sleep 60' & done; wait";
    let outcome = runner.run(&limited(herd, |limits| limits.memory = 64 << 20));
    assert_eq!((outcome.ended, outcome.limits_hit), (Ended::Killed, vec![Limit::Memory]), "all together");
    let bomb = "perl -e 'fork while 1'";
    let outcome = runner.run(&limited(bomb, |limits| limits.wall_ms = 1500));
    assert_eq!(outcome.limits_hit, [Limit::WallTime, Limit::Processes]);
    let outcome = runner.run(&limited("dd if=/dev/zero of=f bs=1M count=40", |limits| limits.file = 8 << 20));
    assert_eq!(outcome.limits_hit, [Limit::FileSize]);
    let outcome = runner.run(&limited("for n in 1 2 3 4 5; do dd if=/dev/zero of=f$n bs=1M count=4; done", |limits| {
        limits.space = 10 << 20;
    }));
    assert_eq!(outcome.limits_hit, [Limit::Disk]);
    let outcome = runner.run(&limited("yes", |limits| limits.output = 1000));
    assert_eq!((outcome.ended, outcome.limits_hit, outcome.stdout.len()), (Ended::Killed, vec![Limit::Output], 1000));
}

#[test]
fn memory_that_a_fork_shares_counts_once() {
    let runner = Runner::start();
    let forks =
        "perl -e '$x = \"y\" x 20000000; for (1..4) { if (!fork) { sleep 1; exit } } 1 while wait > 0; print \"fine\"'";
    let outcome = runner.run(&limited(forks, |limits| limits.memory = 64 << 20));
    assert_eq!((outcome.stdout.as_str(), outcome.limits_hit), ("fine", vec![]));
}

#[test]
fn whoever_hangs_up_ends_it_and_a_runner_that_dies_leaves_nothing() {
    let runner = Runner::start();
    // The sleeper itself: bwrap's own command line has its words too.
    let alive = |mark: &str| {
        let line = format!("sleep\0{mark}\0");
        fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .any(|entry| fs::read(entry.path().join("cmdline")).is_ok_and(|found| found == line.as_bytes()))
    };
    let until = |is: bool, mark: &str| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while alive(mark) != is {
            assert!(Instant::now() < deadline, "{mark} is {}", if is { "not there" } else { "still there" });
            std::thread::yield_now();
        }
    };
    let unique = format!("77{}", std::process::id());
    let asked = runner.send(&plan(&format!("sleep {unique}1 & exec sleep {unique}1")));
    until(true, &format!("{unique}1"));
    drop(asked);
    until(false, &format!("{unique}1"));

    let mut asked = runner.send(&plan(&format!("echo before; sleep {unique}2 & exec sleep {unique}2")));
    until(true, &format!("{unique}2"));
    asked.shutdown(Shutdown::Write).unwrap();
    let Reply::Ran(outcome) = read_reply(&mut asked).unwrap() else { panic!() };
    assert_eq!((outcome.stdout.as_str(), outcome.ended, outcome.limits_hit), ("before\n", Ended::Killed, vec![]));
    until(false, &format!("{unique}2"));

    let _asked = runner.send(&plan(&format!("setsid sleep {unique}3 & exec sleep {unique}3")));
    until(true, &format!("{unique}3"));
    drop(runner);
    until(false, &format!("{unique}3"));
}

#[test]
fn ring_1_has_the_files_of_its_capabilities_as_they_say_and_no_other() {
    let runner = Runner::start();
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let folder = folder.path().canonicalize().unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["read", "write", "other"] {
        fs::create_dir(folder.join(name)).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o777)).unwrap();
        fs::write(folder.join(name).join("file"), name).unwrap();
    }
    fs::copy("/bin/echo", folder.join("program")).unwrap();
    fs::copy("/bin/echo", folder.join("read/program")).unwrap();
    fs::copy("/bin/echo", folder.join("write/program")).unwrap();
    let grant = |name: &str, access| Grant { path: folder.join(name), access };
    let run = |command: &str| {
        let grants = vec![grant("read", Access::Read), grant("write", Access::Write), grant("program", Access::Exec)];
        let command = command.replace("DIR", folder.to_str().unwrap());
        runner.run(&Plan { ring: Ring::Declared, grants, ..plan(&command) })
    };
    assert_eq!(
        run("cat DIR/read/file DIR/write/file; DIR/program run; ls DIR/read").stdout,
        "readwriterun\nfile\nprogram\n"
    );
    assert_eq!(run("echo x > DIR/write/new; cat DIR/write/new").stdout, "x\n");
    assert_eq!(fs::read_to_string(folder.join("write/new")).unwrap(), "x\n");
    for denied in [
        "echo x > DIR/read/file",
        "echo x >> DIR/program",
        "cat DIR/other/file",
        "DIR/read/program x",
        "DIR/write/program x",
        "touch DIR/new",
        "rm DIR/read/file",
        "ls DIR",
        "ln -s /etc/shadow DIR/write/link; cat DIR/write/link",
        "mv DIR/read DIR/write",
    ] {
        let outcome = run(denied);
        assert_ne!(outcome.ended, Ended::Exit(0), "{denied}: {}", outcome.stdout);
    }
    assert_eq!(fs::read_to_string(folder.join("read/file")).unwrap(), "read");
    let reply =
        runner.ask(&Plan { ring: Ring::Declared, grants: vec![grant("nowhere", Access::Read)], ..plan("true") });
    assert!(matches!(reply, Reply::Refused(Refusal::BadGrant { .. })), "{reply:?}");
}

#[test]
fn ring_1_reaches_its_proxy_and_nothing_else() {
    let runner = Runner::start();
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let socket = folder.path().join("egress.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).unwrap();
    // Says back what it hears, in capitals.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let (mut from, mut to) = (&stream, &stream);
                let mut buffer = [0; 4096];
                while let Ok(n @ 1..) = std::io::Read::read(&mut from, &mut buffer) {
                    to.write_all(&buffer[..n].to_ascii_uppercase()).unwrap();
                }
            });
        }
    });
    let network = Network { socket, credentials: "osmoda:token".into() };
    let talk = r#"perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new("127.0.0.1:19999") or die; print $s "hello\n"; shutdown($s, 1); print <$s>'; echo $https_proxy; cat /proc/net/dev | grep -c :"#;
    let outcome = runner.run(&Plan { ring: Ring::Declared, network: Some(network.clone()), ..plan(talk) });
    assert_eq!(outcome.stdout, "HELLO\nhttp://osmoda:token@127.0.0.1:19999\n1\n", "{}", outcome.stderr);
    let without = runner.sh(talk);
    assert!(!without.stdout.contains("HELLO"));
    let nobody = Network { socket: folder.path().join("nobody.sock"), ..network };
    let reply = runner.ask(&Plan { ring: Ring::Declared, network: Some(nobody), ..plan("true") });
    assert!(matches!(reply, Reply::Refused(Refusal::Unavailable { .. })), "{reply:?}");
}

#[test]
fn only_so_many_run_at_a_time() {
    let runner = Runner::with(&["--most", "1"]);
    let first = runner.send(&plan("sleep 60"));
    let deadline = Instant::now() + Duration::from_secs(10);
    while !matches!(runner.ask(&plan("/bin/true")), Reply::Refused(Refusal::Busy { most: 1 })) {
        assert!(Instant::now() < deadline);
    }
    drop(first);
    while !matches!(runner.ask(&plan("/bin/true")), Reply::Ran(_)) {
        assert!(Instant::now() < deadline);
    }
}

#[test]
fn a_layer_that_is_missing_is_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("bwrap");
    let reply = Runner::with(&["--bwrap", nowhere.to_str().unwrap()]).ask(&plan("/bin/true"));
    assert!(matches!(reply, Reply::Refused(Refusal::Unavailable { .. })), "{reply:?}");
    // One that knows every option and sets nothing up.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(
        &nowhere,
        "#!/bin/sh\n[ \"$1\" = --help ] && exec bwrap --help\necho 'bwrap: no permission' >&2\nexit 1\n",
    )
    .unwrap();
    fs::set_permissions(&nowhere, fs::Permissions::from_mode(0o755)).unwrap();
    let reply = Runner::with(&["--bwrap", nowhere.to_str().unwrap()]).ask(&plan("/bin/true"));
    let Reply::Refused(Refusal::Unavailable { why, .. }) = reply else { panic!("{reply:?}") };
    assert_eq!(why, "bwrap: no permission");
}
