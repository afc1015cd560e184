//! Idempotency keys and receipts: done once, answered again, also over kill -9.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::time::Duration;

use common::{Agentd, exists, soon};
use osmoda_api::agentd::{RequestGet, RequestGetRequest, RequestList, RequestReceipt, RequestStatus};
use osmoda_ipc::{Client, Method, Reply};
use serde_json::{Value, json};

const KEY: (&str, &str) = ("idempotency-key", "key-0123456789-ABCDEF");

async fn post(client: &Client, target: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
    let body = body.to_string().into_bytes();
    soon(client.send_with(Method::Post, target, headers, body, Duration::from_secs(50))).await.unwrap()
}

async fn shell(client: &Client, headers: &[(&str, &str)], command: &str) -> Reply {
    post(client, "/shell/exec", headers, &json!({ "command": command })).await
}

fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

fn is_replayed(reply: &Reply) -> bool {
    reply.headers.get("idempotent-replayed").is_some_and(|value| value == "true")
}

async fn receipt(client: &Client, id: &str) -> RequestReceipt {
    soon(client.call::<RequestGet>(&RequestGetRequest { request_id: id.into() })).await.unwrap()
}

async fn receipt_when_ended(client: &Client, id: &str) -> RequestReceipt {
    soon(async {
        loop {
            let receipt = receipt(client, id).await;
            if receipt.status != RequestStatus::Accepted {
                return receipt;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_key_is_done_once_and_answered_again_also_after_kill_9() {
    let mut agentd = Agentd::start().await;
    let file = agentd.scratch().join("log");
    let command = format!("echo once >> {}; echo done", file.display());
    let first = shell(&agentd.operator(), &[KEY], &command).await;
    assert_eq!((first.status.as_u16(), is_replayed(&first)), (200, false));
    let again = shell(&agentd.operator(), &[KEY], &command).await;
    assert_eq!((again.status.as_u16(), is_replayed(&again), &again.body), (200, true, &first.body));
    agentd.crash_and_restart().await;
    let client = agentd.operator();
    let after = shell(&client, &[KEY], &command).await;
    assert_eq!((is_replayed(&after), &after.body), (true, &first.body));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "once\n");

    let reused = shell(&client, &[KEY], "echo other").await;
    assert_eq!((reused.status.as_u16(), body(&reused)["code"].as_str()), (409, Some("idempotency_key_reused")));
    // Another principal's key is another key; another endpoint's too.
    for asker in [agentd.agent(), agentd.operator()] {
        let asked = post(&asker, "/approval/request", &[KEY], &json!({ "command": "echo mine" })).await;
        assert_eq!((asked.status.as_u16(), is_replayed(&asked)), (200, false), "{}", body(&asked));
    }
    for bad in ["short", "0123456789abcdef!", &"x".repeat(129)] {
        let refused = shell(&client, &[("idempotency-key", bad)], "true").await;
        assert_eq!((refused.status.as_u16(), body(&refused)["code"].as_str()), (400, Some("invalid_idempotency_key")));
    }
}

#[tokio::test]
async fn what_failed_is_answered_again_and_what_was_refused_leaves_the_key_free() {
    let agentd = Agentd::start().await;
    let client = agentd.operator();
    let missing = json!({ "path": "/proc/nothing/file", "content": "x" });
    let first = post(&client, "/file/write", &[KEY], &missing).await;
    assert!(!first.status.is_success(), "{}", body(&first));
    let again = post(&client, "/file/write", &[KEY], &missing).await;
    assert_eq!((again.status, is_replayed(&again), &again.body), (first.status, true, &first.body));
    let nonsense = shell(&client, &[KEY], "").await;
    assert!(nonsense.status.is_client_error());
    let broken = post(&client, "/shell/exec", &[("idempotency-key", "another-key-000000")], &json!({ "no": 1 })).await;
    assert_eq!(broken.status.as_u16(), 400);
    let right = shell(&client, &[("idempotency-key", "another-key-000000")], "true").await;
    assert_eq!((right.status.as_u16(), is_replayed(&right)), (200, false));
}

#[tokio::test]
async fn a_long_call_is_answered_with_a_receipt_that_tells_its_end() {
    let agentd = Agentd::start().await;
    let client = agentd.operator();
    let go = agentd.scratch().join("go");
    let command = format!("while [ ! -e {} ]; do sleep 0.02; done; echo ready", go.display());
    let prefer = ("prefer", "respond-async");
    let accepted = shell(&client, &[KEY, prefer], &command).await;
    assert_eq!(accepted.status.as_u16(), 202);
    assert_eq!(accepted.headers["preference-applied"], "respond-async");
    let id = body(&accepted)["request_id"].as_str().unwrap().to_owned();
    assert_eq!(accepted.headers["location"], format!("/requests/{id}"));
    assert_eq!(receipt(&client, &id).await.status, RequestStatus::Accepted);
    // The same call while it runs: the same receipt, or a plain word that it runs.
    let again = shell(&client, &[KEY, prefer], &command).await;
    assert_eq!((again.status.as_u16(), body(&again)["request_id"].as_str()), (202, Some(id.as_str())));
    let busy = shell(&client, &[KEY], &command).await;
    assert_eq!((busy.status.as_u16(), body(&busy)["code"].as_str()), (409, Some("idempotency_in_progress")));
    assert_eq!(
        (&body(&busy)["retryable"], body(&busy)["detail"]["request_id"].as_str()),
        (&json!(true), Some(id.as_str()))
    );
    std::fs::write(&go, "").unwrap();
    let ended = receipt_when_ended(&client, &id).await;
    assert_eq!((ended.status, ended.action.as_str()), (RequestStatus::Completed, "shell_exec"));
    assert_eq!(ended.result["stdout"], json!("ready\n"));
    assert!(ended.completed_at.is_some() && ended.history.len() == 2);
    let answer = shell(&client, &[KEY], &command).await;
    assert_eq!((answer.status.as_u16(), is_replayed(&answer), body(&answer)), (200, true, ended.result));
    let list = soon(client.call::<RequestList>(&Default::default())).await.unwrap();
    assert_eq!((list.requests.len(), list.requests[0].request_id.as_str()), (1, id.as_str()));
    // Quick enough for its patience: the answer itself.
    let quick = shell(&client, &[("prefer", "respond-async, wait=30")], "echo quick").await;
    assert_eq!(quick.status.as_u16(), 200);
}

#[tokio::test]
async fn what_kill_9_cut_off_is_neither_repeated_nor_called_done() {
    let mut agentd = Agentd::start().await;
    let begun = agentd.scratch().join("begun");
    let command = format!("touch {}; sleep 60", begun.display());
    let accepted = shell(&agentd.operator(), &[KEY, ("prefer", "respond-async")], &command).await;
    let id = body(&accepted)["request_id"].as_str().unwrap().to_owned();
    exists(&begun).await;
    agentd.crash_and_restart().await;
    let client = agentd.operator();
    let cut_off = receipt(&client, &id).await;
    assert_eq!((cut_off.status, cut_off.failure.unwrap().code.as_str()), (RequestStatus::Interrupted, "interrupted"));
    let again = shell(&client, &[KEY], &command).await;
    assert_eq!((again.status.as_u16(), body(&again)["code"].as_str()), (409, Some("outcome_unknown")));
    assert_eq!(body(&again)["retryable"], json!(false));
}

#[tokio::test]
async fn a_refused_call_has_a_receipt_and_is_superseded_by_the_approved_one() {
    let agentd = Agentd::start().await;
    let (agent, operator) = (agentd.agent(), agentd.operator());
    let arguments = json!({ "command": "perl -e 'print shift // q(done), qq(\\n)'" });
    let refused = post(&agent, "/shell/exec", &[KEY, ("prefer", "respond-async")], &arguments).await;
    let refusal = body(&refused);
    assert_eq!((refused.status.as_u16(), refusal["code"].as_str()), (403, Some("approval_required")));
    let first = receipt(&agent, refusal["request_id"].as_str().unwrap()).await;
    assert_eq!((first.status, first.failure.unwrap().code.as_str()), (RequestStatus::Failed, "approval_required"));
    let approval = refusal["detail"]["approval_id"].as_str().unwrap().to_owned();
    let decided = post(&operator, &format!("/approval/{approval}/approve"), &[], &json!({})).await;
    // Who asked may not answer: the test's one account plays both, in two roles.
    assert_eq!(decided.status.as_u16(), 200, "{}", body(&decided));
    let mut allowed = arguments.clone();
    allowed["approval_id"] = json!(approval);
    let done = post(&agent, "/shell/exec", &[("idempotency-key", "second-key-00000000")], &allowed).await;
    assert_eq!(done.status.as_u16(), 200, "{}", body(&done));
    let superseded = receipt(&agent, refusal["request_id"].as_str().unwrap()).await;
    assert_eq!(superseded.status, RequestStatus::Superseded);
    assert_eq!(superseded.superseded_by.as_deref(), done.headers["x-request-id"].to_str().ok());
    let unknown = soon(agent.get("/requests/req_01KXYZ01KXYZ01KXYZ01KXYZ01")).await;
    assert!(format!("{unknown:?}").contains("request_not_found"));
}
