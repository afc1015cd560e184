//! CONNECT through the real daemon: who may go where, what the first bytes must be, and how a tunnel ends.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::time::Duration;

use common::{CONFIG, Suite, code, echo, head, listening, rest, soon};
use osmoda_api::{
    agentd::{CapabilityLimits, CapabilityNarrow, CapabilityNarrowRequest, CapabilityRevoke, CapabilityRevokeRequest},
    egress::{EgressCheck, EgressCheckRequest, EgressConnections, EgressConnectionsRequest},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn net(to: &str) -> String {
    format!("net:{to}")
}

#[tokio::test]
async fn a_token_opens_what_it_permits_and_nothing_else() {
    let suite = Suite::start().await;
    let (to, other) = (echo().await, echo().await);
    let token = suite.mint(&[&net(&to)]).await;
    let mut tunnel = suite.tunnel(&to, &token.token.0).await;
    tunnel.write_all(b"hello").await.unwrap();
    let mut back = [0; 5];
    tunnel.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"hello");
    let open = suite.client().call::<EgressConnections>(&EgressConnectionsRequest::default()).await.unwrap();
    assert_eq!((open.open, open.connections[0].to.as_str(), open.connections[0].sent), (1, to.as_str(), 5));
    drop(tunnel);
    let foreign = Suite::start().await.mint(&[&net(&to)]).await;
    let changed = token.token.0.replacen("cap1.e", "cap1.f", 1);
    for (to, token, expected, status) in [
        (other.as_str(), Some(token.token.0.as_str()), "host_not_allowed", "403"),
        (&to, None, "token_missing", "407"),
        (&to, Some(foreign.token.0.as_str()), "token_foreign", "407"),
        (&to, Some(changed.as_str()), "token_foreign", "407"),
        (&to, Some("nonsense"), "token_malformed", "407"),
        ("LOCALHOST.:1", Some(token.token.0.as_str()), "host_not_allowed", "403"),
        ("127.0.0.1:1", Some(token.token.0.as_str()), "host_not_allowed", "403"),
        ("2130706433:443", Some(token.token.0.as_str()), "bad_host", "400"),
        ("user@localhost:443", Some(token.token.0.as_str()), "bad_host", "400"),
    ] {
        let (mut stream, head) = suite.connect(to, token).await;
        assert_eq!((code(&head), &head[9..12]), (expected, status), "{to}: {head}");
        assert!(head.contains("Proxy-Authenticate") == (status == "407"), "{head}");
        assert!(String::from_utf8(rest(&mut stream).await).unwrap().contains(expected));
    }
    let ended = suite.ended(1).await;
    assert_eq!(ended[0]["to"], to);
    assert_eq!((&ended[0]["token"], &ended[0]["ended"]), (&token.id.clone().into(), &"closed".into()));
    assert_eq!((&ended[0]["sent"], &ended[0]["received"]), (&5.into(), &5.into()));
    let refused = soon(async {
        loop {
            let refused = suite.told("refused").await;
            if refused.len() >= 9 {
                return refused;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!((&refused[0]["code"], &refused[0]["to"]), (&"host_not_allowed".into(), &other.into()));
}

#[tokio::test]
async fn taking_a_token_back_cuts_its_tunnels_and_those_of_all_below_it() {
    let suite = Suite::start().await;
    let to = echo().await;
    let (root, other) = (suite.mint(&[&net(&to)]).await, suite.mint(&[&net(&to)]).await);
    let narrower = CapabilityNarrowRequest {
        token: root.token.clone(),
        granted_to: "step".into(),
        permissions: vec![net(&to)],
        ..CapabilityNarrowRequest::default()
    };
    let child = suite.agentd().call::<CapabilityNarrow>(&narrower).await.unwrap();
    let mut cut = Vec::new();
    for token in [&root, &child, &child] {
        cut.push(suite.tunnel(&to, &token.token.0).await);
    }
    let mut stays = suite.tunnel(&to, &other.token.0).await;
    suite.agentd().call::<CapabilityRevoke>(&CapabilityRevokeRequest { id: root.id.clone() }).await.unwrap();
    for tunnel in &mut cut {
        assert_eq!(rest(tunnel).await, b"");
    }
    assert_eq!(code(&suite.connect(&to, Some(&child.token.0)).await.1), "token_revoked");
    stays.write_all(b"x").await.unwrap();
    assert_eq!(stays.read_u8().await.unwrap(), b'x');
    let ended = suite.ended(3).await;
    assert!(ended.iter().all(|ended| ended["ended"] == "token_revoked"), "{ended:?}");
}

#[tokio::test]
async fn a_token_that_expires_cuts_its_tunnels() {
    let suite = Suite::start().await;
    let to = echo().await;
    let token = suite.mint_with(&[&net(&to)], Some(2), None).await;
    let mut tunnel = suite.tunnel(&to, &token.token.0).await;
    assert_eq!(rest(&mut tunnel).await, b"");
    assert_eq!(code(&suite.connect(&to, Some(&token.token.0)).await.1), "token_expired");
    assert_eq!(suite.ended(1).await[0]["ended"], "token_expired");
}

/// A ClientHello of a TLS library's shape, for this name.
fn client_hello(name: &str) -> Vec<u8> {
    let vector = |data: &[u8]| [&u16::try_from(data.len()).unwrap().to_be_bytes()[..], data].concat();
    let entry = [vec![0], vector(name.as_bytes())].concat();
    let extension = [vec![0, 0], vector(&vector(&entry))].concat();
    let body = [vec![3, 3], vec![1; 32], vec![0], vec![0, 2, 0x13, 1], vec![1, 0], vector(&extension)].concat();
    let message = [vec![1, 0], vector(&body)].concat();
    [vec![22, 3, 1], vector(&message)].concat()
}

#[tokio::test]
async fn the_first_bytes_leave_only_when_they_name_the_host_that_was_asked_for() {
    let (to, heard) = listening("").await;
    let port = to.split_once(':').unwrap().1;
    let suite = Suite::start_with(&format!("{CONFIG}tls_ports = [{port}]\n")).await;
    let token = suite.mint(&[&net(&to)]).await;
    for (first, alert, ended) in [
        (client_hello("evil.example"), Some(112), "server_name_mismatch"),
        (client_hello("localhost.evil.example"), Some(112), "server_name_mismatch"),
        (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00".to_vec(), Some(50), "bad_client_hello"),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_vec(), None, "not_tls"),
        (b"SSH-2.0-x\r\n".to_vec(), None, "not_tls"),
    ] {
        let mut tunnel = suite.tunnel(&to, &token.token.0).await;
        tunnel.write_all(&first).await.unwrap();
        let answer = rest(&mut tunnel).await;
        assert_eq!(answer.last().copied(), alert, "{ended}: {answer:?}");
        assert!(heard.lock().unwrap().is_empty(), "{ended}");
    }
    let reasons: Vec<_> =
        suite.ended(5).await.iter().map(|ended| ended["ended"].as_str().unwrap().to_owned()).collect();
    assert_eq!(reasons, ["server_name_mismatch", "server_name_mismatch", "bad_client_hello", "not_tls", "not_tls"]);
    // Byte by byte, the head's own packet included: nothing is heard before all of it is there, and then all of it.
    let hello = client_hello("LocalHost");
    let mut tunnel = suite.dial().await;
    let mut request =
        format!("CONNECT {to} HTTP/1.1\r\nProxy-Authorization: Bearer {}\r\n\r\n", token.token.0).into_bytes();
    request.push(hello[0]);
    tunnel.write_all(&request).await.unwrap();
    assert!(head(&mut tunnel).await.starts_with("HTTP/1.1 200 "));
    for byte in &hello[1..hello.len() - 1] {
        tunnel.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(heard.lock().unwrap().is_empty());
    tunnel.write_all(&hello[hello.len() - 1..]).await.unwrap();
    soon(async {
        while *heard.lock().unwrap() != hello {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn plain_http_has_no_place_in_a_tunnel() {
    let suite = Suite::start().await;
    let (to, heard) = listening("").await;
    let token = suite.mint(&[&net(&to)]).await;
    let mut tunnel = suite.tunnel(&to, &token.token.0).await;
    for part in [&b"\r\n"[..], b"PO", b"ST / HTTP/1.1\r\nHost: evil.example\r\n\r\n"] {
        tunnel.write_all(part).await.unwrap();
    }
    assert_eq!(rest(&mut tunnel).await, b"");
    assert!(heard.lock().unwrap().is_empty());
    assert_eq!(suite.ended(1).await[0]["ended"], "plain_http_in_tunnel");
}

#[tokio::test]
async fn much_goes_through_both_ways_whole_and_each_end_may_stop_speaking() {
    let suite = Suite::start().await;
    let to = echo().await;
    let token = suite.mint(&[&net(&to)]).await;
    let sent: Vec<u8> = (0..24_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (mut read, mut write) = suite.tunnel(&to, &token.token.0).await.into_split();
    let all = sent.clone();
    let writing = tokio::spawn(async move {
        write.write_all(&all).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let mut back = Vec::new();
    // The reader falls behind now and then, so that what can't be written has to wait.
    soon(async {
        let mut chunk = vec![0; 300_000];
        loop {
            let count = read.read(&mut chunk).await.unwrap();
            if count == 0 {
                break;
            }
            back.extend_from_slice(&chunk[..count]);
            if back.len() % 7 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    })
    .await;
    soon(writing).await.unwrap();
    assert!(back == sent, "{} of {} bytes came back, or others", back.len(), sent.len());
    let ended = &suite.ended(1).await[0];
    let count = sent.len();
    assert_eq!((&ended["sent"], &ended["received"], &ended["ended"]), (&count.into(), &count.into(), &"closed".into()));
}

#[tokio::test]
async fn limits_hold_for_connections_bytes_and_rate() {
    let suite = Suite::start().await;
    let to = echo().await;
    let limits = CapabilityLimits { connections: Some(2), bytes: Some(100_000), bytes_per_sec: None };
    let token = suite.mint_with(&[&net(&to)], None, Some(limits)).await;
    let first = suite.tunnel(&to, &token.token.0).await;
    let mut second = suite.tunnel(&to, &token.token.0).await;
    assert_eq!(code(&suite.connect(&to, Some(&token.token.0)).await.1), "too_many_connections");
    drop(first);
    // Its place is free as soon as the proxy has seen it end.
    suite.ended(1).await;
    drop(suite.tunnel(&to, &token.token.0).await);
    // Half of it goes there and half comes back; not a byte more.
    let _ = second.write_all(&[7; 90_000]).await;
    assert!(rest(&mut second).await.len() <= 10_000);
    assert_eq!(code(&suite.connect(&to, Some(&token.token.0)).await.1), "bytes_spent");
    let spent = suite.ended(3).await;
    let spent = spent.iter().find(|ended| ended["ended"] == "bytes_spent").unwrap();
    assert_eq!(spent["sent"].as_u64().unwrap() + spent["received"].as_u64().unwrap(), 100_000);
    // A second's worth at once, and then a second's worth a second.
    let slow = CapabilityLimits { bytes_per_sec: Some(50_000), ..CapabilityLimits::default() };
    let token = suite.mint_with(&[&net(&to)], None, Some(slow)).await;
    let mut tunnel = suite.tunnel(&to, &token.token.0).await;
    let began = std::time::Instant::now();
    tunnel.write_all(&[7; 60_000]).await.unwrap();
    let mut back = vec![0; 60_000];
    soon(tunnel.read_exact(&mut back)).await.unwrap();
    assert!(began.elapsed() > Duration::from_millis(1000), "120 kB at 50 kB/s came within {:?}", began.elapsed());
}

#[tokio::test]
async fn what_leads_inside_is_refused_unless_it_is_configured() {
    let suite = Suite::start_with("[egress]\nlisten = []\nallow = [\"localhost\"]\n").await;
    let to = echo().await;
    let port = to.split_once(':').unwrap().1;
    let permissions: Vec<String> = [
        "localhost",
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "169.254.169.254",
        "[2002:7f00:1::]",
        "0.0.0.0",
    ]
    .iter()
    .map(|host| format!("net:{host}:{port}"))
    .collect();
    let permissions: Vec<&str> = permissions.iter().map(String::as_str).collect();
    let token = suite.mint(&permissions).await;
    for permission in &permissions {
        let to = permission.strip_prefix("net:").unwrap();
        let (_, head) = suite.connect(to, Some(&token.token.0)).await;
        let expected = if to.starts_with("169.254") { "metadata_refused" } else { "address_refused" };
        assert_eq!(code(&head), expected, "{to}");
        let check = EgressCheckRequest { host: to.into(), token: Some(token.token.clone()) };
        let verdict = suite.client().call::<EgressCheck>(&check).await.unwrap();
        assert_eq!((verdict.allowed, verdict.why.as_deref()), (false, Some(expected)), "{verdict:?}");
    }
    // The default list lets a name through to the addresses; those are judged all the same.
    assert_eq!(code(&suite.connect("localhost:80", None).await.1), "address_refused");
    assert_eq!(code(&suite.connect("localhost:81", None).await.1), "token_missing");
}

#[tokio::test]
async fn without_agentd_tokens_are_checked_all_the_same_and_ends_arrive_later_once() {
    let mut suite = Suite::start().await;
    let to = echo().await;
    let token = suite.mint(&[&net(&to)]).await;
    suite.stop_agentd();
    for _ in 0..3 {
        let mut tunnel = suite.tunnel(&to, &token.token.0).await;
        tunnel.write_all(b"x").await.unwrap();
        assert_eq!(tunnel.read_u8().await.unwrap(), b'x');
    }
    soon(async {
        while suite.state().await.events_waiting == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    // A stop cuts what is open, and tells.
    let mut open = suite.tunnel(&to, &token.token.0).await;
    let pid = nix::unistd::Pid::from_raw(i32::try_from(suite.egress.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(rest(&mut open).await, b"");
    assert!(suite.egress.wait().unwrap().success());
    suite.restart_egress().await;
    suite.start_agentd().await;
    let ended = suite.ended(4).await;
    assert_eq!(ended.len(), 4);
    assert_eq!(ended[3]["ended"], "stopped");
}
