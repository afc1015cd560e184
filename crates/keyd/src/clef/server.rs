//! The socket: JSON values in, JSON values out, each connection known by its peer credentials.

use std::{io, sync::Arc, time::Duration};

use osmoda_ipc::{
    Accounts, Caller, Peer,
    daemon::{Dirs, NoSocket, Sockets},
};
use serde_json::{Deserializer, Value};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::methods::{Clef, answer};
use crate::keyd::Keyd;

/// Connections at a time.
const MOST: usize = 64;
/// The largest request, in bytes.
const LARGEST: usize = 1 << 20;
/// How long a connection may say nothing.
const IDLE: Duration = Duration::from_secs(600);

/// The socket's name.
const SOCKET: &str = "keyd-clef";

/// Serves `keyd-clef.sock` in the background until `stop`.
pub(crate) fn serve(
    keyd: &Arc<Keyd>,
    sockets: &Sockets,
    dirs: &Dirs,
    patience_secs: u32,
    stop: CancellationToken,
) -> Result<(), NoSocket> {
    let listener = sockets.listen(SOCKET)?;
    let accounts = Arc::new(Accounts::new(dirs.pid_file("agentd")));
    let clef = Arc::new(Clef::new(keyd.clone(), Duration::from_secs(patience_secs.into())));
    let places = Arc::new(Semaphore::new(MOST));
    info!(socket = %dirs.socket(SOCKET).display(), "clef's clients are served");
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            };
            let Ok(place) = places.clone().try_acquire_owned() else { continue };
            // Who it is, is asked anew for each connection: groups change.
            let caller = Peer::of(&stream).ok().and_then(|peer| accounts.identify(&peer).ok());
            let Some(caller) = caller else {
                warn!("a stranger at the socket of clef's clients was sent away");
                continue;
            };
            let (clef, stop) = (clef.clone(), stop.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    result = converse(stream, &clef, &caller) => {
                        if let Err(error) = result {
                            debug!(%error, "a client of clef's interface ended early");
                        }
                    }
                }
                drop(place);
            });
        }
    });
    Ok(())
}

/// Where clef's interface is turned off and systemd has its socket all the same: clients are sent away at once, instead
/// of waiting for nobody.
pub(crate) fn turn_away(sockets: &Sockets, stop: CancellationToken) -> Result<(), NoSocket> {
    if !sockets.was_passed(SOCKET) {
        return Ok(());
    }
    let listener = sockets.listen(SOCKET)?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => if accepted.is_err() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    });
    Ok(())
}

/// One request after the other, as clef's clients send them: JSON values without any frame.
async fn converse(mut stream: UnixStream, clef: &Clef, caller: &Caller) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        while let Some(request) = next(&mut buffer)? {
            let mut reply = serde_json::to_vec(&answer(clef, caller, &request).await)?;
            reply.push(b'\n');
            stream.write_all(&reply).await?;
        }
        if buffer.len() > LARGEST {
            return Err(io::Error::other("a request is larger than 1 MiB"));
        }
        let read = tokio::time::timeout(IDLE, stream.read_buf(&mut buffer)).await??;
        if read == 0 {
            return Ok(());
        }
    }
}

/// Takes the first whole value out of what came so far.
fn next(buffer: &mut Vec<u8>) -> io::Result<Option<Value>> {
    let mut values = Deserializer::from_slice(buffer).into_iter::<Value>();
    match values.next() {
        None => Ok(None),
        Some(Err(error)) if error.is_eof() => Ok(None),
        Some(Err(error)) => Err(error.into()),
        Some(Ok(value)) => {
            let used = values.byte_offset();
            buffer.drain(..used);
            Ok(Some(value))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_taken_one_by_one_however_they_arrive() {
        let mut buffer = br#"{"a":1} {"b""#.to_vec();
        assert_eq!(next(&mut buffer).unwrap(), Some(json!({"a": 1})));
        assert_eq!(next(&mut buffer).unwrap(), None);
        buffer.extend_from_slice(b":2}\n");
        assert_eq!(next(&mut buffer).unwrap(), Some(json!({"b": 2})));
        assert_eq!(next(&mut buffer).unwrap(), None);
        assert!(next(&mut b"nonsense".to_vec()).is_err());
    }
}
