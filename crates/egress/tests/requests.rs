//! Requests in absolute form through the real daemon.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use common::{Suite, code, head, listening, rest, soon};
use osmoda_api::agentd::{CapabilityLimits, CapabilityRevoke, CapabilityRevokeRequest};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: x-inner\r\nX-Inner: 1\r\n\r\nfine";

#[tokio::test]
async fn a_request_is_written_anew_for_its_host_and_the_next_one_is_judged_by_itself() {
    let suite = Suite::start().await;
    let (to, heard) = listening(FINE).await;
    let token = suite.mint(&[&format!("net:{to}")]).await.token.0;
    let mut stream = suite.dial().await;
    for _ in 0..2 {
        let request = format!(
            "GET http://{to}/x?y=z HTTP/1.1\r\nHost: {to}\r\nProxy-Authorization: Bearer {token}\r\nProxy-Connection: keep-alive\r\nAccept: */*\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 200 OK") && !head.to_lowercase().contains("x-inner"), "{head}");
        let mut body = [0; 4];
        stream.read_exact(&mut body).await.unwrap();
        assert_eq!(&body, b"fine");
        let heard = String::from_utf8(std::mem::take(&mut heard.lock().unwrap())).unwrap();
        assert!(heard.starts_with("GET /x?y=z HTTP/1.1\r\n"), "{heard}");
        assert_eq!(heard.to_lowercase().matches("\nhost:").count(), 1, "{heard}");
        assert!(!heard.contains(&token) && !heard.to_lowercase().contains("proxy-"), "{heard}");
    }
    stream.write_all(b"GET http://elsewhere.example/ HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(code(&head(&mut stream).await), "token_missing");
    let ended = suite.ended(2).await;
    assert_eq!(
        (&ended[0]["via"], &ended[0]["ended"], &ended[0]["received"]),
        (&"http".into(), &"closed".into(), &4.into())
    );
}

#[tokio::test]
async fn nothing_is_smuggled_past_the_one_request_that_was_judged() {
    let suite = Suite::start().await;
    let (to, heard) = listening(FINE).await;
    let token = suite.mint(&[&format!("net:{to}")]).await.token.0;
    let auth = format!("Proxy-Authorization: Bearer {token}\r\n");
    for (request, expected) in [
        (format!("GET http://{to}/ HTTP/1.1\r\nHost: evil.example\r\n{auth}\r\n"), "bad_request"),
        (format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\nHost: evil.example\r\n{auth}\r\n"), "bad_request"),
        (format!("GET http://evil.example@{to}/ HTTP/1.1\r\n{auth}\r\n"), "bad_host"),
        (format!("GET https://{to}/ HTTP/1.1\r\n{auth}\r\n"), "bad_request"),
        (format!("GET / HTTP/1.1\r\nHost: {to}\r\n{auth}\r\n"), "bad_request"),
        (format!("POST http://{to}/ HTTP/1.1\r\n{auth}{auth}\r\n"), "bad_request"),
    ] {
        let mut stream = suite.dial().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(code(&head(&mut stream).await), expected, "{request}");
    }
    // What HTTP itself has no reading for gets no answer of the host's either.
    for request in [
        format!("POST http://{to}/ HTTP/1.1\r\n{auth}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        format!("POST http://{to}/ HTTP/1.1\r\n{auth}Content-Length: 4\r\nContent-Length: 5\r\n\r\nfive!"),
        format!("POST http://{to}/ HTTP/1.1\r\n{auth}Content-Length: +4\r\n\r\nfive!"),
        format!("GET http://{to}/ HTTP/1.1\r\n{auth}X : y\r\n\r\n"),
        format!("GET http://{to}/ HTTP/1.1\r\n{auth}X: y\r\n folded\r\n\r\n"),
        format!("GET http://{to}/\0 HTTP/1.1\r\n{auth}\r\n"),
        "\x16\x03\x01\x00\x05hello".to_owned(),
        "SSH-2.0-x\r\n".to_owned(),
    ] {
        let mut stream = suite.dial().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = String::from_utf8_lossy(&rest(&mut stream).await).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{request}: {answer}");
    }
    assert_eq!(String::from_utf8_lossy(&heard.lock().unwrap()), "", "nothing of all that left");
    // Of two lengths the chunks count (RFC 9112, 6.3); the other one does not go out, and the connection ends.
    let mut stream = suite.dial().await;
    let request = format!(
        "POST http://{to}/ HTTP/1.1\r\n{auth}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n!\r\n0\r\n\r\nGET http://{to}/evil HTTP/1.1\r\n{auth}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await;
    let text = String::from_utf8(std::mem::take(&mut heard.lock().unwrap())).unwrap().to_lowercase();
    assert!(!text.contains("content-length") && !text.contains("evil"), "{text}");
    assert_eq!(text.matches("http/1.1").count(), 1, "{text}");
    // A body ends where it ends; what follows is another request, judged by itself.
    let mut stream = suite.dial().await;
    let request = format!(
        "POST http://{to}/ HTTP/1.1\r\n{auth}Content-Length: 3\r\n\r\nab!GET http://{to}/evil HTTP/1.1\r\nHost: {to}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
    stream.read_exact(&mut [0; 4]).await.unwrap();
    assert_eq!(code(&head(&mut stream).await), "token_missing");
    assert!(!String::from_utf8_lossy(&heard.lock().unwrap()).contains("evil"));
}

#[tokio::test]
async fn a_request_that_is_under_way_is_cut_with_its_token_and_held_to_its_limits() {
    let suite = Suite::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = format!("localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n").await;
                let _ = stream.write_all(&[b'x'; 1000]).await;
                let _ = stream.read(&mut [0; 4096]).await;
            });
        }
    });
    let token = suite.mint(&[&format!("net:{to}")]).await;
    let request = |token: &str| format!("GET http://{to}/ HTTP/1.1\r\nProxy-Authorization: Bearer {token}\r\n\r\n");
    let mut stream = suite.dial().await;
    stream.write_all(request(&token.token.0).as_bytes()).await.unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
    soon(stream.read_exact(&mut [0; 1000])).await.unwrap();
    suite.agentd().call::<CapabilityRevoke>(&CapabilityRevokeRequest { id: token.id }).await.unwrap();
    assert_eq!(rest(&mut stream).await, b"");
    let limits = CapabilityLimits { bytes: Some(500), ..CapabilityLimits::default() };
    let token = suite.mint_with(&[&format!("net:{to}")], None, Some(limits)).await.token.0;
    let mut stream = suite.dial().await;
    stream.write_all(request(&token).as_bytes()).await.unwrap();
    head(&mut stream).await;
    rest(&mut stream).await;
    let ended: Vec<_> = suite.ended(2).await.iter().map(|ended| ended["ended"].clone()).collect();
    assert_eq!(ended, ["token_revoked", "bytes_spent"]);
}
