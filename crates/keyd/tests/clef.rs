//! clef's JSON-RPC, as a client of clef sends it.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::time::Duration;

use common::{ADDRESS, OTHER, POLICY, Suite};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

async fn ask(suite: &Suite, method: &str, params: Value) -> Value {
    let mut stream = UnixStream::connect(suite.dirs.socket("keyd-clef")).await.unwrap();
    let request = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
    stream.write_all(request.to_string().as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    let answer = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            assert!(stream.read_buf(&mut reply).await.unwrap() > 0);
            if let Ok(value) = serde_json::from_slice::<Value>(&reply) {
                return value;
            }
        }
    });
    let answer = answer.await.unwrap();
    assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(7)));
    answer
}

fn transaction(value: &str) -> Value {
    json!([{
        "from": ADDRESS, "to": OTHER, "gas": "0x5208", "maxFeePerGas": "0x2", "maxPriorityFeePerGas": "0x1",
        "value": value, "nonce": "0x0", "chainId": "0x1", "input": "0x", "gasPrice": null, "accessList": null,
    }])
}

#[tokio::test]
async fn clefs_methods_answer_under_the_same_policy() {
    let suite = Suite::start(POLICY).await;
    suite.wallet().await;
    assert_eq!(ask(&suite, "account_version", json!([])).await["result"], "6.1.0");
    assert_eq!(ask(&suite, "account_list", json!([])).await["result"], json!([ADDRESS.to_lowercase()]));
    let signed = ask(&suite, "account_signTransaction", transaction("0x32")).await;
    assert!(signed["result"]["raw"].as_str().unwrap().starts_with("0x02f8"), "{signed}");
    // What go-ethereum's client wants of it, or it takes nothing.
    for field in
        ["chainId", "nonce", "gas", "maxPriorityFeePerGas", "maxFeePerGas", "value", "input", "v", "r", "s", "hash"]
    {
        assert!(signed["result"]["tx"][field].is_string(), "{field}: {signed}");
    }
    let refused = ask(&suite, "account_signTransaction", transaction("0x65")).await;
    assert_eq!(
        (&refused["error"]["code"], &refused["error"]["data"]["code"]),
        (&json!(-32000), &json!("policy_limit"))
    );
    let signed = ask(&suite, "account_signData", json!(["text/plain", ADDRESS, "0x68656c6c6f"])).await;
    assert_eq!(signed["result"].as_str().unwrap().len(), 132);
    for (method, params, code) in [
        ("account_signData", json!(["application/x-clique-header", ADDRESS, "0x00"]), -32602),
        ("account_signData", json!(["text/plain", OTHER, "0x00"]), -32602),
        ("account_signTransaction", json!([{ "from": ADDRESS, "to": OTHER, "gasPrice": "0x1" }]), -32602),
        ("account_signTransaction", json!([{ "from": ADDRESS, "gas": "0x5208" }]), -32602),
        ("account_signTransaction", json!([{ "from": ADDRESS, "to": OTHER, "accessList": [{}] }]), -32602),
        ("account_signTransaction", json!([]), -32602),
        ("account_signTypedData", json!([ADDRESS, {}]), -32000),
        ("account_new", json!([]), -32601),
    ] {
        let answer = ask(&suite, method, params.clone()).await;
        assert_eq!(answer["error"]["code"], code, "{method} {params}: {answer}");
    }
    let intents = suite.events("wallet_build_tx.intent").await;
    assert_eq!((intents.len(), &intents[0].payload["by"]), (1, &json!("clef")));
    assert_eq!(suite.events("wallet_build_tx.outcome").await.len(), 1);
}
