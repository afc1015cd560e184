//! Checking a ledger against `journalctl --verify` of a journal with the same entries, on a machine with a real journal.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Command, Stdio},
};

use osmoda_ledger::verify_file;

use super::{event, fill};
use crate::{
    Failure,
    bench::{
        booted,
        row::{Goal, Row},
        sample::{Round, Rounds, alternate, whole},
    },
};

/// The name under which this program measures inside the booted machine.
pub(in crate::bench) const BOOTED: &str = "journal-booted";

const ROUNDS: usize = 5;
const EVENTS: usize = 200_000;
/// Where programs tell the journal (systemd's Native Journal Protocol).
const JOURNAL: &str = "/run/systemd/journal/socket";

/// Boots a machine and measures there.
pub(in crate::bench) fn run() -> Result<Vec<Row>, Failure> {
    booted::run(BOOTED).map(|measured| vec![row(measured.ours, measured.peer, measured.ratio)])
}

/// Measures where systemd is process 1, and prints what it found.
pub(in crate::bench) fn run_booted() -> Result<(), Failure> {
    let entries = fill_journal()?;
    let folder = tempfile::tempdir_in("/var").map_err(Failure::bench)?;
    let path = folder.path().join("ledger.db");
    fill(&path, EVENTS)?;
    let [ours, journal]: [Rounds; 2] = alternate(ROUNDS, |contender| match contender {
        0 => whole(EVENTS, || match verify_file(&path).map_err(Failure::bench)? {
            verification if verification.ok && verification.events == EVENTS as u64 => Ok(()),
            verification => Err(Failure::bench(format!("the ledger does not verify: {verification:?}"))),
        }),
        _ => verify_journal(entries),
    })?;
    // How many times as many entries in the same time.
    println!("{}", row(ours.figures(), journal.figures(), journal.ratio_to(&ours)).json());
    Ok(())
}

fn row(ours: crate::bench::sample::Figures, peer: crate::bench::sample::Figures, ratio: f64) -> Row {
    Row {
        name: "verify-journal",
        ours: ("verify_file, 200,000 events", ours),
        peer: ("journalctl --verify", peer),
        unit: "us an entry",
        ratio,
        goal: Goal::AtLeast(10.0),
    }
}

/// As many entries as the ledger gets, with the same fields. Answers with how many the journal then holds.
fn fill_journal() -> Result<usize, Failure> {
    let settings = Path::new("/etc/systemd/journald.conf.d");
    fs::create_dir_all(settings).map_err(Failure::bench)?;
    fs::write(
        settings.join("bench.conf"),
        "[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\nRateLimitBurst=0\nSystemMaxUse=2G\nSystemMaxFileSize=1G\nForwardToConsole=no\n",
    )
    .map_err(Failure::bench)?;
    systemd(&["restart", "systemd-journald.service"])?;
    let socket = UnixDatagram::unbound().map_err(Failure::bench)?;
    socket.connect(JOURNAL).map_err(Failure::bench)?;
    for number in 0..EVENTS {
        let event = event(number);
        let entry = format!(
            "MESSAGE={}\nPRIORITY=6\nSYSLOG_IDENTIFIER=osmoda-agentd\nOSMODA_TYPE={}\nOSMODA_ACTOR={}\n",
            event.payload, event.kind, event.actor
        );
        socket.send(entry.as_bytes()).map_err(Failure::bench)?;
    }
    journalctl(&["--sync"])?;
    journalctl(&["--rotate"])?;
    let mut reader = Command::new("journalctl")
        .args(["--quiet", "--no-pager", "--output=cat", "--output-fields=SYSLOG_IDENTIFIER", "-t", "osmoda-agentd"])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(Failure::bench)?;
    let lines = reader.stdout.take().map_or(0, |out| BufReader::new(out).lines().count());
    reader.wait().map_err(Failure::bench)?;
    if lines < EVENTS * 9 / 10 {
        return Err(Failure::bench(format!("the journal holds {lines} of {EVENTS} entries")));
    }
    Ok(lines)
}

fn verify_journal(entries: usize) -> Result<Round, Failure> {
    whole(entries, || journalctl(&["--verify", "--quiet"]))
}

fn journalctl(arguments: &[&str]) -> Result<(), Failure> {
    succeeds(Command::new("journalctl").args(arguments))
}

fn systemd(arguments: &[&str]) -> Result<(), Failure> {
    succeeds(Command::new("systemctl").args(arguments))
}

fn succeeds(command: &mut Command) -> Result<(), Failure> {
    let output = command.stdin(Stdio::null()).output().map_err(Failure::bench)?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::bench(format!("{command:?}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr))))
}
