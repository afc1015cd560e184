//! A tool's call over standard input and output: `agentctl mcp` against a bare rmcp server with one socket hop beside it,
//! first without the tool's own work on either side, then with it on both, and against a server of the TypeScript SDK that
//! asks the same daemon the same thing.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use osmoda_api::agentd::{EventLog, EventLogRequest, Events};
use osmoda_ipc::{Accounts, Call, Client, Fault, Limits, Metrics, Routes, Server, daemon::Dirs};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::{
    row::{Goal, Row},
    sample::{OneCore, Rounds, alternate, cpu_of, each, own_cpu},
    suite::{Suite, agentctl, program},
};
use crate::Failure;

const ROUNDS: usize = 40;
const CALLS: usize = 200;

/// A ledger's newest event: a small answer that the daemon has at hand.
const TOOL: &str = "event_log";

fn arguments() -> Value {
    json!({ "limit": 1 })
}

pub(super) fn run() -> Result<Vec<Row>, Failure> {
    let _one_core = OneCore::hold()?;
    let suite = Suite::up()?;
    let agentd = suite.agentd()?;
    let client = Client::new(suite.dirs().socket("agentd"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::bench)?;
    // Something to find, and what those that have no ledger are to answer.
    let command = json!({ "command": "true" }).to_string();
    let called = suite.agentctl().args(["call", "shell_exec", "--json", &command]).output();
    if !called.map_err(Failure::bench)?.status.success() {
        return Err(Failure::bench("a first event could not be made"));
    }
    let request = EventLogRequest { limit: Some(1), ..EventLogRequest::default() };
    let events = runtime.block_on(client.call::<EventLog>(&request)).map_err(Failure::bench)?;
    let answer = serde_json::to_string(&events).map_err(Failure::bench)?;
    let memory = Memory::serve(events)?;
    let hop = Client::new(Dirs::under(memory.folder.path()).socket("agentd"));

    let mut thin = Session::start(agentctl(memory.folder.path())?.arg("mcp"))?;
    let mut ours = Session::start(suite.agentctl().arg("mcp"))?;
    let mut bare = Session::start(Command::new(program("examples/bare")?).args([TOOL, &answer]))?;
    let sdk =
        |name| env::var_os(name).ok_or_else(|| Failure::bench(format!("{name} is not set; start scripts/bench.sh")));
    let script = crate::root().join("scripts/bench/sdk.mjs");
    let mut other = Session::start(
        Command::new(sdk("BENCH_NODE")?).arg(script).arg(sdk("BENCH_SDK")?).arg(suite.dirs().socket("agentd")),
    )?;
    for session in [&mut thin, &mut ours, &mut other, &mut bare] {
        let said = session.call()?;
        if said["isError"] == true || said["structuredContent"]["events"].as_array().is_none_or(|all| all.len() != 1) {
            return Err(Failure::bench(format!("a server answers otherwise: {said}")));
        }
    }

    let [thin, bare, hop, ours, direct, other]: [Rounds; 6] = alternate(ROUNDS, |contender| match contender {
        0 => thin.round(Some(std::process::id())),
        1 => bare.round(None),
        2 => {
            each(CALLS, own_cpu, || runtime.block_on(hop.call::<EventLog>(&request)).map(drop).map_err(Failure::bench))
        }
        3 => ours.round(Some(agentd)),
        4 => {
            let pids = [std::process::id(), agentd];
            each(
                CALLS,
                || cpu_of(&pids),
                || runtime.block_on(client.call::<EventLog>(&request)).map(drop).map_err(Failure::bench),
            )
        }
        _ => other.round(Some(agentd)),
    })?;
    let row = |name, (called, ours): (&'static str, &Rounds), peer, peers: &Rounds, ratio, goal| Row {
        name,
        ours: (called, ours.figures()),
        peer: (peer, peers.figures()),
        unit: "us a call",
        ratio,
        goal,
    };
    let (hopped, same) = (bare.and(&hop), bare.and(&direct));
    // A server of the SDK stops to collect its garbage every few hundred calls: whoever calls waits for that too.
    let (ours_whole, other_whole) = (ours.of_mean(), other.of_mean());
    let (from_memory, real) = (("agentctl mcp, answer at hand", &thin), ("agentctl mcp, event_log", &ours));
    Ok(vec![
        row("mcp", from_memory, "bare rmcp + one socket hop", &hopped, thin.ratio_to(&hopped), Goal::AtMost(1.3)),
        row("mcp-agentd", real, "bare rmcp + the same call", &same, ours.ratio_to(&same), Goal::AtMost(1.3)),
        Row {
            unit: "us a call, the mean",
            ..row(
                "mcp-typescript",
                ("agentctl mcp, event_log", &ours_whole),
                "TypeScript SDK 1.32",
                &other_whole,
                other_whole.ratio_to(&ours_whole),
                Goal::AtLeast(3.0),
            )
        },
    ])
}

/// A daemon in agentd's place that has its answer at hand: what is left is the way there and back.
struct Memory {
    folder: TempDir,
    _servers: Runtime,
}

impl Memory {
    fn serve(events: Events) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("osmoda.").tempdir().map_err(Failure::bench)?;
        let dirs = Dirs::under(folder.path());
        dirs.prepare().map_err(Failure::bench)?;
        let servers = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::bench)?;
        let accounts = Arc::new(Accounts::new(dirs.pid_file("agentd")));
        let routes = Routes::new("agentd", Arc::new(events)).on::<EventLog>(at_hand);
        let server = Server::new(routes, accounts, Metrics::build("agentd", |_| {}), Limits::default());
        let listener = super::hop::listen(&servers, &dirs.socket("agentd"))?;
        servers.spawn(server.map_err(Failure::bench)?.serve(listener, CancellationToken::new()));
        Ok(Self { folder, _servers: servers })
    }
}

async fn at_hand(events: Arc<Events>, _: Call, _: EventLogRequest) -> Result<Events, Fault> {
    Ok(events.as_ref().clone())
}

/// One MCP server as a child, spoken to line by line.
struct Session {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    line: String,
    id: u64,
}

impl Session {
    fn start(command: &mut Command) -> Result<Self, Failure> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(Failure::bench)?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::bench("a child without pipes"));
        };
        let mut session = Self { child, to, from: BufReader::new(from), line: String::new(), id: 0 };
        session.ask(
            "initialize",
            &json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "bench", "version": "1" } }),
        )?;
        session.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        Ok(session)
    }

    fn send(&mut self, message: &Value) -> Result<(), Failure> {
        let line = format!("{message}\n");
        self.to.write_all(line.as_bytes()).map_err(Failure::bench)
    }

    /// The result of a request, as the line that it is.
    fn exchange(&mut self, method: &str, params: &Value) -> Result<(), Failure> {
        self.id += 1;
        let id = self.id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        self.line.clear();
        match self.from.read_line(&mut self.line).map_err(Failure::bench)? {
            0 => Err(Failure::bench("a server ended early")),
            _ => Ok(()),
        }
    }

    fn ask(&mut self, method: &str, params: &Value) -> Result<Value, Failure> {
        self.exchange(method, params)?;
        let answer: Value = serde_json::from_str(&self.line).map_err(Failure::bench)?;
        let result = answer.get("result").filter(|_| answer["id"] == self.id).cloned();
        result.ok_or_else(|| Failure::bench(format!("{method}: {answer}")))
    }

    fn call(&mut self) -> Result<Value, Failure> {
        self.ask("tools/call", &json!({ "name": TOOL, "arguments": arguments() }))
    }

    fn round(&mut self, daemon: Option<u32>) -> Result<super::sample::Round, Failure> {
        let params = json!({ "name": TOOL, "arguments": arguments() });
        let pids: Vec<u32> = [self.child.id()].into_iter().chain(daemon).collect();
        let cpu = || -> Result<Duration, Failure> { cpu_of(&pids) };
        each(CALLS, cpu, || self.exchange("tools/call", &params))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
