//! `sandbox_exec` of /bin/true, with everything around it, against a bare bwrap with the same namespaces and against npm's
//! sandbox-runtime: the processor's time of every process at work.

use std::{
    env, fs,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{prctl::set_child_subreaper, wait::wait},
    unistd::{SysconfVar, Uid, sysconf},
};
use osmoda_api::agentd::{SandboxExec, SandboxRequest};
use osmoda_ipc::{Client, daemon::running_pid};
use tokio::runtime::Runtime;

use super::{
    row::{Goal, Row},
    sample::{Figures, alternate, children_cpu, each, own_cpu},
    suite::Suite,
};
use crate::Failure;

const ROUNDS: usize = 15;
const RUNS: usize = 40;
/// It takes a hundred times as long.
const RUNS_OF_SRT: usize = 2;
/// nobody, as whom our runner runs where root starts it.
const NOBODY: u32 = 65534;

pub(super) fn run() -> Result<Vec<Row>, Failure> {
    let suite = Suite::up()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::bench)?;
    // What bwrap leaves behind comes here, is waited for and counts.
    set_child_subreaper(true).map_err(Failure::bench)?;
    // A connection for each round: agentd closes one that the others' turns leave idle.
    let client = || Client::new(suite.dirs().socket("agentd"));
    sandboxed(&runtime, &client())?;
    let agentd = running_pid(&suite.dirs().pid_file("agentd"))
        .and_then(|pid| u32::try_from(pid).ok())
        .ok_or_else(|| Failure::bench("agentd does not run"))?;
    let runner = child_of(agentd)?;
    let cpu = || Ok(own_cpu()? + whole_cpu(agentd)? + whole_cpu(runner)?);
    let srt = env::var_os("BENCH_SRT");
    let all = alternate::<3>(ROUNDS, |contender| match contender {
        0 => {
            let client = client();
            each(RUNS, cpu, || sandboxed(&runtime, &client))
        }
        1 => each(RUNS, children_cpu, || succeeds(&mut bare())),
        // Where it is not installed its place is a run that counts for nothing.
        _ => each(RUNS_OF_SRT, children_cpu, || {
            srt.as_deref().map_or(Ok(()), |srt| succeeds(&mut of_srt(Path::new(srt))))
        }),
    })?;
    let [ours, bwrap, of_srt] = all.map(|rounds| rounds.figures());
    let mut rows = vec![row("sandbox", ours, ("bare bwrap", bwrap), 1.3)];
    if srt.is_some() {
        rows.push(row("sandbox srt", ours, ("sandbox-runtime", of_srt), 0.03));
    }
    Ok(rows)
}

fn row(name: &'static str, ours: Figures, peer: (&'static str, Figures), most: f64) -> Row {
    Row {
        name,
        ours: ("sandbox_exec", ours),
        peer,
        unit: "us a run (ratio: cpu)",
        ratio: ours.cpu / peer.1.cpu,
        goal: Goal::AtMost(most),
    }
}

fn sandboxed(runtime: &Runtime, client: &Client) -> Result<(), Failure> {
    let request = SandboxRequest { command: "/bin/true".into(), ..SandboxRequest::default() };
    let answer = runtime.block_on(client.call::<SandboxExec>(&request)).map_err(Failure::bench)?;
    if answer.exit_code == 0 { Ok(()) } else { Err(Failure::bench(format!("{answer:?}"))) }
}

fn bare() -> Command {
    let mut command = Command::new("bwrap");
    command.args("--ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --unshare-all --die-with-parent --new-session --cap-drop ALL /bin/true".split(' '));
    command
}

fn of_srt(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["/bin/true"]).env("HOME", "/tmp");
    command
}

/// Runs to its end, and to that of everything that it left.
fn succeeds(command: &mut Command) -> Result<(), Failure> {
    if Uid::effective().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().map_err(Failure::bench)?;
    while !matches!(wait(), Err(Errno::ECHILD)) {}
    if status.success() { Ok(()) } else { Err(Failure::bench(format!("{command:?}: {status}"))) }
}

/// The runner, which agentd started with the first call.
fn child_of(pid: u32) -> Result<u32, Failure> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).map_err(Failure::bench)?;
    let children =
        threads.flatten().map(|thread| fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    let all: Vec<u32> = children
        .flat_map(|text| text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    let is_runner = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("osmoda-sandbox"))
    };
    all.into_iter().find(is_runner).ok_or_else(|| Failure::bench("agentd has no runner"))
}

/// The processor's time of a process with all threads that it had and all children that it buried (proc_pid_stat(5)).
fn whole_cpu(pid: u32) -> Result<Duration, Failure> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).map_err(Failure::bench)?;
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        fields.split_ascii_whitespace().skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    let each_second =
        sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|ticks| u64::try_from(ticks).ok()).unwrap_or(100);
    Ok(Duration::from_micros(ticks * 1_000_000 / each_second))
}
