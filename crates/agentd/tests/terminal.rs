//! Terminals over the socket: a real shell in a real pseudo terminal.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use common::{Agentd, soon};
use nix::{sys::signal::Signal, unistd::Pid};
use osmoda_api::agentd::EventLogRequest;
use osmoda_ipc::{CallError, Client, Message, WebSocket};
use serde_json::{Value, json};

/// What a terminal said until a text is in it.
async fn until(socket: &mut WebSocket, text: &str) -> String {
    let mut said = String::new();
    soon(async {
        while !said.contains(text) {
            match socket.next().await.unwrap_or_else(|| panic!("it ended without {text:?}: {said:?}")).unwrap() {
                Message::Bytes(bytes) => said.push_str(&String::from_utf8_lossy(&bytes)),
                Message::Text(told) => panic!("it ended without {text:?}: {said:?}, {told}"),
            }
        }
        said
    })
    .await
}

/// How it ended.
async fn end(socket: &mut WebSocket) -> Value {
    soon(async {
        let mut told = Value::Null;
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Text(text) = message {
                told = serde_json::from_str(&text).unwrap();
            }
        }
        told
    })
    .await
}

async fn types(socket: &mut WebSocket, keys: &str) {
    socket.send(Message::Bytes(keys.to_owned().into())).await.unwrap();
}

async fn refused(client: &Client, target: &str) -> String {
    match client.websocket(target).await {
        Err(CallError::Fault(fault)) => fault.code().to_owned(),
        other => panic!("it was to be refused: {other:?}"),
    }
}

/// The outcome of the `number`th terminal, as soon as it is recorded.
async fn outcome(agentd: &Agentd, number: usize) -> Value {
    soon(async {
        loop {
            let request = EventLogRequest { kind: Some("terminal.outcome".into()), ..Default::default() };
            let mut events = agentd.events(request).await.events;
            events.sort_by_key(|event| event.id);
            if let Some(event) = events.into_iter().nth(number) {
                return event.payload;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await
}

const PLAIN: &str = "[agentd.terminal]\nshell = \"/bin/sh\"\n";

#[tokio::test]
async fn a_shell_answers_in_a_terminal_of_its_size_and_its_session_is_in_the_ledger() {
    let agentd = Agentd::start_with(PLAIN).await;
    let target = format!("/terminal?cols=101&rows=37&term=vt100&cwd={}", agentd.scratch().display());
    let mut terminal = agentd.operator().websocket(&target).await.unwrap();
    types(
        &mut terminal,
        "stty size; echo term=$TERM at=$PWD mark=${OSMODA_REQUEST_ID:+set}; test -t 0 && echo is a ter'minal'\r",
    )
    .await;
    let said = until(&mut terminal, "is a terminal").await;
    let place = format!("term=vt100 at={} mark=set", agentd.scratch().display());
    assert!(said.contains("37 101") && said.contains(&place), "{said}");
    terminal.send(Message::Text(json!({"type": "resize", "cols": 120, "rows": 40}).to_string())).await.unwrap();
    // Ctrl-C ends what runs in the foreground, not the shell.
    types(&mut terminal, "stty size; sh -c 'echo runn\"\"ing; exec sleep 300'\r").await;
    // Only then it is what runs in the foreground.
    let said = until(&mut terminal, "running").await;
    assert!(said.contains("40 120"), "{said}");
    types(&mut terminal, "\u{3}").await;
    types(&mut terminal, "echo still he're'\r").await;
    until(&mut terminal, "still here").await;
    types(&mut terminal, "exit 3\r").await;
    assert_eq!(end(&mut terminal).await, json!({"type": "exit", "reason": "exited", "exit_code": 3}));
    let outcome = outcome(&agentd, 0).await;
    assert_eq!(
        (&outcome["ok"], &outcome["result"]["reason"], &outcome["result"]["exit_code"]),
        (&json!(true), &json!("exited"), &json!(3))
    );
    assert!(outcome["duration_ms"].is_u64() && outcome["result"]["bytes_out"].as_u64() > Some(50), "{outcome}");
    let request = EventLogRequest { kind: Some("terminal.intent".into()), ..Default::default() };
    let intent = agentd.events(request).await.events.remove(0);
    assert_eq!((intent.actor.starts_with("operator:"), &intent.payload["request"]["term"]), (true, &json!("vt100")));
    assert_eq!(intent.payload["request_id"], outcome["request_id"]);
}

#[tokio::test]
async fn agents_get_none_and_what_is_out_of_bounds_is_refused_before_it_opens() {
    let agentd = Agentd::start_with("[agentd.terminal]\nshell = \"/bin/sh\"\nmost = 1\n").await;
    assert_eq!(refused(&agentd.agent(), "/terminal").await, "forbidden");
    for (target, code) in [
        ("/terminal?cols=0", "invalid_request"),
        ("/terminal?size=1", "invalid_request"),
        ("/terminal?term=a%20b", "invalid_request"),
        ("/terminal?cwd=/nonexistent", "invalid_path"),
    ] {
        assert_eq!(refused(&agentd.operator(), target).await, code, "{target}");
    }
    let mut first = agentd.operator().websocket("/terminal").await.unwrap();
    assert_eq!(refused(&agentd.operator(), "/terminal").await, "busy");
    first.send(Message::Text("ls".into())).await.unwrap();
    assert_eq!(end(&mut first).await["reason"], "bad_message");
    assert_eq!(outcome(&agentd, 0).await["result"]["reason"], "bad_message");
    let mut next = agentd.operator().websocket("/terminal").await.unwrap();
    types(&mut next, "exit\r").await;
    assert_eq!(end(&mut next).await["reason"], "exited");
    // Its place is free when its end is recorded.
    assert_eq!(outcome(&agentd, 1).await["result"]["reason"], "exited");
    // Whoever acts from within one is an agent: the last word is not given from there.
    let mut inside = agentd.operator().websocket("/terminal").await.unwrap();
    let page = format!(
        "printf 'GET /terminal HTTP/1.1\\r\\nhost: x\\r\\nconnection: Upgrade\\r\\nupgrade: websocket\\r\\nsec-websocket-version: 13\\r\\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n' | timeout 2 python3 -c 'import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(\"{}\"); s.sendall(sys.stdin.buffer.read()); print(s.recv(999))'\r",
        agentd.socket().display()
    );
    types(&mut inside, &page).await;
    until(&mut inside, "403 Forbidden").await;
}

#[tokio::test]
async fn who_hangs_up_takes_everything_along_that_the_shell_started() {
    let agentd = Agentd::start_with(PLAIN).await;
    let mut terminal = agentd.operator().websocket("/terminal").await.unwrap();
    types(&mut terminal, "setsid sleep 300 & echo p'id'=$!.\r").await;
    types(&mut terminal, "echo the e'nd'\r").await;
    let said = until(&mut terminal, "the end").await;
    let pid = said.split("pid=").find_map(|rest| rest.split('.').next()?.parse().ok()).unwrap();
    drop(terminal);
    assert_eq!(outcome(&agentd, 0).await["result"]["reason"], "hung_up");
    let gone = nix::sys::signal::kill(Pid::from_raw(pid), None::<Signal>);
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(gone.is_err() || state.contains(") Z"), "{state}");
}

#[tokio::test]
async fn nobody_there_its_time_and_agentds_end_end_it() {
    let idle = Agentd::start_with(&format!("{PLAIN}idle_secs = 1\n")).await;
    let mut terminal = idle.operator().websocket("/terminal").await.unwrap();
    assert_eq!(end(&mut terminal).await["reason"], "idle");
    let busy = Agentd::start_with(&format!("{PLAIN}longest_secs = 2\n")).await;
    let mut terminal = busy.operator().websocket("/terminal").await.unwrap();
    types(&mut terminal, "while :; do echo busy; done\r").await;
    assert_eq!(end(&mut terminal).await["reason"], "too_long");
    assert_eq!(outcome(&busy, 0).await["result"]["reason"], "too_long");
    let mut agentd = Agentd::start_with(PLAIN).await;
    let mut terminal = agentd.operator().websocket("/terminal").await.unwrap();
    types(&mut terminal, "sleep 300\r").await;
    nix::sys::signal::kill(Pid::from_raw(agentd.pid()), Signal::SIGTERM).unwrap();
    assert_eq!(end(&mut terminal).await["reason"], "shutdown");
    agentd.process.wait().unwrap();
    agentd.crash_and_restart().await;
    assert_eq!(outcome(&agentd, 0).await["result"]["reason"], "shutdown");
    // A terminal that a crash cut off is closed at the next start.
    let terminal = agentd.operator().websocket("/terminal").await.unwrap();
    agentd.crash_and_restart().await;
    drop(terminal);
    assert_eq!(outcome(&agentd, 1).await["code"], "interrupted");
}
