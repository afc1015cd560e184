//! WebSockets: who may open one, what is bounded, what is recorded.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at what it did not expect")]

mod common;

use std::sync::atomic::Ordering;

use common::{Daemon, parse, read_all, until};
use osmoda_ipc::{CallError, Client, Fault, LARGEST_MESSAGE, Message, Role, SocketError, WebSocket};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

const HANDSHAKE: &str = "GET /mirror HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

async fn refused(client: &Client, target: &str) -> Fault {
    match client.websocket(target).await {
        Err(CallError::Fault(fault)) => fault,
        other => panic!("it was to be refused: {other:?}"),
    }
}

async fn says(socket: &mut WebSocket, message: Message) {
    socket.send(message.clone()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), message);
}

#[tokio::test]
async fn messages_go_both_ways_and_its_beginning_and_end_are_recorded() {
    let daemon = Daemon::start();
    let mut socket = Client::new(daemon.socket()).websocket("/mirror?how=well").await.unwrap();
    says(&mut socket, Message::Text("hello".into())).await;
    says(&mut socket, Message::Bytes(vec![0; LARGEST_MESSAGE].into())).await;
    assert_eq!(daemon.kinds(), ["mirror.intent"], "its end is not recorded before it");
    socket.send(Message::Text("stop".into())).await.unwrap();
    assert!(socket.next().await.is_none());
    until(|| daemon.kinds() == ["mirror.intent", "mirror.outcome"]).await;
    let events = daemon.recorder.events.lock().unwrap().clone();
    assert_eq!(
        (&events[0].payload["request"]["how"], &events[0].payload["request"]["role"]),
        (&"well".into(), &"operator".into())
    );
    assert_eq!((&events[1].payload["ok"], &events[1].payload["result"]["messages"]), (&true.into(), &2.into()));
    assert!(events[1].payload["duration_ms"].is_u64());
    assert_eq!(events[0].payload["request_id"], events[1].payload["request_id"]);
}

#[tokio::test]
async fn none_opens_for_who_may_not_nor_unrecorded_nor_where_the_route_refuses() {
    let daemon = Daemon::start();
    let client = Client::new(daemon.socket());
    assert_eq!(refused(&client.narrowed_to(Role::Agent), "/mirror").await.code(), "forbidden");
    let client = Client::new(daemon.socket());
    assert_eq!(refused(&client, "/mirror?how=no").await.code(), "no_mirror");
    assert_eq!(refused(&client, "/mirror?else=1").await.code(), "invalid_request");
    let elsewhere = client.websocket("/who").await;
    assert!(matches!(elsewhere, Err(CallError::Broken { .. })), "{elsewhere:?}");
    daemon.recorder.refuses.store(true, Ordering::SeqCst);
    assert_eq!(refused(&client, "/mirror").await.code(), "ledger_unavailable");
    assert!(daemon.kinds().is_empty());
    let plain = "GET /mirror HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let (status, envelope) = parse(&daemon.raw(plain.as_bytes()).await);
    assert_eq!((status, &envelope["code"]), (426, &"upgrade_required".into()));
}

#[tokio::test]
async fn what_is_too_large_or_no_frame_ends_it_with_its_reason() {
    let daemon = Daemon::start();
    let mut socket = Client::new(daemon.socket()).websocket("/mirror").await.unwrap();
    socket.send(Message::Bytes(vec![0; LARGEST_MESSAGE + 1].into())).await.unwrap();
    assert!(matches!(socket.next().await, None | Some(Err(SocketError::Broken(_)))));
    until(|| daemon.kinds().len() == 2).await;
    // A frame without a mask, which no client may send, right behind the head of the request.
    let mut stream = UnixStream::connect(daemon.socket()).await.unwrap();
    stream.write_all(format!("{HANDSHAKE}\r\n").as_bytes()).await.unwrap();
    stream.write_all(&[0x81, 0x02, b'h', b'i']).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 101") && text.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{text}");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert_eq!((answer[end], &answer[end + 2..end + 4]), (0x88, &1002_u16.to_be_bytes()[..]), "a close frame");
    until(|| daemon.kinds().len() == 4).await;
    let events = daemon.recorder.events.lock().unwrap().clone();
    assert_eq!(
        (&events[1].payload["code"], &events[3].payload["code"]),
        (&"bad_message".into(), &"bad_message".into())
    );
}

#[tokio::test]
async fn what_comes_right_behind_the_head_is_not_lost() {
    let daemon = Daemon::start();
    let mut stream = UnixStream::connect(daemon.socket()).await.unwrap();
    // "hi" under the mask of zeros, and a closing frame, in one write with the head.
    let frames = [&[0x81_u8, 0x82, 0, 0, 0, 0, b'h', b'i'][..], &[0x88, 0x80, 0, 0, 0, 0]].concat();
    stream.write_all(&[format!("{HANDSHAKE}\r\n").as_bytes(), &frames].concat()).await.unwrap();
    assert!(read_all(stream).await.contains("\u{2}hi"));
}

#[tokio::test]
async fn a_caller_that_is_gone_and_a_panic_end_in_an_outcome_and_the_daemon_lives() {
    let daemon = Daemon::start();
    let client = Client::new(daemon.socket());
    drop(client.websocket("/mirror").await.unwrap());
    until(|| daemon.kinds().len() == 2).await;
    let mut socket = client.websocket("/mirror").await.unwrap();
    socket.send(Message::Text("panic".into())).await.unwrap();
    assert!(!matches!(socket.next().await, Some(Ok(_))));
    until(|| daemon.kinds().len() == 4).await;
    assert_eq!(daemon.recorder.events.lock().unwrap()[3].payload["code"], "internal");
    // Hung up without reading the 101.
    let mut stream = UnixStream::connect(daemon.socket()).await.unwrap();
    stream.write_all(format!("{HANDSHAKE}\r\n").as_bytes()).await.unwrap();
    drop(stream);
    until(|| daemon.kinds().iter().filter(|kind| *kind == "mirror.intent").count() == daemon.kinds().len() / 2).await;
    says(&mut client.websocket("/mirror").await.unwrap(), Message::Text("still here".into())).await;
}
