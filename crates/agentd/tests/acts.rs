//! What agents and operators do: answered, recorded before and after, and refused where it can't be recorded.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::{os::unix::fs::PermissionsExt, process::Command, time::Duration};

use common::{Agentd, exists, fault, soon};
use osmoda_api::agentd::{
    DirectoryList, DirectoryRequest, Encoding, EntryKind, EventLogRequest, FileRead, FileReadRequest, FileWrite,
    FileWriteRequest, LedgerAppend, LedgerVerify, ReceiptList, ReceiptListRequest, ReceiptStatus, ShellExec,
    ShellRequest, Stopped, SystemHealth, VerifyRequest,
};
use osmoda_ipc::{CallError, NewEvent, Nothing, RequestId};
use serde_json::json;

fn command(text: &str) -> ShellRequest {
    ShellRequest { command: text.into(), ..Default::default() }
}

#[tokio::test]
async fn a_command_is_run_and_stands_in_the_ledger_before_and_after() {
    let agentd = Agentd::start().await;
    let id = RequestId::generate();
    let answer = agentd.agent().call_under::<ShellExec>(&id, &command("echo hello; exit 3")).await.unwrap();
    assert_eq!((answer.stdout.as_str(), answer.exit_code), ("hello\n", 3));
    let mut events =
        agentd.events(EventLogRequest { request_id: Some(id.to_string()), ..Default::default() }).await.events;
    events.reverse();
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["shell_exec.intent", "shell_exec.outcome"]);
    assert!(events[0].actor.starts_with("agent:"), "{}", events[0].actor);
    assert_eq!(events[0].payload["request"]["command"], "echo hello; exit 3");
    assert_eq!(events[1].payload["result"]["exit_code"], 3);
    let receipts = agentd
        .operator()
        .call::<ReceiptList>(&ReceiptListRequest { kind: Some("shell_exec".into()), ..Default::default() })
        .await
        .unwrap();
    assert_eq!((receipts.receipts.len(), receipts.receipts[0].status), (1, ReceiptStatus::Completed));
    assert!(agentd.operator().call::<LedgerVerify>(&VerifyRequest::default()).await.unwrap().ok);
}

#[tokio::test]
async fn a_caller_that_hangs_up_ends_its_command_and_the_outcome_is_recorded() {
    let agentd = Agentd::start().await;
    let id = RequestId::generate();
    let marker = agentd.scratch().join("alive");
    let text = format!("touch {m}; sleep 60; rm {m}", m = marker.display());
    let agent = agentd.agent();
    {
        let request = command(&text);
        let call = agent.call_under::<ShellExec>(&id, &request);
        tokio::select! {
            answer = call => panic!("the call ended by itself: {answer:?}"),
            () = exists(&marker) => {}
        }
    }
    let outcome = async {
        loop {
            let page =
                agentd.events(EventLogRequest { kind: Some("shell_exec.outcome".into()), ..Default::default() }).await;
            if let Some(event) = page.events.first() {
                return event.payload.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let outcome = soon(outcome).await;
    assert_eq!(outcome["result"]["stopped"], json!(Stopped::Cancelled));
    assert_eq!(outcome["request_id"], json!(id));
}

#[tokio::test]
async fn thirty_commands_a_minute_are_the_most_for_an_agent_and_no_limit_for_an_operator() {
    let agentd = Agentd::start().await;
    let agent = agentd.agent();
    for _ in 0..30 {
        agent.call::<ShellExec>(&command("true")).await.unwrap();
    }
    let refused = fault::<ShellExec>(&agent, &command("true")).await;
    assert_eq!((refused.code(), refused.is_retryable()), ("rate_limited", true));
    agentd.operator().call::<ShellExec>(&command("true")).await.unwrap();
}

#[tokio::test]
async fn files_are_replaced_whole_keep_their_mode_and_are_read_back() {
    let agentd = Agentd::start().await;
    let (agent, folder) = (agentd.agent(), agentd.scratch());
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let write = |name: &str, content: &str| FileWriteRequest {
        path: path(name),
        content: content.into(),
        ..Default::default()
    };
    let read = |name: &str| FileReadRequest { path: path(name), ..Default::default() };

    agent.call::<FileWrite>(&write("deep/er/a.txt", "one\ntwo\n")).await.unwrap();
    let content = agent.call::<FileRead>(&read("deep/er/a.txt")).await.unwrap();
    assert_eq!((content.content.as_str(), content.lines, content.size, content.truncated), ("one\ntwo\n", 2, 8, false));

    std::fs::set_permissions(folder.join("deep/er/a.txt"), std::fs::Permissions::from_mode(0o640)).unwrap();
    agent.call::<FileWrite>(&write("deep/er/a.txt", "three")).await.unwrap();
    let mode = |name: &str| std::fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("deep/er/a.txt"), 0o640);
    agent
        .call::<FileWrite>(&FileWriteRequest {
            mode: Some("0600".into()),
            append: Some(true),
            ..write("deep/er/a.txt", "+")
        })
        .await
        .unwrap();
    assert_eq!(
        (mode("deep/er/a.txt"), std::fs::read_to_string(folder.join("deep/er/a.txt")).unwrap()),
        (0o600, "three+".to_owned())
    );

    let binary = FileWriteRequest { encoding: Some(Encoding::Base64), ..write("b", "/wD+") };
    assert_eq!(agent.call::<FileWrite>(&binary).await.unwrap().bytes, 3);
    let content = agent.call::<FileRead>(&read("b")).await.unwrap();
    assert_eq!((content.content.as_str(), content.encoding), ("/wD+", Encoding::Base64));

    std::os::unix::fs::symlink("deep/er/a.txt", folder.join("link")).unwrap();
    agent.call::<FileWrite>(&write("link", "through")).await.unwrap();
    assert!(folder.join("link").is_symlink());
    assert_eq!(std::fs::read_to_string(folder.join("deep/er/a.txt")).unwrap(), "through");

    let list = agent.call::<DirectoryList>(&DirectoryRequest { path: path(""), recursive: Some(true) }).await.unwrap();
    let entries: Vec<_> = list.entries.iter().map(|entry| (entry.name.as_str(), entry.kind)).collect();
    let expected = [
        ("b", EntryKind::File),
        ("deep", EntryKind::Directory),
        ("deep/er", EntryKind::Directory),
        ("deep/er/a.txt", EntryKind::File),
        ("link", EntryKind::Symlink),
    ];
    assert_eq!(entries, expected);
    let recorded = agentd
        .events(EventLogRequest { kind: Some("file_write.intent".into()), limit: Some(1000), ..Default::default() })
        .await;
    assert!(
        recorded.events.iter().all(|event| event.payload["request"]["content"]["bytes"].is_u64()),
        "contents are not kept in the ledger"
    );
}

#[tokio::test]
async fn what_is_no_file_is_refused_by_its_kind() {
    let agentd = Agentd::start().await;
    // An operator: of an agent, what leads nowhere is asked for before it is looked at.
    let (operator, folder) = (agentd.operator(), agentd.scratch());
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    nix::unistd::mkfifo(&folder.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink("round", folder.join("round")).unwrap();
    std::fs::File::create(folder.join("huge")).unwrap().set_len(11 << 20).unwrap();
    let reads = [
        ("", "wrong_file_type"),
        ("pipe", "wrong_file_type"),
        ("round", "symlink_loop"),
        ("huge", "file_too_large"),
        ("none", "file_not_found"),
        ("huge/x", "wrong_file_type"),
    ];
    for (name, code) in reads {
        assert_eq!(
            fault::<FileRead>(&operator, &FileReadRequest { path: path(name), ..Default::default() }).await.code(),
            code,
            "reading {name:?}"
        );
    }
    for (name, code) in [
        ("", "wrong_file_type"),
        ("pipe", "wrong_file_type"),
        ("round", "symlink_loop"),
        ("huge/x", "wrong_file_type"),
        ("new/", "wrong_file_type"),
        ("new/.", "wrong_file_type"),
    ] {
        assert_eq!(
            fault::<FileWrite>(&operator, &FileWriteRequest { path: path(name), ..Default::default() }).await.code(),
            code,
            "writing {name:?}"
        );
    }
    for bad in ["", "relative", "/a\0b", &format!("/{}", "x".repeat(5000))] {
        assert_eq!(
            fault::<FileRead>(&operator, &FileReadRequest { path: bad.into(), ..Default::default() }).await.code(),
            "invalid_path",
            "{bad:?}"
        );
    }
    assert!(!folder.join("new").exists(), "nothing is half done");
}

#[tokio::test]
async fn a_full_disk_is_said_and_leaves_the_file_as_it_was_and_the_act_unrecorded_is_not_done() {
    let mut agentd = Agentd::start().await;
    agentd.kill();
    // The state on a file system of 3 MiB that only this agentd sees.
    let script =
        format!("mount -t tmpfs -o size=3m none {state} && exec \"$@\"", state = agentd.dirs.state().display());
    let inner = Agentd::command(agentd.folder.path(), &agentd.dirs);
    let mut outer = Command::new("unshare");
    outer
        .args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"])
        .arg(inner.get_program())
        .args(inner.get_args());
    agentd.process = outer.spawn().unwrap();
    agentd.wait_until_ready().await;
    let operator = agentd.operator();
    let state = agentd.dirs.state().join("filler");
    let fill = |content: String| FileWriteRequest {
        path: state.to_string_lossy().into_owned(),
        content,
        append: Some(true),
        ..Default::default()
    };
    operator.call::<FileWrite>(&fill("x".repeat(1 << 20))).await.unwrap();
    let full = soon(async {
        loop {
            match operator.call::<FileWrite>(&fill("x".repeat(100_000))).await {
                Ok(_) => {}
                Err(CallError::Fault(fault)) => break fault,
                Err(other) => panic!("{other}"),
            }
        }
    })
    .await;
    assert!(["disk_full", "ledger_unavailable", "outcome_unrecorded"].contains(&full.code()), "{full}");
    // Byte by byte until not even an event fits.
    let witness = agentd.scratch().join("witness");
    let refused = soon(async {
        loop {
            let _ = std::fs::remove_file(&witness);
            match operator
                .call::<ShellExec>(&command(&format!("touch {}; echo {}", witness.display(), "x".repeat(3000))))
                .await
            {
                Ok(_) => {}
                Err(CallError::Fault(fault)) if fault.code() == "ledger_unavailable" => break fault,
                Err(CallError::Fault(fault)) => assert_eq!(fault.code(), "outcome_unrecorded", "{fault}"),
                Err(other) => panic!("{other}"),
            }
        }
    })
    .await;
    assert!(refused.is_retryable());
    assert!(!witness.exists(), "without a record, no act");
    operator.call::<SystemHealth>(&Nothing {}).await.unwrap();
}

#[tokio::test]
async fn an_act_that_a_crash_cut_off_is_closed_as_interrupted() {
    let mut agentd = Agentd::start().await;
    let marker = agentd.scratch().join("alive");
    let agent = agentd.agent();
    let request = command(&format!("touch {}; sleep 30", marker.display()));
    let call = tokio::spawn(async move { agent.call::<ShellExec>(&request).await });
    exists(&marker).await;
    agentd.crash_and_restart().await;
    assert!(matches!(call.await.unwrap(), Err(CallError::Broken { .. })));
    let receipts = agentd.operator().call::<ReceiptList>(&ReceiptListRequest::default()).await.unwrap().receipts;
    assert_eq!((receipts.len(), receipts[0].status), (1, ReceiptStatus::Interrupted));
}

#[tokio::test]
async fn only_daemons_and_operators_append_to_the_ledger() {
    let agentd = Agentd::start().await;
    let event = NewEvent { kind: "test.event".into(), actor: "daemon:x".into(), payload: json!({}) };
    assert_eq!(fault::<LedgerAppend>(&agentd.agent(), &event).await.code(), "forbidden");
    let id = agentd.operator().call::<LedgerAppend>(&event).await.unwrap().id;
    assert_eq!(agentd.events(EventLogRequest::default()).await.events[0].id, id);
    let bad = NewEvent { kind: "a|b".into(), ..event };
    assert_eq!(fault::<LedgerAppend>(&agentd.operator(), &bad).await.code(), "invalid_event");
}

#[tokio::test]
async fn every_file_of_its_state_is_agentds_alone() {
    use std::os::unix::fs::PermissionsExt;
    let agentd = Agentd::start().await;
    let folder = agentd.dirs.state().join("agentd");
    let open: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| std::fs::metadata(path).unwrap().permissions().mode() & 0o077 != 0)
        .collect();
    assert!(open.is_empty() && folder.join("ledger.db-wal").exists(), "{open:?}");
}
