//! The typed client where the other end does not do as usual.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at what it did not expect")]

mod common;

use std::time::Duration;

use common::{Daemon, Echo, SlowRead, Text, WhoAmI};
use osmoda_ipc::{CallError, Client, Limits, Nothing};
use tokio::net::UnixListener;

/// Far below a call's own deadline: nothing here is to wait for that.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_is_replaced() {
    let daemon = Daemon::start_with(Limits { head_timeout: Duration::from_millis(100), ..Limits::default() });
    let client = Client::new(daemon.socket());
    for text in ["first", "second", "third"] {
        let text = Text { text: text.into() };
        let answered = tokio::time::timeout(SOON, client.call::<Echo>(&text)).await.expect("the call hangs");
        assert_eq!(answered.unwrap(), text);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test]
async fn a_socket_that_closes_every_connection_is_no_endless_try() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("d.sock")).unwrap();
    let closing = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let client = Client::new(folder.path().join("d.sock"));
    let called = tokio::time::timeout(SOON, client.call::<WhoAmI>(&Nothing {})).await.expect("the call hangs");
    assert!(matches!(called, Err(CallError::Broken { .. })), "{called:?}");
    closing.abort();
}

#[tokio::test]
async fn calls_side_by_side_have_connections_of_their_own_and_one_that_is_given_up_harms_none() {
    let daemon = Daemon::start();
    let client = Client::new(daemon.socket());
    let given_up = tokio::time::timeout(Duration::from_millis(50), client.call::<SlowRead>(&Nothing {}));
    let texts: Vec<Text> = (0..20).map(|n| Text { text: format!("{n}").repeat(n * 1000) }).collect();
    let echoes = futures_util::future::join_all(texts.iter().map(|text| client.call::<Echo>(text)));
    let (given_up, echoes) = tokio::time::timeout(SOON, async { tokio::join!(given_up, echoes) }).await.unwrap();
    assert!(given_up.is_err(), "it was to take longer");
    for (text, echo) in texts.iter().zip(echoes) {
        assert_eq!(&echo.unwrap(), text);
    }
    assert_eq!(client.call::<Echo>(&texts[3]).await.unwrap(), texts[3]);
}
