//! watch: from a verdict to the old generation, against the bound that deploy-rs sets; a killed service back up, against
//! systemd's own restart and monit's; a thousand checks a second, against a hundred of monit.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use osmoda_api::watch::{
    Action, ActionKind, Apply, ApplyKind, Check, CheckKind, SafeSwitchBegin, SafeSwitchBeginRequest,
    SafeSwitchRollback, SwitchId, SwitchState, WatcherAdd, WatcherAddRequest,
};
use osmoda_ipc::{Client, Endpoint};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{
    booted,
    row::{Goal, Row},
    sample::{Figures, Round, Rounds, alternate, cpu_of, pause},
    suite::Suite,
};
use crate::Failure;

/// The name under which this program measures inside the booted machine.
pub(super) const BOOTED: &str = "watch-booted";

const UNDONE: usize = 30;
const KILLED: usize = 30;
/// monit takes about a second each time.
const KILLED_UNDER_MONIT: usize = 8;
/// How long both watch their processes.
const WATCHED: Duration = Duration::from_secs(20);
const OURS: usize = 1000;
const MONITS: usize = 100;
/// What deploy-rs took on profiles like these, at best, in microseconds; 150 ms are the bound.
const DEPLOY_RS: f64 = 121_000.0;

/// Every row.
pub(super) fn run() -> Result<Vec<Row>, Failure> {
    let mut rows = vec![undo()?, thousand()?];
    let measured = booted::run(BOOTED)?;
    let by_monit = restarts_by_monit()?;
    rows.push(restart_row(measured.ours, measured.peer, measured.ratio));
    rows.push(Row {
        name: "restart-monit",
        ours: ("a killed unit, by watch", measured.ours),
        peer: ("monit, which looks every second", by_monit),
        unit: "us until it serves",
        ratio: measured.ours.p50 / by_monit.p50,
        goal: Goal::AtMost(0.25),
    });
    Ok(rows)
}

/// A suite with watch, and calls of it.
struct Watch {
    suite: Suite,
    runtime: Runtime,
    client: Client,
}

impl Watch {
    fn up(config: &str) -> Result<Self, Failure> {
        let suite = Suite::up_with("agentd,watch", config, &[])?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::bench)?;
        let client = Client::new(suite.dirs().socket("watch"));
        Ok(Self { suite, runtime, client })
    }

    fn call<E: Endpoint>(&self, request: &E::Request) -> Result<E::Response, Failure> {
        self.runtime.block_on(self.client.call::<E>(request)).map_err(Failure::bench)
    }
}

/// From the durable verdict to the verified old generation, as the session's own history has it.
fn undo() -> Result<Row, Failure> {
    let folder = tempfile::Builder::new().prefix("osmoda.").tempdir().map_err(Failure::bench)?;
    let at = folder.path().display();
    let watch = Watch::up(&format!("[watch]\nstore = \"{at}/store\"\nprofiles = [\"{at}/profiles\"]\n"))?;
    let old = generation(&folder, "old")?;
    fs::create_dir(folder.path().join("profiles")).map_err(Failure::bench)?;
    let profile = folder.path().join("profiles/web");
    symlink(&old, folder.path().join("profiles/web-1-link")).map_err(Failure::bench)?;
    symlink("web-1-link", &profile).map_err(Failure::bench)?;
    let mut rounds = Rounds::default();
    for number in 0..=UNDONE {
        let new = generation(&folder, &format!("new{number}"))?;
        let request = SafeSwitchBeginRequest {
            plan: "to be undone".into(),
            apply: Some(Apply {
                kind: ApplyKind::NixProfile,
                profile: Some(profile.display().to_string()),
                store_path: Some(new),
                ..Apply::default()
            }),
            ..SafeSwitchBeginRequest::default()
        };
        let id = watch.call::<SafeSwitchBegin>(&request)?.id;
        let session = watch.call::<SafeSwitchRollback>(&SwitchId { id })?.session;
        let at = |state: SwitchState| {
            let found = session.history.iter().find(|one| one.to == state);
            found.and_then(|one| one.at.parse::<jiff::Timestamp>().ok()).map(jiff::Timestamp::as_microsecond)
        };
        let (Some(from), Some(to)) = (at(SwitchState::RollingBack), at(SwitchState::RolledBack)) else {
            return Err(Failure::bench("a session was not undone"));
        };
        let took = (to - from) as f64;
        if number > 0 {
            rounds.push(Round::of(took, 0.0));
        }
    }
    let ours = rounds.figures();
    Ok(Row {
        name: "undo",
        ours: ("verdict to old generation", ours),
        peer: ("deploy-rs at its best", Figures { p50: DEPLOY_RS, min: DEPLOY_RS, cpu: 0.0 }),
        unit: "us a rollback",
        ratio: ours.p50 / DEPLOY_RS,
        goal: Goal::AtMost(1.24),
    })
}

fn generation(folder: &TempDir, name: &str) -> Result<String, Failure> {
    let path = folder.path().join("store").join(name);
    fs::create_dir_all(path.join("bin")).map_err(Failure::bench)?;
    let program = path.join("bin/switch-to-configuration");
    fs::write(&program, "#!/bin/sh\nexit 0\n").map_err(Failure::bench)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).map_err(Failure::bench)?;
    Ok(path.display().to_string())
}

/// A process whose pid file is watched.
struct Living(Child);

impl Living {
    fn start() -> Result<Self, Failure> {
        let sleep = Command::new("sleep").arg("3600").stdin(Stdio::null()).spawn();
        sleep.map(Self).map_err(Failure::bench)
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The processor's time of a thousand process checks a second, and of monit's hundred.
fn thousand() -> Result<Row, Failure> {
    let folder = tempfile::Builder::new().prefix("osmoda.").tempdir().map_err(Failure::bench)?;
    let living = Living::start()?;
    let pid_file = folder.path().join("x.pid");
    fs::write(&pid_file, format!("{}\n", living.0.id())).map_err(Failure::bench)?;
    let watch = Watch::up("")?;
    for number in 0..OURS {
        let check =
            Check { kind: CheckKind::Process, pid_file: Some(pid_file.display().to_string()), ..Check::default() };
        let request = WatcherAddRequest {
            name: format!("w{number}"),
            check,
            interval_secs: Some(1),
            ..WatcherAddRequest::default()
        };
        watch.call::<WatcherAdd>(&request)?;
    }
    let hundred: String =
        (0..MONITS).map(|number| format!("check process s{number} with pidfile {}\n", pid_file.display())).collect();
    let monit = Living(monit(folder.path(), &hundred)?);
    pause(Duration::from_secs(3));
    let ours = watch.suite.pid("watch")?;
    let before = (cpu_of(&[ours])?, cpu_of(&[monit.0.id()])?);
    pause(WATCHED);
    let after = (cpu_of(&[ours])?, cpu_of(&[monit.0.id()])?);
    let second = |before: Duration, after: Duration| {
        let micros = after.saturating_sub(before).as_secs_f64() * 1e6 / WATCHED.as_secs_f64();
        Figures { p50: micros, min: micros, cpu: micros }
    };
    let (ours, monits) = (second(before.0, after.0), second(before.1, after.1));
    Ok(Row {
        name: "checks",
        ours: ("1,000 process checks at 1 s", ours),
        peer: ("monit, 100 at 1 s", monits),
        unit: "us of CPU a second",
        ratio: ours.p50 / monits.p50,
        goal: Goal::AtMost(2.0),
    })
}

/// How long a killed process is away where monit looks after it, at its shortest interval.
fn restarts_by_monit() -> Result<Figures, Failure> {
    let folder = tempfile::Builder::new().prefix("osmoda.").tempdir().map_err(Failure::bench)?;
    let (pid_file, start) = (folder.path().join("x.pid"), folder.path().join("start"));
    let at = pid_file.display();
    let script = format!("#!/bin/sh\nsleep 600 </dev/null >/dev/null 2>&1 &\necho $! >{at}.new && mv {at}.new {at}\n");
    fs::write(&start, script).map_err(Failure::bench)?;
    fs::set_permissions(&start, fs::Permissions::from_mode(0o755)).map_err(Failure::bench)?;
    Command::new(&start).stdin(Stdio::null()).status().map_err(Failure::bench)?;
    let rule = format!("check process x with pidfile {at}\n  start program = \"{}\"\n", start.display());
    let monit = Living(monit(folder.path(), &rule)?);
    pause(Duration::from_secs(3));
    let mut rounds = Rounds::default();
    for _ in 0..KILLED_UNDER_MONIT {
        let took = back_up(&pid_file)?.as_secs_f64() * 1e6;
        rounds.push(Round::of(took, 0.0));
        pause(Duration::from_millis(1300));
    }
    drop(monit);
    if let Some(last) = pid_in(&pid_file) {
        kill(Pid::from_raw(last), Signal::SIGKILL).map_err(Failure::bench)?;
    }
    Ok(rounds.figures())
}

fn monit(folder: &Path, checks: &str) -> Result<Child, Failure> {
    let at = folder.display();
    let rules = format!(
        "set daemon 1\nset idfile {at}/monit.id\nset statefile {at}/monit.state\nset pidfile {at}/monit.pid\n{checks}"
    );
    let file = folder.join("monitrc");
    fs::write(&file, rules).map_err(Failure::bench)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).map_err(Failure::bench)?;
    let mut command = Command::new("monit");
    command.arg("-I").arg("-c").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map_err(|error| Failure::bench(format!("monit can't be started: {error}")))
}

/// Measures where systemd is process 1, and prints what it found.
pub(super) fn run_booted() -> Result<(), Failure> {
    let units = Path::new("/run/systemd/system");
    let unit = |name: &str, more: &str| {
        // The pid is written by the service itself: from then on it serves.
        let text = format!(
            "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/sh -c 'echo $$$$ >/run/bench-{name}; exec sleep infinity'\n{more}"
        );
        fs::write(units.join(format!("bench-{name}.service")), text).map_err(Failure::bench)
    };
    fs::create_dir_all(units).map_err(Failure::bench)?;
    unit("watched", "")?;
    unit("own", "Restart=always\nRestartSec=0\n")?;
    for words in [&["daemon-reload"][..], &["start", "bench-watched", "bench-own"]] {
        let status = Command::new("systemctl").args(words).stdin(Stdio::null()).stdout(Stdio::null()).status();
        status.map_err(Failure::bench)?;
    }
    let watch = Watch::up("")?;
    let check = Check { kind: CheckKind::SystemdUnit, unit: Some("bench-watched".into()), ..Check::default() };
    let again = Action { action: ActionKind::Restart, tries: Some(100), wait_secs: Some(0), ..Action::default() };
    let request = WatcherAddRequest {
        name: "bench".into(),
        check,
        interval_secs: Some(3600),
        actions: Some(vec![again]),
        flaps: Some(100),
        ..WatcherAddRequest::default()
    };
    watch.call::<WatcherAdd>(&request)?;
    pause(Duration::from_secs(1));
    let [ours, own]: [Rounds; 2] = alternate(KILLED, |contender| {
        let name = if contender == 0 { "watched" } else { "own" };
        let took = back_up(Path::new(&format!("/run/bench-{name}")))?.as_secs_f64() * 1e6;
        Ok(Round::of(took, 0.0))
    })?;
    println!("{}", restart_row(ours.figures(), own.figures(), ours.ratio_to(&own)).json());
    Ok(())
}

fn pid_in(file: &Path) -> Option<i32> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Kills a service by its pid file, and how long it takes until it serves again.
fn back_up(file: &Path) -> Result<Duration, Failure> {
    let pid = || pid_in(file);
    let before = pid().ok_or_else(|| Failure::bench(format!("{} names nobody who runs", file.display())))?;
    // What it did before is over, also for systemd.
    pause(Duration::from_millis(150));
    let began = Instant::now();
    kill(Pid::from_raw(before), Signal::SIGKILL).map_err(Failure::bench)?;
    loop {
        if pid().is_some_and(|now| now != before) {
            return Ok(began.elapsed());
        }
        if began.elapsed() > Duration::from_secs(60) {
            return Err(Failure::bench(format!("what {} named did not come back", file.display())));
        }
        pause(Duration::from_micros(100));
    }
}

fn restart_row(ours: Figures, peer: Figures, ratio: f64) -> Row {
    Row {
        name: "restart",
        ours: ("a killed unit, by watch", ours),
        peer: ("systemd's Restart=always", peer),
        unit: "us until it serves",
        ratio,
        goal: Goal::AtMost(1.5),
    }
}
