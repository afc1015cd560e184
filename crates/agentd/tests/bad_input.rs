//! Bad input to every endpoint of the contract: the envelope, and nothing half done.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at what it did not expect")]

mod common;

use std::time::Duration;

use common::Agentd;
use osmoda_api::agentd::endpoints;
use osmoda_ipc::{EndpointInfo, Method};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

/// Status and envelope of the answer to these bytes.
async fn answer(agentd: &Agentd, head: &str, body: &[u8]) -> (u16, Value) {
    let mut stream = UnixStream::connect(agentd.socket()).await.unwrap();
    let request = format!(
        "{head}\r\nhost: x\r\nx-osmoda-role: agent\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(request.as_bytes()).await;
    let _ = stream.write_all(body).await;
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut bytes)).await;
    let _ = read.expect("neither answered nor closed");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .unwrap_or_else(|| panic!("{head}: {text:?}"));
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or_else(|_| panic!("{head}: no JSON: {body:?}")))
}

fn path_of(info: &EndpointInfo) -> String {
    info.path_fields().fold(info.path.to_owned(), |path, field| path.replace(&format!("{{{field}}}"), "x"))
}

/// Bodies, or query strings, that fit no endpoint with fields, made from the endpoint's own schema.
fn misfits(info: &EndpointInfo) -> Vec<Value> {
    let schema = osmoda_ipc::openapi::inlined(&(info.request_schema)());
    let in_path: Vec<_> = info.path_fields().collect();
    let mut misfits = vec![json!({"no_such_field": 1})];
    for (name, _) in
        schema["properties"].as_object().into_iter().flatten().filter(|(name, _)| !in_path.contains(&name.as_str()))
    {
        // Nothing takes a list of lists; a field that takes any value at all is not judged by its type.
        if schema["properties"][name].get("type").is_some() || schema["properties"][name].get("enum").is_some() {
            misfits.push(json!({ name: [[1]] }));
        }
    }
    misfits
}

#[tokio::test]
async fn every_endpoint_answers_bad_input_with_the_envelope() {
    let agentd = Agentd::start().await;
    let mut tried = 0;
    for info in endpoints() {
        let (method, path) = (info.method.as_str(), path_of(&info));
        let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
        for misfit in misfits(&info) {
            if info.method == Method::Post {
                cases.push((path.clone(), serde_json::to_vec(&misfit).unwrap()));
            } else {
                let (name, value) = misfit.as_object().unwrap().iter().next().unwrap();
                // Text fields take any text in a query.
                let is_text = (info.request_schema)()
                    .get("properties")
                    .and_then(|all| all[name]["type"].as_str().map(str::to_owned))
                    .as_deref()
                    == Some("string")
                    || (info.request_schema)()
                        .get("properties")
                        .is_some_and(|all| all[name]["type"].to_string().contains("string"));
                if !is_text {
                    cases.push((format!("{path}?{name}={value}"), Vec::new()));
                }
            }
        }
        if info.method == Method::Post {
            for body in [&b"[]"[..], b"7", b"null", b"\"x\"", b"{\"a\":", b"\xff\xfe{}", b"{\"\xff\":1}"] {
                cases.push((path.clone(), body.to_vec()));
            }
            cases.push((path.clone(), vec![b' '; info.body_limit + 1]));
        }
        for (target, body) in cases {
            let (status, envelope) = answer(&agentd, &format!("{method} {target} HTTP/1.1"), &body).await;
            let shown = String::from_utf8_lossy(body.get(..body.len().min(60)).unwrap_or_default()).into_owned();
            assert!((400..500).contains(&status), "{} {target} {shown}: {status} {envelope}", info.name);
            assert!(envelope["code"].is_string() && envelope["error"] == envelope["code"], "{}: {envelope}", info.name);
            assert!(
                envelope["request_id"].as_str().is_some_and(|id| id.starts_with("req_")),
                "{}: {envelope}",
                info.name
            );
            tried += 1;
        }
        let (status, envelope) = answer(&agentd, &format!("PATCH {path} HTTP/1.1"), b"").await;
        assert_eq!((status, envelope["code"].as_str()), (405, Some("method_not_allowed")), "{}", info.name);
    }
    assert!(tried > 100, "only {tried} were tried");
    let kinds = agentd.kinds().await;
    assert!(!kinds.iter().any(|kind| kind.ends_with(".intent")), "nothing of it was begun: {kinds:?}");
}

#[tokio::test]
async fn ids_and_paths_that_lead_elsewhere_find_nothing() {
    let agentd = Agentd::start().await;
    for id in ["..", "%2e%2e", "..%2f..%2fledger.db", "apr_%00", "'%20OR%201=1--", "%ff", &"x".repeat(8000)] {
        let (status, envelope) = answer(&agentd, &format!("GET /approval/{id} HTTP/1.1"), b"").await;
        assert!((400..500).contains(&status), "{id}: {status} {envelope}");
    }
}
