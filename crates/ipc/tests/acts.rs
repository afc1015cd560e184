//! What stands around every handler: leave, intent, outcome, panics, deadlines, callers that hang up, stopping.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at what it did not expect")]

mod common;

use std::{sync::atomic::Ordering, time::Duration};

use common::{
    Daemon, DaemonsOnly, Destroy, DestroysAndPanics, Echo, GetPart, Keep, OperatorsOnly, Panics, Part, RemovePart,
    SlowRead, SlowWrite, Text, WhoAmI, parse, read_all, until,
};
use osmoda_ipc::{CallError, Client, Endpoint, Fault, Health, Nothing, Redo, RequestId, Role};
use tokio::{io::AsyncWriteExt, net::UnixStream};

async fn fault<E: Endpoint>(client: &Client, request: &E::Request) -> Fault {
    match client.call::<E>(request).await {
        Err(CallError::Fault(fault)) => fault,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("{} was to be refused", E::NAME),
    }
}

#[tokio::test]
async fn typed_calls_carry_every_kind_of_field_and_the_request_id() {
    let daemon = Daemon::start();
    let client = Client::new(daemon.socket());
    let text = Text { text: "ä|\u{1F600}\0\"".into() };
    assert_eq!(client.call::<Echo>(&text).await.unwrap(), text);
    let part = Part { id: "a/b c?&=%|ü".into(), count: Some(-7) };
    assert_eq!(client.call::<GetPart>(&part).await.unwrap(), part);
    assert_eq!(client.call::<RemovePart>(&part).await.unwrap(), part);
    let id = RequestId::generate();
    let who = client.call_under::<WhoAmI>(&id, &Nothing {}).await.unwrap();
    assert_eq!((who.role.as_str(), who.request_id.as_str()), ("operator", id.as_str()));
    assert_eq!(client.call::<Health>(&Nothing {}).await.unwrap().daemon, "test");
    let page: serde_json::Value = serde_json::from_slice(&client.get("/openapi.json").await.unwrap()).unwrap();
    assert_eq!(page["paths"]["/part/{id}"]["delete"]["operationId"], "RemovePart");
    let metrics = String::from_utf8(client.get("/metrics").await.unwrap().to_vec()).unwrap();
    assert!(metrics.contains("osmoda_ipc_request_seconds_count{endpoint=\"Echo\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_destructive_act_is_recorded_before_and_after_and_a_write_after() {
    let daemon = Daemon::start();
    let client = Client::new(daemon.socket());
    client.call::<Destroy>(&Text { text: "x".into() }).await.unwrap();
    client.call::<RemovePart>(&Part { id: "a".into(), count: None }).await.unwrap();
    client.call::<Echo>(&Text::default()).await.unwrap();
    assert_eq!(daemon.kinds(), ["Destroy.intent", "Destroy.outcome", "RemovePart.outcome"]);
    let events = daemon.recorder.events.lock().unwrap().clone();
    assert_eq!(events[0].payload["approval_id"], "apr_test");
    assert_eq!(events[0].payload["request_id"], events[1].payload["request_id"]);
    assert_eq!(
        (events[1].payload["ok"].as_bool(), events[2].payload["request"]["id"].as_str()),
        (Some(true), Some("a"))
    );
}

#[tokio::test]
async fn what_an_act_must_not_lose_goes_with_the_event_that_records_it() {
    let daemon = Daemon::start();
    let client = Client::new(daemon.socket());
    let said = Text { text: "hello".into() };
    assert_eq!(client.call::<Keep>(&said).await.unwrap(), said);
    assert_eq!(fault::<Keep>(&client, &Text { text: "no".into() }).await.code(), "no");
    // It was done and is recorded; what the answer waits for beside that failed.
    assert_eq!(fault::<Keep>(&client, &Text { text: "late".into() }).await.code(), "late");
    assert_eq!(daemon.kinds(), ["Keep.outcome"; 3]);
    let kept = |text: &str| ("Keep.outcome".to_owned(), Redo { name: "kept".into(), content: text.into() });
    assert_eq!(*daemon.recorder.redo.lock().unwrap(), [kept("hello"), kept("late")]);
}

#[tokio::test]
async fn without_leave_or_record_nothing_is_done() {
    let daemon = Daemon::start();
    let client = Client::new(daemon.socket());
    assert_eq!(fault::<Destroy>(&client, &Text { text: "forbidden".into() }).await.code(), "approval_required");
    assert!(daemon.kinds().is_empty());
    daemon.recorder.refuses.store(true, Ordering::SeqCst);
    assert_eq!(fault::<Destroy>(&client, &Text { text: "x".into() }).await.code(), "ledger_unavailable");
    let unrecorded = fault::<SlowWrite>(&client, &Nothing {}).await;
    assert_eq!((unrecorded.code(), unrecorded.is_retryable()), ("outcome_unrecorded", false));
}

#[tokio::test]
async fn a_panic_is_one_fault_and_one_failed_outcome_and_the_daemon_lives() {
    let daemon = Daemon::start();
    let client = Client::new(daemon.socket());
    let panicked = fault::<Panics>(&client, &Nothing {}).await;
    assert_eq!((panicked.status().as_u16(), panicked.code()), (500, "internal"));
    assert!(!panicked.message().contains("mistake"), "{panicked}");
    assert_eq!(fault::<DestroysAndPanics>(&client, &Nothing {}).await.code(), "internal");
    assert_eq!(daemon.kinds(), ["DestroysAndPanics.intent", "DestroysAndPanics.outcome"]);
    client.call::<Echo>(&Text::default()).await.unwrap();
}

#[tokio::test]
async fn a_handler_beyond_its_deadline_is_answered_for() {
    let daemon = Daemon::start();
    let late = fault::<SlowRead>(&Client::new(daemon.socket()), &Nothing {}).await;
    assert_eq!((late.status().as_u16(), late.code()), (504, "deadline_exceeded"));
}

#[tokio::test]
async fn a_caller_that_hangs_up_is_noticed_and_its_write_is_finished() {
    let daemon = Daemon::start();
    let mut stream = UnixStream::connect(daemon.socket()).await.unwrap();
    stream.write_all(b"POST /slow/write HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(stream);
    until(|| daemon.kinds() == ["SlowWrite.outcome"]).await;
    assert_eq!(daemon.state.finished_writes.load(Ordering::SeqCst), 1);
    assert!(daemon.state.saw_hang_up.load(Ordering::SeqCst));
    Client::new(daemon.socket()).call::<SlowWrite>(&Nothing {}).await.unwrap();
    assert!(!daemon.state.saw_hang_up.load(Ordering::SeqCst), "a caller that waits has not hung up");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_callers_hold_nobody_up() {
    let daemon = Daemon::start();
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = UnixStream::connect(daemon.socket()).await.unwrap();
        stream.write_all(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{").await.unwrap();
        slow.push(stream);
    }
    let quick = Client::new(daemon.socket());
    let calls = async {
        for _ in 0..100 {
            quick.call::<Echo>(&Text::default()).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(5), calls).await.expect("slow callers are in the way");
}

#[tokio::test]
async fn roles_open_what_is_theirs_and_narrowing_lasts() {
    let daemon = Daemon::start();
    let (operator, agent) = (Client::new(daemon.socket()), Client::new(daemon.socket()).narrowed_to(Role::Agent));
    operator.call::<OperatorsOnly>(&Nothing {}).await.unwrap();
    operator.call::<DaemonsOnly>(&Nothing {}).await.unwrap();
    assert_eq!(fault::<OperatorsOnly>(&agent, &Nothing {}).await.code(), "forbidden");
    assert_eq!(fault::<DaemonsOnly>(&agent, &Nothing {}).await.code(), "forbidden");
    assert_eq!(agent.call::<WhoAmI>(&Nothing {}).await.unwrap().role, "agent");
    let mut stream = UnixStream::connect(daemon.socket()).await.unwrap();
    let narrowed = "GET /who HTTP/1.1\r\nhost: x\r\nx-osmoda-role: agent\r\n\r\n";
    let plain = "GET /operators HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(format!("{narrowed}{plain}").as_bytes()).await.unwrap();
    let answers = read_all(stream).await;
    let second = answers.rfind("HTTP/1.1").unwrap();
    assert_eq!(parse(&answers[second..]).1["code"], "forbidden");
}

/// Needs an account without a role: root can become one.
#[tokio::test]
async fn a_stranger_is_refused_and_recorded_once_a_minute() {
    if !nix::unistd::Uid::effective().is_root() {
        eprintln!("not root: an account without a role can't be taken on here");
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    let daemon = Daemon::start();
    std::fs::set_permissions(daemon.folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(daemon.socket(), std::fs::Permissions::from_mode(0o666)).unwrap();
    for _ in 0..3 {
        let socket = daemon.socket();
        let script = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b'GET /who HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\n\\r\\n'); print(s.recv(65536).decode())";
        let output = tokio::process::Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", script])
            .arg(&socket)
            .output()
            .await
            .unwrap();
        let answer = String::from_utf8(output.stdout).unwrap();
        assert_eq!(parse(&answer).0, 403, "{answer}{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(daemon.kinds(), ["access.refused"]);
}

#[tokio::test]
async fn stopping_lets_what_runs_finish_and_takes_nobody_new() {
    let daemon = Daemon::start();
    let client = Client::new(daemon.socket());
    let running = tokio::spawn(async move { client.call::<SlowWrite>(&Nothing {}).await });
    until(|| daemon.folder.path().exists()).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    daemon.stop.cancel();
    running.await.unwrap().unwrap();
    tokio::time::timeout(Duration::from_secs(5), daemon.serving).await.expect("it does not stop").unwrap();
    assert_eq!(daemon.state.finished_writes.load(Ordering::SeqCst), 1);
    let late = Client::new(daemon.folder.path().join("d.sock")).call::<Echo>(&Text::default()).await;
    assert!(matches!(late, Err(CallError::Unreachable { .. })), "{late:?}");
}

#[tokio::test]
async fn a_daemon_that_is_not_there_or_talks_nonsense_is_an_error_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock");
    let gone = Client::new(&socket).call::<Echo>(&Text::default()).await.unwrap_err();
    assert_eq!(Fault::from(gone).code(), "unavailable");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnope").await;
        }
    });
    let nonsense = Client::new(&socket).call::<Echo>(&Text::default()).await.unwrap_err();
    assert_eq!(Fault::from(nonsense).code(), "daemon_broken");
}
