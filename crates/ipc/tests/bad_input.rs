//! Whatever comes in, the envelope comes out: never a hang, never a crash.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at what it did not expect")]

mod common;

use std::time::Duration;

use common::{Daemon, Echo, Text, parse, read_all};
use osmoda_ipc::{Client, Limits};
use tokio::{io::AsyncWriteExt, net::UnixStream, task::JoinSet};

fn post(path: &str, body: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn every_wrong_request_is_answered_by_the_envelope() {
    let daemon = Daemon::start();
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let cases: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("unknown path", get("/nowhere"), 404, "unknown_path"),
        ("path traversal", get("/part/../../etc/passwd"), 404, "unknown_path"),
        ("empty parameter", get("/part/"), 404, "unknown_path"),
        ("wrong method", get("/echo"), 405, "method_not_allowed"),
        (
            "unknown method",
            b"BREW /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_vec(),
            405,
            "method_not_allowed",
        ),
        ("no body", post("/echo", ""), 400, "invalid_request"),
        ("no JSON", post("/echo", "{text"), 400, "invalid_json"),
        ("JSON that ends early", post("/echo", "{\"text\":\"a"), 400, "invalid_json"),
        ("not an object", post("/echo", "[]"), 400, "invalid_request"),
        ("fields in a list", post("/echo", "[\"a\"]"), 400, "invalid_request"),
        ("wrong type", post("/echo", "{\"text\":1}"), 400, "invalid_request"),
        ("unknown field", post("/echo", "{\"text\":\"a\",\"txet\":1}"), 400, "invalid_request"),
        ("missing field", post("/echo", "{}"), 400, "invalid_request"),
        ("field twice", post("/echo", "{\"text\":\"a\",\"text\":\"b\"}"), 400, "invalid_request"),
        ("too deep", post("/echo", &deep), 400, "invalid_json"),
        ("body and query", post("/echo?text=a", "{}"), 400, "invalid_request"),
        ("wrong type in the query", get("/part/a?count=many"), 400, "invalid_request"),
        ("unknown query field", get("/part/a?cuont=1"), 400, "invalid_request"),
        ("path field in the query", get("/part/a?id=b"), 400, "invalid_request"),
        ("no UTF-8 in the path", get("/part/%ff"), 400, "invalid_request"),
        (
            "over the body limit",
            post("/small", &format!("{{\"text\":\"{}\"}}", "x".repeat(100))),
            413,
            "body_too_large",
        ),
        (
            "a body said to be huge",
            b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n".to_vec(),
            413,
            "body_too_large",
        ),
        (
            "unknown role",
            b"GET /who HTTP/1.1\r\nhost: x\r\nx-osmoda-role: root\r\nconnection: close\r\n\r\n".to_vec(),
            400,
            "invalid_request",
        ),
        (
            "widened role",
            b"GET /who HTTP/1.1\r\nhost: x\r\nx-osmoda-role: daemon\r\nconnection: close\r\n\r\n".to_vec(),
            403,
            "forbidden",
        ),
        ("no HTTP", b"hello\r\n\r\n".to_vec(), 400, "invalid_http"),
        ("bytes", vec![0xff; 500], 400, "invalid_http"),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), 400, "invalid_http"),
        (
            "two lengths",
            b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}".to_vec(),
            400,
            "invalid_http",
        ),
        (
            "a huge header",
            format!("GET /who HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(100_000)).into_bytes(),
            431,
            "head_too_large",
        ),
        (
            "many headers",
            format!("GET /who HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(200)).into_bytes(),
            431,
            "head_too_large",
        ),
    ];
    for (what, request, status, code) in cases {
        let answer = daemon.raw(&request).await;
        assert!(!answer.is_empty(), "{what}: closed without a word");
        let (got, envelope) = parse(&answer);
        assert_eq!((got, envelope["code"].as_str()), (status, Some(code)), "{what}: {envelope}");
        assert_eq!(envelope["error"], envelope["code"], "{what}");
        assert!(envelope["request_id"].as_str().is_some_and(|id| id.starts_with("req_")), "{what}: {envelope}");
        assert!(envelope["message"].as_str().is_some_and(|message| !message.is_empty()), "{what}");
    }
    Client::new(daemon.socket()).call::<Echo>(&Text { text: "still here".into() }).await.unwrap();
    assert!(daemon.kinds().is_empty(), "nothing of it was an act");
}

#[tokio::test]
async fn half_a_request_is_answered_when_its_time_is_up() {
    let limits = Limits {
        head_timeout: Duration::from_millis(200),
        body_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let daemon = Daemon::start_with(limits);
    for half in [
        &b"GET /who HTT"[..],
        b"POST /echo HTTP/1.1\r\nhost: x\r\n",
        b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 20\r\n\r\n{\"te",
    ] {
        let (status, envelope) = parse(&daemon.raw(half).await);
        assert_eq!(
            (status, envelope["code"].as_str()),
            (408, Some("request_timeout")),
            "{}",
            String::from_utf8_lossy(half)
        );
    }
    assert_eq!(daemon.raw(b"").await, "", "a caller that says nothing is let go without a word");
}

#[tokio::test]
async fn who_sends_head_and_body_one_after_the_other_can_read_a_refusal() {
    let daemon = Daemon::start();
    for (head, expected) in [("POST /nowhere", 404), ("PUT /echo", 405), ("POST /echo?text=a", 400)] {
        let mut stream = UnixStream::connect(daemon.socket()).await.unwrap();
        let head = format!("{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 12\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.write_all(b"{\"text\":\"a\"}").await.unwrap();
        let (status, _) = parse(&read_all(stream).await);
        assert_eq!(status, expected, "{head}");
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_no_act() {
    let daemon = Daemon::start();
    let mut stream = UnixStream::connect(daemon.socket()).await.unwrap();
    stream.write_all(b"POST /destroy HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{\"text\":\"a\"}").await.unwrap();
    stream.shutdown().await.unwrap();
    let _ = read_all(stream).await;
    assert!(daemon.kinds().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_connections_are_answered_or_refused_in_words() {
    let daemon = Daemon::start();
    let (mut served, mut busy, mut cut) = (0, 0, 0);
    for _ in 0..20 {
        let mut callers = JoinSet::new();
        for _ in 0..500 {
            let socket = daemon.socket();
            callers.spawn(async move {
                let Ok(mut stream) = UnixStream::connect(socket).await else { return None };
                let _ = stream.write_all(&get("/who")).await;
                Some(read_all(stream).await)
            });
        }
        for answer in callers.join_all().await {
            match answer.as_deref() {
                None | Some("") => cut += 1,
                Some(answer) => match parse(answer) {
                    (200, _) => served += 1,
                    (503, envelope) if envelope["code"] == "busy" => busy += 1,
                    other => panic!("{other:?}"),
                },
            }
        }
    }
    assert_eq!(served + busy + cut, 10_000);
    assert!(served > 5000, "served {served}, busy {busy}, cut {cut}");
    Client::new(daemon.socket()).call::<Echo>(&Text::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_512_open_connections_the_next_is_told_busy_and_the_first_still_served() {
    let daemon = Daemon::start();
    let mut idle = Vec::new();
    for _ in 0..512 {
        idle.push(UnixStream::connect(daemon.socket()).await.unwrap());
    }
    // Connected is not yet accepted: the last one's answer shows that all are.
    let mut last = idle.pop().unwrap();
    last.write_all(b"GET /who HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    last.readable().await.unwrap();
    let (status, envelope) = parse(&daemon.raw(&get("/who")).await);
    assert_eq!((status, envelope["code"].as_str(), envelope["retryable"].as_bool()), (503, Some("busy"), Some(true)));
    let mut first = idle.swap_remove(0);
    first.write_all(&get("/who")).await.unwrap();
    assert_eq!(parse(&read_all(first).await).0, 200);
}
