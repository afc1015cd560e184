//! The safety tools in a suite that a supervisor keeps up: with agentd, and without it.

mod common;

use common::{Suite, freeze, lives, program, soon};
use serde_json::json;

/// A suite with a second daemon. Both are built with the workspace.
async fn with_keyd() -> Suite {
    let keyd = program("osmoda-keyd");
    assert!(keyd.exists(), "{} is missing: cargo build -p osmoda-keyd", keyd.display());
    Suite::up_with("agentd,keyd").await
}

#[tokio::test]
async fn a_panic_stops_the_others_for_good_also_one_that_hangs_and_a_restart_brings_them_back() {
    let suite = with_keyd().await;
    let (agentd, keyd) = (suite.pid("agentd"), suite.pid("keyd"));
    freeze(keyd).await;
    let done = suite.json(&["safety", "panic", "--json"]).await;
    assert_eq!(done, json!({ "stopped": ["keyd"], "kept": ["agentd"] }));
    assert!(!lives(keyd) && lives(agentd));
    // Longer than a supervisor waits before it starts a daemon again.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    let status = suite.json(&["safety", "status", "--json"]).await;
    let services = status["services"].as_array().unwrap();
    let state = |name| services.iter().find(|one| one["name"] == name).map(|one| one["state"].clone());
    assert_eq!((state("agentd"), state("keyd")), (Some(json!("active")), Some(json!("inactive"))), "{status}");
    assert!(status["panicked_at"].is_string());
    let done = suite.json(&["safety", "restart", "--json"]).await;
    assert_eq!(done, json!({ "restarted": ["keyd", "agentd"], "failed": [] }));
    let socket = suite.path().join("run/keyd.sock");
    soon("keyd's socket", || std::os::unix::net::UnixStream::connect(&socket).ok()).await;
    assert_ne!(suite.pid("keyd"), keyd);
}

#[tokio::test]
async fn with_agentd_gone_the_others_are_stopped_all_the_same() {
    let suite = with_keyd().await;
    let (agentd, keyd) = (suite.pid("agentd"), suite.pid("keyd"));
    freeze(agentd).await;
    let panicked = suite.run(&["safety", "panic", "--json"]).await.with_code(0);
    assert_eq!(panicked.json(), json!({ "stopped": ["keyd"], "kept": ["agentd"] }));
    assert!(panicked.err.contains("the ledger could not be told") && !lives(keyd), "{}", panicked.err);
    let restarted = suite.run(&["safety", "restart", "--json"]).await.with_code(0);
    assert_eq!(restarted.json(), json!({ "restarted": ["keyd", "agentd"], "failed": [] }));
}

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
