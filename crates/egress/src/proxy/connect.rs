//! CONNECT: a tunnel to a host, once its first bytes are what they must be.

use std::{os::fd::AsFd, time::Duration};

use osmoda_capability::Host;
use tokio::{io::AsyncWriteExt, time::timeout};

use super::{
    Proxy,
    authorise::Pass,
    head::{ConnectHead, parse_connect, token_in},
    relay::{End, Gate, relay},
    socket::Socket,
};
use crate::{
    book::{Ticket, Via},
    refusal::Refusal,
    tls::Rules,
};

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// How long a client may take to read the answer.
const ANSWER: Duration = Duration::from_secs(10);

/// A tunnel that is to be opened.
struct Asked {
    host: Host,
    port: u16,
    pass: Pass,
    ticket: Ticket,
}

impl Proxy {
    /// Serves a CONNECT request. `early` is what followed its head.
    pub(super) async fn connect(&self, client: Socket, head: &[u8], early: Vec<u8>) {
        let settings = self.settings();
        let asked = match self.asked(head) {
            Ok(asked) => asked,
            Err(refusal) => return refuse(client, &refusal).await,
        };
        let Asked { host, port, pass, mut ticket } = asked;
        let dialled = tokio::select! {
            biased;
            why = ticket.entry.cut() => return ticket.end(why),
            // Boxed, so that an open tunnel does not carry the size of what is over.
            dialled = Box::pin(self.dial(&settings, &host, port)) => dialled,
        };
        let (server, address) = match dialled {
            Ok(dialled) => dialled,
            Err(refusal) => {
                ticket.end(refusal.code());
                drop(ticket);
                return refuse(client, &refusal).await;
            }
        };
        let _ = ticket.entry.address.set(address);
        let (mut client, server) = (client, Socket::Tcp(server));
        if !matches!(timeout(ANSWER, client.write_all(ESTABLISHED)).await, Ok(Ok(()))) {
            return ticket.end(End::Broken.as_str());
        }
        let rules = Rules {
            must_be_tls: settings.config.tls_ports.contains(&port),
            allow_ech: settings.config.allow_ech,
            allow_plain_http: settings.config.allow_plain_http,
        };
        drop(settings);
        let end = {
            let _reach = ticket.entry.reach(client.as_fd(), server.as_fd());
            relay(&client, &server, Gate { host, rules }, early, &ticket, &pass.meter).await
        };
        if let End::Refused(why) = end
            && let Some(alert) = why.alert()
        {
            client.say_last(&alert);
        }
        ticket.end(end.as_str());
        drop(pass.slots);
    }

    fn asked(&self, head: &[u8]) -> Result<Asked, Refusal> {
        let ConnectHead { authority, token } = parse_connect(head).inspect_err(|refusal| {
            let id = token_in(head).and_then(|token| self.tokens.id_of(&token));
            self.reporter.refused(refusal, id.as_deref(), "");
        })?;
        let port = authority.port.unwrap_or(443);
        let to = authority.host.to_string();
        let pass =
            self.authorise(&self.settings(), token.as_deref(), &authority.host, port).inspect_err(|refusal| {
                let id = token.as_deref().and_then(|token| self.tokens.id_of(token));
                self.reporter.refused(refusal, id.as_deref(), &format!("{to}:{port}"));
            })?;
        let ticket = self.book.open(&self.reporter, pass.claims.clone(), (to, port), Via::Tunnel);
        Ok(Asked { host: authority.host, port, pass, ticket })
    }
}

/// Says why not, and reads away for a moment what the client still sends, so that closing does not reset the connection
/// before the answer is read.
pub(super) async fn refuse(mut client: Socket, refusal: &Refusal) {
    let polite = async {
        client.write_all(&refusal.answer()).await?;
        client.shutdown().await?;
        // Not in the future, which every tunnel would carry the size of.
        let mut sink = vec![0; 1024];
        let mut left: usize = 64;
        while left > 0 && tokio::io::AsyncReadExt::read(&mut client, &mut sink).await? > 0 {
            left -= 1;
        }
        Ok::<(), std::io::Error>(())
    };
    let _ = timeout(Duration::from_secs(1), polite).await;
}
