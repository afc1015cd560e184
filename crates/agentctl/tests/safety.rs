//! The safety tools in a suite that a supervisor keeps up: with agentd, and without it.

mod common;

use common::{Suite, freeze, soon};
use serde_json::json;

#[tokio::test]
async fn a_restart_ends_with_another_agentd_and_says_so() {
    let suite = Suite::up().await;
    let before = suite.pid("agentd");
    let done = suite.json(&["safety", "restart", "--json"]).await;
    assert_eq!(done, json!({ "restarted": ["agentd"], "failed": [] }));
    let pid_file = suite.path().join("run/agentd.pid");
    let pid = || std::fs::read_to_string(&pid_file).ok()?.trim().parse::<i32>().ok();
    soon("another agentd", || pid().filter(|pid| *pid != before)).await;
    // The process is there before its socket is.
    let socket = suite.path().join("run/agentd.sock");
    soon("its socket", || std::os::unix::net::UnixStream::connect(&socket).ok()).await;
    suite.run(&["safety", "status"]).await.with_code(0);
    let events = suite.json(&["events", "--json", "--type", "safety_restart."]).await;
    assert_eq!(events["events"].as_array().map(Vec::len), Some(2), "{events}");
}

#[tokio::test]
async fn with_a_hanging_agentd_the_program_does_it_itself() {
    let suite = Suite::up().await;
    let before = suite.pid("agentd");
    freeze(before).await;
    let panicked = suite.run(&["safety", "panic", "--json"]).await.with_code(0);
    assert_eq!(panicked.json(), json!({ "stopped": [], "kept": ["agentd"] }));
    assert!(panicked.err.contains("the ledger could not be told"), "{}", panicked.err);
    let restarted = suite.run(&["safety", "restart", "--json"]).await.with_code(0);
    assert_eq!(restarted.json(), json!({ "restarted": ["agentd"], "failed": [] }));
    assert_ne!(suite.pid("agentd"), before);
    suite.run(&["safety", "status"]).await.with_code(0);
    suite.run(&["safety", "rollback"]).await.with_code(1);
}
