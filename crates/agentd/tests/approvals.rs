//! The operator has the last word: asked, answered once, bound to the exact request, soon over.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::time::Duration;

use common::{Agentd, fault};
use osmoda_api::agentd::{
    ApprovalApprove, ApprovalAsk, ApprovalChallenge, ApprovalCheck, ApprovalClaim, ApprovalDecision, ApprovalDeny,
    ApprovalId, ApprovalPending, ApprovalRequest, ApprovalStatus, Claim, EventLogRequest, FileRead, FileReadRequest,
    FileWrite, FileWriteRequest, ShellExec, ShellRequest,
};
use osmoda_ipc::{Client, Fault, Nothing, Role};
use serde_json::json;

/// Harmless, and yet nothing that can be judged: an interpreter's own text.
const DANGEROUS: &str = "perl -e 'print shift // q(done), qq(\\n)'";

fn command(text: &str, approval: Option<&str>) -> ShellRequest {
    ShellRequest { command: text.into(), approval_id: approval.map(str::to_owned), ..Default::default() }
}

fn decision(id: &str) -> ApprovalDecision {
    ApprovalDecision { id: id.into(), nonce: None }
}

fn asked_id(fault: &Fault) -> String {
    assert_eq!(fault.code(), "approval_required", "{fault}");
    fault.detail().unwrap()["approval_id"].as_str().unwrap().to_owned()
}

async fn ask(client: &Client) -> String {
    asked_id(&fault::<ShellExec>(client, &command(DANGEROUS, None)).await)
}

async fn status(agentd: &Agentd, id: &str) -> ApprovalStatus {
    agentd.agent().call::<ApprovalCheck>(&ApprovalId { id: id.into() }).await.unwrap().status
}

#[tokio::test]
async fn a_dangerous_command_waits_for_the_operator_and_runs_once() {
    let agentd = Agentd::start().await;
    let agent = agentd.agent();
    let id = ask(&agent).await;
    assert_eq!(ask(&agent).await, id, "the same question is asked once");
    let pending = agentd.operator().call::<ApprovalPending>(&Nothing {}).await.unwrap().approvals;
    assert_eq!((pending.len(), pending[0].command.as_str()), (1, DANGEROUS));
    assert_eq!(fault::<ShellExec>(&agent, &command(DANGEROUS, Some(&id))).await.code(), "approval_pending");
    agentd.operator().call::<ApprovalApprove>(&decision(&id)).await.unwrap();
    assert_eq!(agent.call::<ShellExec>(&command(DANGEROUS, Some(&id))).await.unwrap().stdout, "done\n");
    assert_eq!(status(&agentd, &id).await, ApprovalStatus::Used);
    assert_eq!(fault::<ShellExec>(&agent, &command(DANGEROUS, Some(&id))).await.code(), "approval_used");
    let intents =
        agentd.events(EventLogRequest { kind: Some("shell_exec.intent".into()), ..Default::default() }).await.events;
    assert_eq!((intents.len(), &intents[0].payload["approval_id"]), (1, &json!(id)));
    assert_eq!(agentd.kinds().await.iter().filter(|kind| *kind == "approval.requested").count(), 1);
}

#[tokio::test]
async fn an_agent_cannot_answer_itself_nor_anybody() {
    let agentd = Agentd::start().await;
    let agent = agentd.agent();
    let id = ask(&agent).await;
    assert_eq!(fault::<ApprovalApprove>(&agent, &decision(&id)).await.code(), "approval_self");
    assert_eq!(fault::<ApprovalDeny>(&agent, &decision(&id)).await.code(), "forbidden");
    assert_eq!(fault::<ApprovalChallenge>(&agent, &ApprovalId { id: id.clone() }).await.code(), "forbidden");
    let claim = Claim {
        tool: "shell_exec".into(),
        request: json!({"command": "true"}),
        uid: 0,
        name: "x".into(),
        role: Role::Operator,
        request_id: "r".into(),
        why: None,
    };
    assert_eq!(fault::<ApprovalClaim>(&agent, &claim).await.code(), "forbidden");
    let operators = agentd
        .operator()
        .call::<ApprovalRequest>(&ApprovalAsk { command: "reboot".into(), ..Default::default() })
        .await
        .unwrap();
    assert_eq!(fault::<ApprovalApprove>(&agent, &decision(&operators.id)).await.code(), "forbidden");
    assert_eq!(fault::<ApprovalApprove>(&agentd.operator(), &decision(&operators.id)).await.code(), "approval_self");
    assert_eq!(status(&agentd, &id).await, ApprovalStatus::Pending);
}

#[tokio::test]
async fn what_an_agents_command_starts_is_an_agent_whatever_its_uid() {
    let agentd = Agentd::start().await;
    let id = ask(&agentd.agent()).await;
    // Run for an operator, so that nothing holds it back but the kernel's word on who the caller is.
    let client = agentd.scratch().join("approve.py");
    let script = format!(
        "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect({socket:?})\n\
         s.sendall(b'POST /approval/{id}/approve HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\ncontent-length: 2\\r\\n\\r\\n{{}}')\n\
         print(s.recv(65536).decode())\n",
        socket = agentd.socket().display().to_string()
    );
    std::fs::write(&client, script).unwrap();
    // Once as a child, once as an orphan in a session of its own.
    let tries = format!("python3 {c}; setsid -f python3 {c}; sleep 1", c = client.display());
    let answer = agentd.operator().call::<ShellExec>(&command(&tries, None)).await.unwrap();
    assert_eq!(answer.stdout.matches("approval_self").count(), 4, "code and error of two refusals: {answer:?}");
    assert_eq!(status(&agentd, &id).await, ApprovalStatus::Pending);
}

#[tokio::test]
async fn an_approval_is_for_exactly_one_request_of_exactly_one_principal() {
    let agentd = Agentd::start().await;
    let agent = agentd.agent();
    let id = ask(&agent).await;
    agentd.operator().call::<ApprovalApprove>(&decision(&id)).await.unwrap();
    let altered = [
        ShellRequest { command: format!("{DANGEROUS} "), ..command(DANGEROUS, Some(&id)) },
        ShellRequest { cwd: Some("/tmp".into()), ..command(DANGEROUS, Some(&id)) },
        ShellRequest { timeout: Some(1000), ..command(DANGEROUS, Some(&id)) },
    ];
    for request in altered {
        assert_eq!(fault::<ShellExec>(&agent, &request).await.code(), "approval_mismatch", "{request:?}");
    }
    let write = FileWriteRequest {
        path: "/etc/shadow".into(),
        content: "x".into(),
        approval_id: Some(id.clone()),
        ..Default::default()
    };
    assert_eq!(fault::<FileWrite>(&agent, &write).await.code(), "approval_mismatch");
    let claim = Claim {
        tool: "shell_exec".into(),
        request: json!({"command": DANGEROUS, "approval_id": id}),
        uid: 4242,
        name: "other".into(),
        role: Role::Agent,
        request_id: "r".into(),
        why: None,
    };
    assert_eq!(fault::<ApprovalClaim>(&agentd.operator(), &claim).await.code(), "approval_mismatch");
    assert_eq!(fault::<ShellExec>(&agent, &command(DANGEROUS, Some("apr_none"))).await.code(), "approval_unknown");
    assert_eq!(status(&agentd, &id).await, ApprovalStatus::Approved, "a wrong try does not use it up");
}

#[tokio::test]
async fn a_denied_or_late_approval_is_good_for_nothing_also_after_a_crash() {
    let mut agentd = Agentd::start_with("[agentd.approvals]\nttl_secs = 2\n").await;
    let id = ask(&agentd.agent()).await;
    agentd.operator().call::<ApprovalDeny>(&decision(&id)).await.unwrap();
    assert_eq!(fault::<ShellExec>(&agentd.agent(), &command(DANGEROUS, Some(&id))).await.code(), "approval_denied");
    assert_eq!(fault::<ApprovalApprove>(&agentd.operator(), &decision(&id)).await.code(), "approval_not_pending");
    let late = ask(&agentd.agent()).await;
    assert_ne!(late, id);
    agentd.operator().call::<ApprovalApprove>(&decision(&late)).await.unwrap();
    agentd.crash_and_restart().await;
    assert_eq!(status(&agentd, &late).await, ApprovalStatus::Approved, "the operator's yes outlives a crash");
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(fault::<ShellExec>(&agentd.agent(), &command(DANGEROUS, Some(&late))).await.code(), "approval_expired");
    let unanswered = ask(&agentd.agent()).await;
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(fault::<ApprovalApprove>(&agentd.operator(), &decision(&unanswered)).await.code(), "approval_expired");
}

#[tokio::test]
async fn of_many_tries_at_once_with_one_approval_one_runs() {
    let agentd = Agentd::start().await;
    let id = ask(&agentd.agent()).await;
    agentd.operator().call::<ApprovalApprove>(&decision(&id)).await.unwrap();
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (agent, id) = (agentd.agent(), id.clone());
        tries.spawn(async move { agent.call::<ShellExec>(&command(DANGEROUS, Some(&id))).await.is_ok() });
    }
    assert_eq!(tries.join_all().await.into_iter().filter(|ran| *ran).count(), 1);
}

#[tokio::test]
async fn guarded_files_ask_and_ordinary_ones_do_not() {
    let agentd = Agentd::start().await;
    let agent = agentd.agent();
    let folder = agentd.scratch();
    std::os::unix::fs::symlink("/etc", folder.join("innocent")).unwrap();
    let guarded = [
        "/etc/shadow".to_owned(),
        "//etc/./shadow".to_owned(),
        "/tmp/../etc/sudoers.d/x".to_owned(),
        folder.join("innocent/shadow").to_string_lossy().into_owned(),
        "/proc/self/root/etc/shadow".to_owned(),
        "/boot/new".to_owned(),
        "/root/.ssh/authorized_keys".to_owned(),
        "/dev/sda".to_owned(),
        "/proc/sys/kernel/panic".to_owned(),
        agentd.ledger().to_string_lossy().into_owned(),
        agentd.folder.path().join("osmoda.toml").to_string_lossy().into_owned(),
    ];
    for path in guarded {
        let before = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
        let request = FileWriteRequest { path: path.clone(), content: "x".into(), ..Default::default() };
        assert_eq!(fault::<FileWrite>(&agent, &request).await.code(), "approval_required", "{path}");
        // The ledger itself grows by the question.
        if path != agentd.ledger().to_string_lossy() {
            assert_eq!(
                std::fs::metadata(&path).and_then(|metadata| metadata.modified()).ok(),
                before,
                "{path} was touched"
            );
        }
    }
    assert_eq!(
        fault::<FileRead>(&agent, &FileReadRequest { path: "/etc/shadow".into(), ..Default::default() }).await.code(),
        "approval_required"
    );
    agent.call::<FileRead>(&FileReadRequest { path: "/etc/hostname".into(), ..Default::default() }).await.unwrap();
    agent
        .call::<FileWrite>(&FileWriteRequest {
            path: folder.join("a").to_string_lossy().into_owned(),
            content: "x".into(),
            ..Default::default()
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn an_answer_in_place_carries_a_nonce_that_is_good_once() {
    let agentd = Agentd::start().await;
    let id = ask(&agentd.agent()).await;
    let operator = agentd.operator();
    let first = operator.call::<ApprovalChallenge>(&ApprovalId { id: id.clone() }).await.unwrap();
    let second = operator.call::<ApprovalChallenge>(&ApprovalId { id: id.clone() }).await.unwrap();
    assert!(second.question.contains("perl -e"), "{}", second.question);
    let with = |nonce: &str| ApprovalDecision { id: id.clone(), nonce: Some(nonce.into()) };
    for bad in ["", "guess", &first.nonce] {
        assert_eq!(fault::<ApprovalApprove>(&operator, &with(bad)).await.code(), "approval_bad_nonce", "{bad:?}");
    }
    operator.call::<ApprovalApprove>(&with(&second.nonce)).await.unwrap();
    assert_eq!(fault::<ApprovalApprove>(&operator, &with(&second.nonce)).await.code(), "approval_not_pending");
}

#[tokio::test]
async fn a_question_can_be_asked_ahead_and_too_many_are_refused() {
    let agentd = Agentd::start_with("[agentd.approvals]\nmost_pending = 3\n").await;
    let agent = agentd.agent();
    let ahead = agent
        .call::<ApprovalRequest>(&ApprovalAsk {
            command: DANGEROUS.into(),
            reason: Some("why not".into()),
            ..Default::default()
        })
        .await
        .unwrap();
    agentd.operator().call::<ApprovalApprove>(&decision(&ahead.id)).await.unwrap();
    assert_eq!(agent.call::<ShellExec>(&command(DANGEROUS, Some(&ahead.id))).await.unwrap().stdout, "done\n");
    for n in 0..3 {
        asked_id(&fault::<ShellExec>(&agent, &command(&format!("{DANGEROUS} {n}"), None)).await);
    }
    assert_eq!(
        fault::<ShellExec>(&agent, &command(&format!("{DANGEROUS} 4"), None)).await.code(),
        "too_many_approvals"
    );
}
