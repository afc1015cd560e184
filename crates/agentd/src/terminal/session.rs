//! One open terminal: keys in, what the shell says out, until one of the two, or its time, ends.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use bytes::{Buf, Bytes};
use osmoda_ipc::{Close, Fault, Message, WebSocket};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{Prepared, ask::resize, shell::Shell};

/// Bytes of the shell's output in one message.
const CHUNK: usize = 16 << 10;
/// How long the last output is waited for after the shell's end: what it left behind may hold the terminal for ever.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What ends a terminal before its shell does.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// So long without a key and without output.
    pub(crate) idle: Duration,
    /// So long in all.
    pub(crate) longest: Duration,
    pub(crate) stop: CancellationToken,
}

/// Why a terminal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Reason {
    /// Its shell did.
    Exited,
    /// Its client was gone, or took nothing any more.
    HungUp,
    Idle,
    TooLong,
    /// agentd stops.
    Shutdown,
    /// Its client said what nobody understands.
    BadMessage,
}

/// What has gone through it.
#[derive(Debug, Default)]
struct Counts {
    bytes_in: usize,
    bytes_out: usize,
}

/// Serves a terminal to its end, and says what became of it.
pub(crate) async fn serve(prepared: Prepared, mut socket: WebSocket, limits: Limits) -> Result<Value, Fault> {
    let mut shell = match prepared.start() {
        Ok(shell) => shell,
        Err(fault) => {
            socket.close(Close::Policy, fault.message()).await;
            return Err(fault);
        }
    };
    let mut counts = Counts::default();
    let (reason, status) = run(&mut shell, &mut socket, &limits, &mut counts).await;
    let exit_code = status.and_then(|status| status.code().or_else(|| status.signal().map(|signal| 128 + signal)));
    if reason == Reason::Exited {
        say_the_rest(&shell, &mut socket, &mut counts).await;
    } else {
        shell.end().await;
    }
    if reason != Reason::HungUp {
        let told = json!({ "type": "exit", "reason": reason, "exit_code": exit_code });
        let _ = socket.send(Message::Text(told.to_string())).await;
        let (how, why) = match reason {
            Reason::Exited | Reason::HungUp => (Close::Normal, "the shell ended"),
            Reason::Idle => (Close::Normal, "nobody used it"),
            Reason::TooLong => (Close::Normal, "its time was up"),
            Reason::Shutdown => (Close::Away, "agentd stops"),
            Reason::BadMessage => {
                (Close::Policy, r#"keys are binary messages; a text message is {"type":"resize","cols":80,"rows":24}"#)
            }
        };
        socket.close(how, why).await;
    }
    Ok(json!({ "reason": reason, "exit_code": exit_code, "bytes_in": counts.bytes_in, "bytes_out": counts.bytes_out }))
}

async fn run(
    shell: &mut Shell,
    socket: &mut WebSocket,
    limits: &Limits,
    counts: &mut Counts,
) -> (Reason, Option<ExitStatus>) {
    let mut said = vec![0; CHUNK];
    // Keys that the shell has not taken yet. While there are some, no more are read, so that they can't pile up.
    let mut keys = Bytes::new();
    let mut has_output = true;
    let mut idle = std::pin::pin!(sleep(limits.idle));
    let mut longest = std::pin::pin!(sleep(limits.longest));
    loop {
        let Shell { pty, child, .. } = &mut *shell;
        tokio::select! {
            read = pty.read(&mut said), if has_output => match read {
                Ok(length @ 1..) => {
                    counts.bytes_out += length;
                    let chunk = Bytes::copy_from_slice(said.get(..length).unwrap_or_default());
                    if socket.send(Message::Bytes(chunk)).await.is_err() {
                        return (Reason::HungUp, None);
                    }
                }
                // The shell, or what it started, closed the terminal and may still run.
                Ok(0) | Err(_) => has_output = false,
            },
            written = pty.write(&keys), if !keys.is_empty() => match written {
                Ok(length) => {
                    counts.bytes_in += length;
                    keys.advance(length);
                }
                Err(_) => keys.clear(),
            },
            message = socket.next(), if keys.is_empty() => match message {
                Some(Ok(Message::Bytes(bytes))) => keys = bytes,
                Some(Ok(Message::Text(text))) => match resize(&text) {
                    Some(size) => drop(pty.resize(size)),
                    None => return (Reason::BadMessage, None),
                },
                Some(Err(_)) | None => return (Reason::HungUp, None),
            },
            status = child.wait() => return (Reason::Exited, status.ok()),
            () = &mut idle => return (Reason::Idle, None),
            () = &mut longest => return (Reason::TooLong, None),
            () = limits.stop.cancelled() => return (Reason::Shutdown, None),
        }
        idle.as_mut().reset(Instant::now() + limits.idle);
    }
}

/// What lies in the terminal when its shell has ended.
async fn say_the_rest(shell: &Shell, socket: &mut WebSocket, counts: &mut Counts) {
    let mut said = vec![0; CHUNK];
    let rest = async {
        while let Ok(length @ 1..) = shell.pty.read(&mut said).await {
            counts.bytes_out += length;
            let chunk = Bytes::copy_from_slice(said.get(..length).unwrap_or_default());
            if socket.send(Message::Bytes(chunk)).await.is_err() {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(LAST_WORDS, rest).await;
}
