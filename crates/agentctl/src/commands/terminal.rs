//! `agentctl terminal`: a shell over agentd's WebSocket, in this terminal.

use std::{
    env,
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
};

use bytes::Bytes;
use clap::Args;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use osmoda_ipc::{Message, RequestId, WebSocket};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use terminal_size::terminal_size;
use tokio::{
    io::AsyncReadExt,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{context::Context, exit::Exit, failure::Failure};

/// What a terminal sends for Ctrl-D: the end of what is typed.
const END_OF_INPUT: &[u8] = &[4];

#[derive(Debug, Args)]
pub(crate) struct TerminalArgs {
    /// The folder to start in; the home of agentd's account by default.
    #[arg(long, value_name = "FOLDER")]
    cwd: Option<String>,
}

pub(crate) async fn run(context: &Context, args: TerminalArgs) -> Result<Exit, Failure> {
    let client = context.client("agentd")?;
    let target = target(size(), env::var("TERM").ok().as_deref(), args.cwd.as_deref());
    let opened = client.websocket(&target).await;
    let socket = opened.map_err(|error| Failure::of_call(error, &RequestId::generate(), &context.how_to_start()))?;
    let raw = Raw::begin()?;
    let ended = converse(socket).await;
    drop(raw);
    let (reason, exit_code) = ended?;
    if reason != "exited" {
        context.output.remark(&format!("the terminal ended: {}", reason.replace('_', " ")));
    }
    Ok(if exit_code == Some(0) { Exit::Fine } else { Exit::Failed })
}

/// Carries keys there and output back. Answers with why it ended, and with the shell's exit code.
async fn converse(mut socket: WebSocket) -> Result<(String, Option<i64>), Failure> {
    let (mut resized, mut hung_up, mut terminated) =
        (listen(SignalKind::window_change())?, listen(SignalKind::hangup())?, listen(SignalKind::terminate())?);
    let (mut keys, mut typed, mut has_keys) = (tokio::io::stdin(), vec![0; 16 << 10], true);
    let mut end = ("the connection broke".to_owned(), None);
    loop {
        let message = tokio::select! {
            said = socket.next() => match said {
                Some(Ok(Message::Bytes(bytes))) => {
                    show(&bytes)?;
                    continue;
                }
                Some(Ok(Message::Text(text))) => {
                    let told: Value = serde_json::from_str(&text).unwrap_or_default();
                    let reason = told["reason"].as_str().unwrap_or("no reason was told").to_owned();
                    end = (reason, told["exit_code"].as_i64());
                    continue;
                }
                Some(Err(_)) | None => return Ok(end),
            },
            read = keys.read(&mut typed), if has_keys => match read {
                Ok(length @ 1..) => Message::Bytes(Bytes::copy_from_slice(typed.get(..length).unwrap_or_default())),
                Ok(0) | Err(_) => {
                    has_keys = false;
                    Message::Bytes(Bytes::from_static(END_OF_INPUT))
                }
            },
            _ = resized.recv() => match size() {
                Some((cols, rows)) => {
                    Message::Text(json!({ "type": "resize", "cols": cols, "rows": rows }).to_string())
                }
                None => continue,
            },
            _ = hung_up.recv() => return Ok(end),
            _ = terminated.recv() => return Ok(end),
        };
        if socket.send(message).await.is_err() {
            return Ok(end);
        }
    }
}

fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|source| Failure::System { what: "signals can't be waited for", source })
}

fn show(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(Failure::Output)
}

/// This terminal's columns and rows.
fn size() -> Option<(u16, u16)> {
    terminal_size().map(|(cols, rows)| (cols.0, rows.0)).filter(|(cols, rows)| *cols > 0 && *rows > 0)
}

fn target(size: Option<(u16, u16)>, term: Option<&str>, cwd: Option<&str>) -> String {
    let (cols, rows) = size.unwrap_or((80, 24));
    let mut target = format!("/terminal?cols={}&rows={}", cols.min(1000), rows.min(1000));
    for (name, value) in [("term", term), ("cwd", cwd)] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            target.push_str(&format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        }
    }
    target
}

/// This terminal hands every key on as it is, until this is dropped. Where standard input is none, nothing changes.
struct Raw(Option<Termios>);

impl Raw {
    fn begin() -> Result<Self, Failure> {
        if !io::stdin().is_terminal() {
            return Ok(Self(None));
        }
        let failed = |errno: nix::Error| Failure::System { what: "the terminal can't be set up", source: errno.into() };
        let before = tcgetattr(io::stdin().as_fd()).map_err(failed)?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(io::stdin().as_fd(), SetArg::TCSANOW, &raw).map_err(failed)?;
        Ok(Self(Some(before)))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(io::stdin().as_fd(), SetArg::TCSADRAIN, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_says_size_kind_and_folder() {
        assert_eq!(target(None, None, None), "/terminal?cols=80&rows=24");
        assert_eq!(
            target(Some((5000, 50)), Some("xterm"), Some("/srv/a b&c")),
            "/terminal?cols=1000&rows=50&term=xterm&cwd=%2Fsrv%2Fa%20b%26c"
        );
        assert_eq!(target(None, Some(""), None), "/terminal?cols=80&rows=24");
    }
}
