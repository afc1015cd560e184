//! Approvals asked for in place: in the shape of either era, and what happens where it can't be done.

use osmoda_api::agentd::ApprovalStatus::{self, Approved, Denied, Pending, Used};
use osmoda_mcp::Options;
use serde_json::{Value, json};

use crate::{
    agentd::Suite,
    client::{Era, Session},
};

const DANGER: &str = "danger --all";

fn forms() -> Value {
    json!({ "elicitation": { "form": {} } })
}

fn asking(suite: &Suite) -> Options {
    Options { elicit: true, ..Options::new(suite.dirs()) }
}

fn call(command: &str) -> Value {
    json!({ "name": "shell_exec", "arguments": { "command": command } })
}

fn accept(approve: bool) -> Value {
    json!({ "action": "accept", "content": { "approve": approve } })
}

fn code(result: &Value) -> &str {
    assert_eq!(result["isError"], true, "{result}");
    result["structuredContent"]["code"].as_str().unwrap()
}

/// Checks that a question is the daemon's, with one box to tick.
fn check_form(params: &Value) {
    assert_eq!(params["message"], format!("Run {DANGER:?}?"));
    assert_eq!(params["mode"], "form");
    assert_eq!(params["requestedSchema"]["properties"]["approve"]["type"], "boolean");
    assert_eq!(params["requestedSchema"]["required"], json!(["approve"]));
}

/// Calls the dangerous command and answers the question in the legacy shape.
async fn answered(session: &mut Session, answer: Value) -> Value {
    let id = session.send("tools/call", call(DANGER)).await;
    let question = session.next_message().await;
    assert_eq!(question["method"], "elicitation/create", "{question}");
    check_form(&question["params"]);
    session.write(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": answer })).await;
    session.answer(id).await["result"].clone()
}

/// Calls the dangerous command and takes the question in the modern shape.
async fn question(session: &mut Session) -> Value {
    let result = session.ask("tools/call", call(DANGER)).await["result"].clone();
    assert_eq!(result["resultType"], "input_required", "{result}");
    let request = &result["inputRequests"]["approval"];
    assert_eq!(request["method"], "elicitation/create");
    check_form(&request["params"]);
    result
}

fn retry(command: &str, state: &Value, answer: &Value) -> Value {
    let mut params = call(command);
    params["requestState"] = state.clone();
    params["inputResponses"] = json!({ "approval": answer });
    params
}

/// What a person says, what becomes of the approval, and which code the call ends with.
fn cases() -> [(Value, ApprovalStatus, Option<&'static str>); 6] {
    [
        (accept(true), Used, None),
        (accept(false), Denied, Some("approval_denied")),
        (json!({ "action": "decline" }), Denied, Some("approval_denied")),
        (json!({ "action": "cancel" }), Pending, Some("approval_required")),
        (json!({ "action": "accept" }), Pending, Some("approval_required")),
        (json!({ "action": "accept", "content": { "approve": "yes" } }), Pending, Some("approval_required")),
    ]
}

fn check(suite: &Suite, result: &Value, status: ApprovalStatus, failed: Option<&str>) {
    assert_eq!(suite.machine.approvals(), [status]);
    match failed {
        None => {
            assert_eq!(result["structuredContent"]["stdout"], DANGER, "{result}");
            assert_eq!(suite.machine.ran(), [DANGER]);
        }
        Some(expected) => {
            assert_eq!(code(result), expected);
            assert_eq!(result["structuredContent"]["detail"]["approval_id"], "apr_0");
            assert_eq!(suite.machine.ran(), Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn in_the_legacy_shape_the_person_is_asked_during_the_call() {
    for (answer, status, failed) in cases() {
        let suite = Suite::start();
        let mut session = Session::begin_with(asking(&suite), Era::Legacy, forms()).await;
        let result = answered(&mut session, answer).await;
        check(&suite, &result, status, failed);
    }
}

#[tokio::test]
async fn in_the_modern_shape_the_call_comes_back_with_the_answer() {
    for (answer, status, failed) in cases() {
        let suite = Suite::start();
        let mut session = Session::begin_with(asking(&suite), Era::Modern, forms()).await;
        let asked = question(&mut session).await;
        assert_eq!(suite.machine.approvals(), [Pending]);
        let result = session.ask("tools/call", retry(DANGER, &asked["requestState"], &answer)).await["result"].clone();
        check(&suite, &result, status, failed);
        assert_eq!(result["_meta"]["osmoda/request_id"], asked["_meta"]["osmoda/request_id"], "one act under one id");
    }
}

#[tokio::test]
async fn a_state_that_is_played_back_runs_nothing_twice() {
    let suite = Suite::start();
    let mut session = Session::begin_with(asking(&suite), Era::Modern, forms()).await;
    let state = question(&mut session).await["requestState"].clone();
    for answer in [accept(true), accept(true), json!({ "action": "decline" })] {
        session.ask("tools/call", retry(DANGER, &state, &answer)).await;
    }
    let replayed = session.ask("tools/call", retry(DANGER, &state, &accept(true))).await["result"].clone();
    assert_eq!(code(&replayed), "nonce_spent", "agentd's own fault");
    assert_eq!(suite.machine.ran(), [DANGER]);
    assert_eq!(suite.machine.approvals(), [Used]);
}

#[tokio::test]
async fn a_state_of_another_call_or_another_process_is_refused() {
    let suite = Suite::start();
    let mut session = Session::begin_with(asking(&suite), Era::Modern, forms()).await;
    let mut elsewhere = Session::begin_with(asking(&suite), Era::Modern, forms()).await;
    let mut deaf = Session::begin_with(Options::new(suite.dirs()), Era::Modern, forms()).await;
    let state = question(&mut session).await["requestState"].clone();
    let foreign = question(&mut elsewhere).await["requestState"].clone();
    let mut tampered = state.as_str().unwrap().to_owned();
    let last = tampered.pop().unwrap();
    tampered.push(if last == 'A' { 'B' } else { 'A' });

    let mut other_tool = retry(DANGER, &state, &accept(true));
    other_tool["name"] = json!("approval_request");
    for params in [
        retry("danger --more", &state, &accept(true)),
        retry(DANGER, &foreign, &accept(true)),
        retry(DANGER, &json!(tampered), &accept(true)),
        retry(DANGER, &json!("nonsense"), &accept(true)),
        other_tool,
    ] {
        assert_eq!(session.ask("tools/call", params.clone()).await["error"]["code"], -32602, "{params}");
    }
    let refused = deaf.ask("tools/call", retry(DANGER, &state, &accept(true))).await;
    assert_eq!(refused["error"]["code"], -32602, "a server that never asks takes no answers");
    assert_eq!(suite.machine.ran(), Vec::<String>::new());
    assert_eq!(suite.machine.approvals(), [Pending, Pending]);
}

#[tokio::test]
async fn a_call_that_comes_back_without_the_answer_is_asked_again() {
    let suite = Suite::start();
    let mut session = Session::begin_with(asking(&suite), Era::Modern, forms()).await;
    let first = question(&mut session).await;
    let mut params = call(DANGER);
    params["requestState"] = first["requestState"].clone();
    let again = session.ask("tools/call", params).await["result"].clone();
    assert_eq!(again["resultType"], "input_required");
    let result =
        session.ask("tools/call", retry(DANGER, &again["requestState"], &accept(true))).await["result"].clone();
    check(&suite, &result, Used, None);
}

#[tokio::test]
async fn where_nobody_can_be_asked_the_refusal_stands() {
    let both = [Era::Legacy, Era::Modern];
    for era in both {
        for capabilities in [json!({}), json!({ "elicitation": { "url": {} } })] {
            let suite = Suite::start();
            let mut session = Session::begin_with(asking(&suite), era, capabilities).await;
            let result = session.call("shell_exec", json!({ "command": DANGER })).await;
            check(&suite, &result, Pending, Some("approval_required"));
        }
        let suite = Suite::start();
        let mut session = Session::begin_with(Options::new(suite.dirs()), era, forms()).await;
        let result = session.call("shell_exec", json!({ "command": DANGER })).await;
        check(&suite, &result, Pending, Some("approval_required"));

        let suite = Suite::start().without_operators();
        let mut session = Session::begin_with(asking(&suite), era, forms()).await;
        let result = session.call("shell_exec", json!({ "command": DANGER })).await;
        check(&suite, &result, Pending, Some("approval_required"));
    }
}

#[tokio::test]
async fn a_client_that_says_only_elicitation_means_forms() {
    let suite = Suite::start();
    let mut session = Session::begin_with(asking(&suite), Era::Legacy, json!({ "elicitation": {} })).await;
    let result = answered(&mut session, accept(true)).await;
    check(&suite, &result, Used, None);
}

#[tokio::test]
async fn an_agent_can_not_approve_through_the_tool_and_a_later_approval_works_with_its_id() {
    let suite = Suite::start();
    let mut session = Session::begin(Options::new(suite.dirs()), Era::Legacy).await;
    let refused = session.call("shell_exec", json!({ "command": DANGER })).await;
    assert_eq!(code(&refused), "approval_required");
    let id = refused["structuredContent"]["detail"]["approval_id"].clone();
    assert_eq!(code(&session.call("approval_approve", json!({ "id": id })).await), "forbidden");
    assert_eq!(session.call("approval_check", json!({ "id": id })).await["structuredContent"]["status"], "pending");

    suite.approve(id.as_str().unwrap()).await;
    assert_eq!(suite.machine.approvals(), [Approved]);
    let done = session.call("shell_exec", json!({ "command": DANGER, "approval_id": id })).await;
    check(&suite, &done, Used, None);
}

#[tokio::test]
async fn only_a_missing_approval_is_asked_for() {
    let suite = Suite::start();
    let mut session = Session::begin_with(asking(&suite), Era::Legacy, forms()).await;
    answered(&mut session, accept(true)).await;
    let again = session.call("shell_exec", json!({ "command": DANGER, "approval_id": "apr_0" })).await;
    check(&suite, &json!({ "structuredContent": { "stdout": DANGER } }), Used, None);
    assert_eq!(code(&again), "approval_unusable");
    assert_eq!(again["structuredContent"]["detail"]["approval_id"], "apr_0");
}

#[tokio::test]
async fn a_client_that_leaves_instead_of_answering_leaves_the_approval_pending() {
    let suite = Suite::start();
    let mut session = Session::begin_with(asking(&suite), Era::Legacy, forms()).await;
    session.send("tools/call", call(DANGER)).await;
    assert_eq!(session.next_message().await["method"], "elicitation/create");
    // From here the clock moves only where everything waits for it: any pause would show.
    tokio::time::pause();
    let left = tokio::time::Instant::now();
    session.close().await.1.unwrap();
    assert_eq!(left.elapsed().as_millis(), 0);
    assert_eq!(suite.machine.approvals(), [Pending]);
    assert_eq!(suite.machine.ran(), Vec::<String>::new());
}
