//! keyd's signatures: decoding, rules and signature against viem and against the bare curves, and the way over the disk
//! against one commit of SQLite.

use std::{
    env,
    ffi::OsStr,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::{
    row::{Goal, Row},
    sample::{Round, Rounds, alternate},
    suite::{program, programs},
};
use crate::Failure;

const ROUNDS: usize = 20;

pub(super) fn run() -> Result<Vec<Row>, Failure> {
    // Beside what was built: a temporary folder may lie in memory, where durability costs nothing.
    let folder = tempfile::tempdir_in(programs()?).map_err(Failure::bench)?;
    let mut keyd = Signer::start(Command::new(program("examples/signatures")?).arg(folder.path().join("keyd")))?;
    let peer =
        |name| env::var_os(name).ok_or_else(|| Failure::bench(format!("{name} is not set; start scripts/bench.sh")));
    let script = crate::root().join("scripts/bench/viem.mjs");
    let arguments = [script.as_os_str(), &peer("BENCH_VIEM")?].map(OsStr::to_owned);
    let mut viem = Signer::start(Command::new(peer("BENCH_NODE")?).args(arguments))?;
    // What runs in a virtual machine is compiled by then.
    viem.ask("erc20", 1, 2000)?;

    let [ours, other]: [Rounds; 2] = alternate(ROUNDS, |contender| match contender {
        0 => keyd.ask("erc20", 1, 500).map(Said::processor),
        _ => viem.ask("erc20", 1, 200).map(Said::processor),
    })?;
    let viem_row = Row {
        name: "sign-viem",
        ours: ("decode, policy, signature", ours.figures()),
        peer: ("viem, the same transfer", other.figures()),
        unit: "us of CPU an ERC-20 transfer",
        ratio: ours.ratio_to(&other),
        goal: Goal::AtMost(0.25),
    };
    let mut rate = |name, what: &'static str, bare: &'static str, count| {
        let [ours, other]: [Rounds; 2] =
            alternate(ROUNDS, |contender| keyd.ask([what, bare][contender], 8, count).map(Said::together))?;
        Ok::<_, Failure>(Row {
            name,
            ours: ("decode, policy, signature", ours.figures()),
            peer: (bare, other.figures()),
            unit: "us an act, 8 callers",
            // How many times as many in the same time.
            ratio: other.ratio_to(&ours),
            goal: Goal::AtLeast(0.5),
        })
    };
    let k256 = rate("sign-k256", "erc20", "k256", 200)?;
    let ed25519 = rate("sign-ed25519", "solana", "ed25519", 500)?;
    let [ours, other]: [Rounds; 2] =
        alternate(ROUNDS, |contender| keyd.ask(["counted", "commit"][contender], 1, 30).map(Said::each))?;
    let durable = Row {
        name: "sign-durable",
        ours: ("counted, then signed", ours.figures()),
        peer: ("one FULL commit of SQLite", other.figures()),
        unit: "us an act",
        ratio: ours.ratio_to(&other),
        goal: Goal::AtMost(2.0),
    };
    Ok(vec![viem_row, k256, ed25519, durable])
}

/// A program that signs as it is told, line by line.
struct Signer {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// Microseconds an operation.
struct Said {
    wall: f64,
    cpu: f64,
    median: f64,
}

impl Said {
    /// By the processor's time.
    fn processor(self) -> Round {
        Round::of(self.cpu, self.cpu)
    }

    /// By how long all callers took together.
    fn together(self) -> Round {
        Round::of(self.wall, self.cpu)
    }

    /// By the median of each.
    fn each(self) -> Round {
        Round::of(self.median, self.cpu)
    }
}

impl Signer {
    fn start(command: &mut Command) -> Result<Self, Failure> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(Failure::bench)?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::bench("a child without pipes"));
        };
        Ok(Self { child, to, from: BufReader::new(from) })
    }

    fn ask(&mut self, what: &str, callers: usize, count: usize) -> Result<Said, Failure> {
        writeln!(self.to, "{what} {callers} {count}").map_err(Failure::bench)?;
        let mut line = String::new();
        self.from.read_line(&mut line).map_err(Failure::bench)?;
        let numbers: Vec<f64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        let [wall, cpu, median] = numbers[..] else {
            return Err(Failure::bench(format!("a signer ended early, or said {line:?}")));
        };
        Ok(Said { wall, cpu, median })
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
