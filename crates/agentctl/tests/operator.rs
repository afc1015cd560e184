//! What an operator does in a day, over a real suite: look, call, approve, follow an act, verify, stop.

mod common;

use std::{fs, process::Stdio};

use common::{PATIENCE, Suite, end_of, signal, soon};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

/// A command that an agent may not run without leave, and that harms nobody.
const GUARDED: &str = "perl -e 1 # osmoda-test";

#[tokio::test]
async fn a_day_from_up_to_down() {
    let suite = Suite::up().await;
    let (supervisor, agentd) = (suite.pid("suite"), suite.pid("agentd"));

    let status = suite.json(&["status", "--json"]).await;
    assert_eq!((&status["ok"], &status["daemons"][0]["pid"]), (&json!(true), &json!(agentd)));
    let text = suite.run(&["status"]).await.with_code(0).out;
    assert!(text.starts_with("DAEMON") && text.contains(" up ") && text.contains(&agentd.to_string()), "{text}");
    assert!(!text.contains('\u{1b}'), "colour without a terminal: {text}");

    let health = suite.json(&["health", "--json"]).await;
    assert!(health["ram"]["total_bytes"].as_u64().unwrap() > 0);
    assert!(suite.run(&["health"]).await.with_code(0).out.contains("memory"));

    let ran = suite.json(&["call", "shell_exec", "--json", r#"{"command":"echo hello"}"#]).await;
    assert_eq!((&ran["stdout"], &ran["exit_code"]), (&json!("hello\n"), &json!(0)));

    let receipts = suite.json(&["receipts", "--json", "--type", "shell_exec"]).await;
    let act = receipts["receipts"][0]["request_id"].as_str().unwrap().to_owned();
    let trace = suite.json(&["trace", &act, "--json"]).await;
    let kinds: Vec<&str> =
        trace["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["shell_exec.intent", "shell_exec.outcome"]);
    let timeline = suite.run(&["trace", &act]).await.with_code(0).out;
    assert!(timeline.contains("+0.000 s") && timeline.contains(r#"command="echo hello""#), "{timeline}");

    let verified = suite.json(&["verify-ledger", "--json"]).await;
    assert_eq!(verified["ok"], true);

    let down = suite.json(&["down", "--json"]).await;
    assert_eq!((&down["supervisor"], &down["stopped"]), (&json!(supervisor), &json!(["agentd"])));
    assert_eq!(suite.processes(), [0; 0], "down left a process");
    suite.run(&["status"]).await.with_code(3);

    let offline = suite.run(&["verify-ledger", "--json"]).await.with_code(0);
    assert_eq!((&offline.json()["head"], offline.err.contains("agentd does not answer")), (&verified["head"], true));
    suite.run(&["down"]).await.with_code(0);
}

#[tokio::test]
async fn an_agents_act_waits_for_the_operators_answer() {
    let suite = Suite::up().await;
    let guarded = json!({ "command": GUARDED });
    let ask = || async {
        suite.run(&["call", "shell_exec", "--as", "agent", "--json", &guarded.to_string()]).await.with_code(1).json()
    };

    let refused = ask().await;
    assert_eq!((&refused["code"], &refused["error"]), (&json!("approval_required"), &json!("approval_required")));
    let id = refused["detail"]["approval_id"].as_str().unwrap();
    let pending = suite.run(&["approvals"]).await.with_code(0).out;
    for part in [id, GUARDED, "shell_exec", "expires in", "agent:"] {
        assert!(pending.contains(part), "{part} is not in {pending}");
    }

    // The beginning of an id is no id.
    suite.run(&["approve", &id[..id.len() - 1]]).await.with_code(2);
    let approved = suite.run(&["approve", id]).await.with_code(0).out;
    assert!(approved.contains("approved") && approved.contains(GUARDED), "{approved}");
    let with_leave = json!({ "command": GUARDED, "approval_id": id }).to_string();
    let ran = suite.run(&["call", "shell_exec", "--as", "agent", "--json", &with_leave]).await.with_code(0);
    assert_eq!(ran.json()["exit_code"], 0);

    // Answered and used once is answered and used for good.
    let again = suite.run(&["approve", id, "--json"]).await.with_code(1);
    let envelope: Value = serde_json::from_str(&again.err).unwrap();
    assert_eq!(envelope["code"], "approval_not_pending");
    assert!(envelope["request_id"].as_str().unwrap().starts_with("req_"));

    let refused = ask().await;
    let id = refused["detail"]["approval_id"].as_str().unwrap();
    assert_eq!(suite.json(&["deny", id, "--json"]).await["status"], "denied");
    assert!(suite.run(&["approvals"]).await.with_code(0).out.contains("nothing waits"));
}

#[tokio::test]
async fn the_ledger_can_be_filtered_and_followed() {
    let suite = Suite::up().await;
    let call = |command: &str| {
        let args = json!({ "command": command }).to_string();
        let suite = &suite;
        async move { suite.run(&["call", "shell_exec", "--json", &args]).await.with_code(0) }
    };
    call("echo before").await;
    let mut follower = suite.command(&["events", "--follow", "--json", "--type", "shell_exec.intent"]);
    let mut follower = follower.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("no event came").unwrap().unwrap();
        serde_json::from_str::<Value>(&line).unwrap()
    };
    let first = next().await;
    assert_eq!(first["payload"]["request"]["command"], "echo before");
    call("echo after").await;
    let second = next().await;
    assert_eq!(
        (&second["payload"]["request"]["command"], &second["type"]),
        (&json!("echo after"), &json!("shell_exec.intent"))
    );
    assert!(second["id"].as_i64() > first["id"].as_i64());

    // agentd may go and come while somebody follows.
    let before = suite.pid("agentd");
    signal(before, Signal::SIGKILL);
    let pid_file = suite.path().join("run/agentd.pid");
    soon("a new agentd", || osmoda_ipc::daemon::running_pid(&pid_file).filter(|pid| *pid != before)).await;
    soon("its socket", || std::os::unix::net::UnixStream::connect(suite.path().join("run/agentd.sock")).ok()).await;
    call("echo later").await;
    assert_eq!(next().await["payload"]["request"]["command"], "echo later");
    signal(i32::try_from(follower.id().unwrap()).unwrap(), Signal::SIGINT);
    assert_eq!(end_of(&mut follower).await.code(), Some(0));

    let page = suite.json(&["events", "--json", "--limit", "2", "--type", "shell_exec."]).await;
    assert_eq!(page["events"].as_array().unwrap().len(), 2);
    let none = suite.json(&["events", "--json", "--actor", "agent:nobody", "--since", "1h"]).await;
    assert_eq!(none["events"], json!([]));
    let text = suite.run(&["events"]).await.with_code(0).out;
    assert!(text.find("echo before").unwrap() < text.find("echo later").unwrap(), "the newest stands last: {text}");
}

#[tokio::test]
async fn arguments_come_from_the_line_from_standard_input_or_from_a_file() {
    let suite = Suite::up().await;
    let path = suite.path().join("note.txt");
    fs::write(&path, "one\ntwo\n").unwrap();
    let args = json!({ "path": path }).to_string();
    let file = suite.path().join("args.json");
    fs::write(&file, &args).unwrap();
    let named = format!("@{}", file.display());
    for (given, input) in [(args.as_str(), ""), ("-", args.as_str()), (named.as_str(), "")] {
        let read = suite.run_with(&["call", "file_read", "--json", given], input).await.with_code(0).json();
        assert_eq!(read["content"], "one\ntwo\n", "{given}");
    }
    let missing = suite.run(&["call", "file_read", "--json", r#"{"path":"/no/such/file"}"#]).await.with_code(1).json();
    assert!(missing["request_id"].as_str().unwrap().starts_with("req_"), "{missing}");
}

#[tokio::test]
async fn the_tools_of_this_installation_are_listed_and_served_to_mcp_clients() {
    let suite = Suite::up().await;
    let tools = suite.json(&["tools", "--json"]).await;
    let listed: Vec<&str> =
        tools["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert!(listed.contains(&"shell_exec"));
    let session = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}),
    ];
    let session: String = session.iter().map(|message| format!("{message}\n")).collect();
    let serve = async |args: &[&str]| {
        let ran = suite.run_with(args, &session).await.with_code(0);
        let answers: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let list = answers.iter().find(|answer| answer["id"] == 2).unwrap();
        let tools = list["result"]["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut served = serve(&["mcp"]).await;
    served.sort();
    let mut expected = listed.clone();
    expected.sort_unstable();
    assert_eq!(served, expected);
    let harmless = serve(&["mcp", "--read-only"]).await;
    assert!(!harmless.is_empty() && !harmless.contains(&"shell_exec".to_owned()));

    // What is not installed is not listed.
    fs::write(suite.path().join("state/suite.json"), r#"{"daemons":["voice"]}"#).unwrap();
    assert_eq!(suite.json(&["tools", "--json"]).await["tools"], json!([]));
}
