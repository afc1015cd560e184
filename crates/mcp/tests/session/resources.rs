//! Resources: listed beside their tools, read from their daemon.

use osmoda_mcp::{Options, Toolset};
use serde_json::{Value, json};

use crate::{
    agentd::Suite,
    client::{Era, Session},
};

const LEDGER: &str = "osmoda://ledger/tail";
const MACHINE: &str = "osmoda://machine/state";

async fn uris(session: &mut Session) -> Vec<String> {
    let answer = session.ask("resources/list", json!({})).await;
    answer["result"]["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| resource["uri"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_ledgers_tail_and_the_machines_state_are_read_as_json() {
    for era in [Era::Legacy, Era::Modern] {
        let suite = Suite::start();
        let mut session = Session::begin(Options::new(suite.dirs()), era).await;
        assert_eq!(uris(&mut session).await, [LEDGER, MACHINE]);
        for _ in 0..30 {
            session.call("shell_exec", json!({ "command": "echo" })).await;
        }
        let mut read = async |uri: &str| -> Value {
            let answer = session.ask("resources/read", json!({ "uri": uri })).await;
            let content = answer["result"]["contents"][0].clone();
            assert_eq!(
                (content["uri"].as_str(), content["mimeType"].as_str()),
                (Some(uri), Some("application/json")),
                "{answer}"
            );
            serde_json::from_str(content["text"].as_str().unwrap()).unwrap()
        };
        let events = read(LEDGER).await["events"].clone();
        assert_eq!(events.as_array().unwrap().len(), 50, "of 60");
        assert_eq!(events[0]["type"], "shell_exec.outcome");
        assert_eq!(read(MACHINE).await["hostname"], "probe");
    }
}

#[tokio::test]
async fn what_is_unknown_or_filtered_away_is_not_found() {
    let suite = Suite::start();
    let without_system = Options { toolsets: vec![Toolset::FilesAndShell], ..Options::new(suite.dirs()) };
    for (era, code) in [(Era::Legacy, -32002), (Era::Modern, -32602)] {
        let mut session = Session::begin(without_system.clone(), era).await;
        assert_eq!(uris(&mut session).await, Vec::<String>::new());
        for uri in ["osmoda://nothing", "", "file:///etc/shadow", LEDGER, MACHINE] {
            let answer = session.ask("resources/read", json!({ "uri": uri })).await;
            assert_eq!(answer["error"]["code"], code, "{uri}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_daemon_that_is_down_is_an_error_with_the_fault_as_its_data() {
    let suite = Suite::without_daemon();
    let mut session = Session::begin(Options::new(suite.dirs()), Era::Legacy).await;
    let answer = session.ask("resources/read", json!({ "uri": MACHINE })).await;
    assert_eq!(
        (answer["error"]["code"].as_i64(), answer["error"]["data"]["code"].as_str()),
        (Some(-32603), Some("unavailable"))
    );
}
