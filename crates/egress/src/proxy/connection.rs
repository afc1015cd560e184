//! A client's connection: its first bytes decide whether it is CONNECT or a request in absolute form.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::AsyncReadExt,
    time::{Instant, timeout_at},
};

use super::{
    Counted, Proxy,
    connect::refuse,
    forward,
    head::{LARGEST_HEAD, end_of_head},
    socket::Socket,
};
use crate::refusal::Refusal;

/// How long a head may take, from the first byte to the last.
pub(super) const HEAD: Duration = Duration::from_secs(10);
/// The same while many are waited for.
const HEAD_IN_A_CROWD: Duration = Duration::from_secs(1);
/// So many are many.
const CROWD: u32 = 512;

const CONNECT: &[u8] = b"CONNECT ";

/// What a client begins with.
enum Beginning {
    /// A whole head of CONNECT, and what followed it.
    Connect { head: Vec<u8>, early: Vec<u8> },
    /// The start of another request.
    Other(Vec<u8>),
    /// Nothing.
    Nothing,
}

impl Proxy {
    /// Serves one client to its end.
    pub(super) async fn serve(self: Arc<Self>, mut client: Socket) {
        let clients = Counted::new(&self.clients);
        if clients.many() > self.settings().config.most_connections {
            return refuse(client, &Refusal::Busy).await;
        }
        let beginning = {
            let silent = Counted::new(&self.silent);
            let patience = if silent.many() > CROWD { HEAD_IN_A_CROWD } else { HEAD };
            match timeout_at(Instant::now() + patience, beginning(&mut client)).await {
                Ok(beginning) => beginning,
                Err(_) => Err(Refusal::HeadTooSlow),
            }
        };
        match beginning {
            Ok(Beginning::Connect { head, early }) => self.connect(client, &head, early).await,
            // Boxed, so that a tunnel does not carry the size of what it is not.
            Ok(Beginning::Other(early)) => Box::pin(forward::serve(self.clone(), client, early)).await,
            Ok(Beginning::Nothing) => {}
            Err(refusal) => {
                self.reporter.refused(&refusal, None, "");
                refuse(client, &refusal).await;
            }
        }
    }
}

async fn beginning(client: &mut Socket) -> Result<Beginning, Refusal> {
    let mut buffer = Vec::with_capacity(1024);
    let mut looked_at = 0;
    loop {
        if !more(client, &mut buffer).await {
            return Ok(Beginning::Nothing);
        }
        let shared = buffer.len().min(CONNECT.len());
        if buffer.get(..shared) != CONNECT.get(..shared) {
            return Ok(Beginning::Other(buffer));
        }
        if let Some(end) = end_of_head(&buffer, looked_at) {
            let early = buffer.split_off(end);
            return Ok(Beginning::Connect { head: buffer, early });
        }
        if buffer.len() >= LARGEST_HEAD {
            return Err(Refusal::HeadTooLarge);
        }
        looked_at = buffer.len();
    }
}

/// Whether more came.
async fn more(client: &mut Socket, buffer: &mut Vec<u8>) -> bool {
    buffer.reserve(1024);
    let read: io::Result<usize> = client.read_buf(buffer).await;
    read.is_ok_and(|count| count > 0)
}
