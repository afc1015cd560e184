//! The frame of a session in both eras: how it begins, what is listed, how it ends.

use crate::{
    agentd::Suite,
    client::{Era, MODERN, Session},
};
use osmoda_mcp::{Options, Toolset};
use serde_json::{Value, json};

fn options() -> Options {
    Options::new(Suite::without_daemon().dirs())
}

#[tokio::test]
async fn a_known_version_is_echoed_and_any_other_answered_with_the_newest_that_initializes() {
    for (asked, answered) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        (MODERN, "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let mut session = Session::connect(options(), Era::Legacy, json!({}));
        assert_eq!(session.initialize(asked).await["protocolVersion"], answered, "{asked}");
    }
}

#[tokio::test]
async fn both_eras_are_told_who_this_is_and_how_to_work_here() {
    let mut legacy = Session::connect(options(), Era::Legacy, json!({}));
    let told = legacy.initialize("2025-11-25").await;
    assert_eq!(
        told["serverInfo"],
        json!({ "name": "osmoda", "title": "osmoda", "version": env!("CARGO_PKG_VERSION") })
    );
    assert!(told["instructions"].as_str().unwrap().contains("approval_required"));
    assert_eq!(told["capabilities"], json!({ "tools": {}, "resources": {} }), "only what is served");

    let mut modern = Session::connect(options(), Era::Modern, json!({}));
    let discovered = modern.ask("server/discover", json!({})).await["result"].clone();
    assert_eq!(discovered["_meta"]["io.modelcontextprotocol/serverInfo"], told["serverInfo"]);
    assert_eq!(discovered["instructions"], told["instructions"]);
    assert_eq!(discovered["capabilities"], told["capabilities"]);
    assert!(discovered["supportedVersions"].as_array().unwrap().contains(&json!(MODERN)));
}

#[tokio::test]
async fn both_eras_see_the_same_tools_on_one_page() {
    let expected: Vec<&str> = osmoda_mcp::tools().iter().map(|tool| tool.name).collect();
    for era in [Era::Legacy, Era::Modern] {
        let mut session = Session::begin(options(), era).await;
        assert_eq!(session.tools().await, expected);
    }
    let mut modern = Session::begin(options(), Era::Modern).await;
    let listed = modern.ask("tools/list", json!({})).await["result"].clone();
    assert!(listed["ttlMs"].as_u64().unwrap() > 0 && listed["cacheScope"] == "private");
    assert_eq!(json!({ "tools": listed["tools"] }), osmoda_mcp::listing(), "the committed contract is what is served");
}

#[tokio::test]
async fn a_tool_that_is_filtered_away_is_neither_listed_nor_called() {
    let cases = [
        (Options { read_only: true, ..options() }, "system_health", "shell_exec"),
        (Options { toolsets: vec![Toolset::FilesAndShell], ..options() }, "shell_exec", "system_health"),
        (Options { toolsets: vec![Toolset::Approval, Toolset::System], ..options() }, "approval_check", "shell_exec"),
    ];
    for (options, stays, goes) in cases {
        for era in [Era::Legacy, Era::Modern] {
            let mut session = Session::begin(options.clone(), era).await;
            let tools = session.tools().await;
            assert!(tools.iter().any(|tool| tool == stays) && !tools.iter().any(|tool| tool == goes), "{tools:?}");
            assert!(session.call(stays, json!({})).await["structuredContent"]["code"].as_str().is_some());
            let answer = session.ask("tools/call", json!({ "name": goes, "arguments": {} })).await;
            assert_eq!(answer["error"]["code"], -32602, "{answer}");
        }
    }
}

#[tokio::test]
async fn a_daemon_that_is_not_installed_has_no_tools_and_no_resources() {
    let mut session = Session::connect(Options { daemons: vec![], ..options() }, Era::Legacy, json!({}));
    assert_eq!(session.initialize("2025-11-25").await["capabilities"], json!({ "tools": {} }));
    assert_eq!(session.tools().await, Vec::<String>::new());
    assert_eq!(session.ask("resources/list", json!({})).await["result"]["resources"], json!([]));
}

#[tokio::test]
async fn an_unknown_tool_is_a_protocol_error() {
    for era in [Era::Legacy, Era::Modern] {
        let mut session = Session::begin(options(), era).await;
        let answer = session.ask("tools/call", json!({ "name": "no_such_tool", "arguments": {} })).await;
        assert_eq!(answer["error"]["code"], -32602);
        assert!(answer["error"]["message"].as_str().unwrap().contains("no_such_tool"));
    }
}

/// The clock of these tests stands still unless everything waits for it: any pause would show.
#[tokio::test(start_paused = true)]
async fn the_server_ends_at_once_when_its_client_does() {
    let started = tokio::time::Instant::now();
    Session::connect(options(), Era::Legacy, json!({})).close().await.1.unwrap();

    let mut probe = Session::connect(options(), Era::Modern, json!({}));
    probe.ask("server/discover", json!({})).await;
    probe.close().await.1.unwrap();

    Session::begin(options(), Era::Legacy).await.close().await.1.unwrap();
    assert_eq!(started.elapsed().as_millis(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_open_subscription_is_acknowledged_and_does_not_hold_the_end_up() {
    let started = tokio::time::Instant::now();
    let mut session = Session::begin(options(), Era::Modern).await;
    session.tools().await;
    session.send("subscriptions/listen", json!({ "notifications": { "toolsListChanged": true } })).await;
    let acknowledged: Value = session.next().await;
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(acknowledged["params"]["notifications"], json!({}), "nothing changes here");
    session.close().await.1.unwrap();
    assert_eq!(started.elapsed().as_millis(), 0);
}

#[tokio::test]
async fn what_is_no_session_is_an_error() {
    let mut session = Session::connect(options(), Era::Legacy, json!({}));
    session.write(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    assert!(session.close().await.1.unwrap_err().to_string().contains("could not begin"));
}
