//! Docker and Podman, asked over their sockets.

use std::{io, path::Path, time::Duration};

use osmoda_api::agentd::App;
use osmoda_apps::found;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

/// Whose they are, and where they answer.
const RUNTIMES: [(&str, &str); 2] = [("docker", "/run/docker.sock"), ("podman", "/run/podman/podman.sock")];
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest answer, in bytes.
const LONGEST: u64 = 4 << 20;
/// HTTP/1.0: an answer that ends with its connection.
const QUESTION: &[u8] = b"GET /containers/json?all=1 HTTP/1.0\r\nHost: localhost\r\n\r\n";

/// The containers of both, and why one could not be asked.
pub(super) async fn all() -> (Vec<App>, Vec<String>) {
    let (mut seen, mut not_seen) = (Vec::new(), Vec::new());
    for (runtime, socket) in RUNTIMES {
        if !Path::new(socket).exists() {
            continue;
        }
        match tokio::time::timeout(PATIENCE, ask(socket)).await {
            Ok(Ok(answer)) => match found::containers(&answer, runtime) {
                Some(apps) => seen.extend(apps),
                None => not_seen.push(format!("containers of {runtime}: its answer can't be read")),
            },
            Ok(Err(error)) => not_seen.push(format!("containers of {runtime}: {error}")),
            Err(_) => not_seen.push(format!("containers of {runtime}: it does not answer")),
        }
    }
    (seen, not_seen)
}

async fn ask(socket: &str) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(QUESTION).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    Ok(body(&answer).to_vec())
}

/// What stands behind the headers.
fn body(answer: &[u8]) -> &[u8] {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    end.and_then(|end| answer.get(end + 4..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_stands_behind_the_headers() {
        assert_eq!(body(b"HTTP/1.0 200 OK\r\nA: b\r\n\r\n[1]"), b"[1]");
        assert_eq!(body(b"HTTP/1.0 200 OK\r\n"), b"");
    }
}
