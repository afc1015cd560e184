//! One tool call: its result, its failures, its signs of life, its end before time.

use std::time::Duration;

use osmoda_ipc::Role;
use osmoda_mcp::Options;
use serde_json::{Value, json};

use crate::{
    agentd::{Suite, sign},
    client::{Era, Session},
};

const ERAS: [Era; 2] = [Era::Legacy, Era::Modern];

/// The fault of a failed call, after checking that it is a whole envelope, in structure and in text.
fn fault(result: &Value) -> Value {
    let fault = result["structuredContent"].clone();
    assert_eq!(result["isError"], true, "{result}");
    assert_eq!(serde_json::from_str::<Value>(result["content"][0]["text"].as_str().unwrap()).unwrap(), fault);
    assert_eq!(fault["code"], fault["error"]);
    assert_eq!(fault["request_id"], result["_meta"]["osmoda/request_id"]);
    fault
}

#[tokio::test]
async fn a_result_is_structured_and_the_same_as_text() {
    for era in ERAS {
        let suite = Suite::start();
        let mut session = Session::begin(Options::new(suite.dirs()), era).await;
        let result = session.call("shell_exec", json!({ "command": "echo" })).await;
        assert_eq!(result["isError"], false);
        assert_eq!(result["structuredContent"]["stdout"], "echo");
        assert_eq!(result["content"][0]["type"], "text");
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"]);
    }
}

#[tokio::test]
async fn every_call_is_an_act_of_its_own_in_the_agents_role() {
    let suite = Suite::start();
    let mut session = Session::begin(Options { elicit: true, ..Options::new(suite.dirs()) }, Era::Legacy).await;
    let mut told = Vec::new();
    for _ in 0..2 {
        let result = session.call("shell_exec", json!({ "command": "echo" })).await;
        told.push(result["_meta"]["osmoda/request_id"].as_str().unwrap().to_owned());
    }
    let recorded: Vec<String> =
        suite.machine.events().into_iter().filter(|(kind, _)| kind == "shell_exec.intent").map(|(_, id)| id).collect();
    assert_eq!(recorded, told);
    assert_ne!(told[0], told[1]);
    assert_eq!(suite.machine.roles(), [Role::Agent, Role::Agent], "although this process is an operator");
}

#[tokio::test]
async fn a_fault_is_a_result_that_the_model_reads() {
    for era in ERAS {
        let suite = Suite::start();
        let mut session = Session::begin(Options::new(suite.dirs()), era).await;
        let fault = fault(&session.call("shell_exec", json!({ "command": "fail" })).await);
        assert_eq!((fault["code"].as_str(), fault["retryable"].as_bool()), (Some("rate_limited"), Some(true)));
    }
}

#[tokio::test]
async fn bad_arguments_are_a_result_that_names_them() {
    let cases = [
        ("shell_exec", json!({}), "command"),
        ("shell_exec", json!({ "command": 7 }), "string"),
        ("shell_exec", json!({ "command": "echo", "shell": "zsh" }), "shell"),
        ("event_log", json!({ "limit": "many" }), "limit"),
        ("event_log", json!({ "limit": true }), "limit"),
        ("event_log", json!({ "colour": "red" }), "colour"),
        ("approval_check", json!({}), "id"),
        ("approval_check", json!({ "id": "" }), "id"),
    ];
    let suite = Suite::start();
    let mut session = Session::begin(Options::new(suite.dirs()), Era::Legacy).await;
    for (tool, arguments, named) in cases {
        let fault = fault(&session.call(tool, arguments.clone()).await);
        assert_eq!(fault["code"], "invalid_request", "{tool} {arguments}");
        assert!(fault["message"].as_str().unwrap().contains(named), "{tool} {arguments}: {fault}");
    }
    assert_eq!(suite.machine.ran(), Vec::<String>::new());
}

#[tokio::test]
async fn arguments_may_be_left_out_where_none_are_needed() {
    let suite = Suite::start();
    let mut session = Session::begin(Options::new(suite.dirs()), Era::Legacy).await;
    let answer = session.ask("tools/call", json!({ "name": "system_health" })).await;
    assert_eq!(answer["result"]["structuredContent"]["hostname"], "probe");
}

#[tokio::test]
async fn a_daemon_that_is_down_is_a_result_and_comes_back_without_a_new_session() {
    for era in ERAS {
        let suite = Suite::without_daemon();
        let mut session = Session::begin(Options::new(suite.dirs()), era).await;
        let fault = fault(&session.call("system_health", json!({})).await);
        assert_eq!((fault["code"].as_str(), fault["retryable"].as_bool()), (Some("unavailable"), Some(true)));
        assert!(fault["message"].as_str().unwrap().contains("agentd"));
        suite.serve();
        assert_eq!(session.call("system_health", json!({})).await["isError"], false);
    }
}

#[tokio::test]
async fn a_long_call_gives_signs_of_life_to_who_asked_for_them() {
    for era in ERAS {
        let suite = Suite::start();
        let options = Options { progress_every: Duration::from_millis(5), ..Options::new(suite.dirs()) };
        let mut session = Session::begin(options, era).await;
        let params =
            json!({ "name": "shell_exec", "arguments": { "command": "wait" }, "_meta": { "progressToken": "mine" } });
        let call = session.send("tools/call", params).await;
        let signs = [session.next().await, session.next().await];
        for sign in &signs {
            assert_eq!(
                (sign["method"].as_str(), sign["params"]["progressToken"].as_str()),
                (Some("notifications/progress"), Some("mine"))
            );
            assert!(sign["params"]["message"].as_str().unwrap().contains("shell_exec"));
        }
        assert!(signs[1]["params"]["progress"].as_f64() > signs[0]["params"]["progress"].as_f64(), "{signs:?}");
        suite.machine.release.add_permits(1);
        assert_eq!(session.answer(call).await["result"]["isError"], false);
    }
}

#[tokio::test]
async fn who_asked_for_no_signs_of_life_gets_none() {
    let suite = Suite::start();
    let options = Options { progress_every: Duration::from_millis(1), ..Options::new(suite.dirs()) };
    let mut session = Session::begin(options, Era::Legacy).await;
    let call = session.send("tools/call", json!({ "name": "shell_exec", "arguments": { "command": "wait" } })).await;
    sign(&suite.machine.began).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    suite.machine.release.add_permits(1);
    session.answer(call).await;
    assert_eq!(session.notifications, Vec::<Value>::new());
}

#[tokio::test]
async fn a_cancelled_call_ends_at_the_daemon_and_is_not_answered() {
    for era in ERAS {
        let suite = Suite::start();
        let mut session = Session::begin(Options::new(suite.dirs()), era).await;
        let call =
            session.send("tools/call", json!({ "name": "shell_exec", "arguments": { "command": "wait" } })).await;
        sign(&suite.machine.began).await;
        session.write(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": call, "reason": "enough" } })).await;
        sign(&suite.machine.hung_up).await;
        // The next answer is that of the next call.
        assert_eq!(session.call("system_health", json!({})).await["isError"], false);
    }
}

#[tokio::test]
async fn one_slow_call_does_not_hold_the_next_one_up() {
    let suite = Suite::start();
    let mut session = Session::begin(Options::new(suite.dirs()), Era::Legacy).await;
    let slow = session.send("tools/call", json!({ "name": "shell_exec", "arguments": { "command": "wait" } })).await;
    assert_eq!(session.call("system_health", json!({})).await["isError"], false);
    suite.machine.release.add_permits(1);
    assert_eq!(session.answer(slow).await["result"]["structuredContent"]["stdout"], "wait");
}

#[tokio::test]
async fn a_call_that_was_sent_before_the_client_closed_its_end_is_still_answered() {
    let suite = Suite::start();
    let mut session = Session::begin(Options::new(suite.dirs()), Era::Legacy).await;
    let params = json!({ "name": "shell_exec", "arguments": { "command": "echo" }, "_meta": { "progressToken": 1 } });
    let call = session.send("tools/call", params).await;
    let (rest, ended) = session.close().await;
    ended.unwrap();
    assert_eq!(
        (rest.len(), &rest[0]["id"], &rest[0]["result"]["structuredContent"]["stdout"]),
        (1, &json!(call), &json!("echo"))
    );
}

#[tokio::test]
async fn signs_of_life_that_nobody_takes_any_more_do_not_hold_the_answer_up() {
    let suite = Suite::start();
    let options = Options { progress_every: Duration::from_millis(1), ..Options::new(suite.dirs()) };
    let mut session = Session::begin(options, Era::Legacy).await;
    let params = json!({ "name": "shell_exec", "arguments": { "command": "wait" }, "_meta": { "progressToken": 1 } });
    let call = session.send("tools/call", params).await;
    sign(&suite.machine.began).await;
    session.hang_up().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    suite.machine.release.add_permits(1);
    let (rest, ended) = session.close().await;
    ended.unwrap();
    assert!(rest.iter().any(|message| message["id"] == call), "{rest:?}");
}
